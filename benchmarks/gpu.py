"""Training on this machine's GPU: is it right, how fast is each step, does every way of starting it run?

    python -m benchmarks.gpu --prepare FOLDER once, where FGIT_TEST_DATA is and a package index answers; needs no GPU
    python -m benchmarks.gpu FOLDER           on a machine with a GPU; torch for CUDA is all that it must have

`--prepare` masks the pairs and puts wheels for Python 3.12 beside them (under 50 MB in all) for what a bare machine
lacks; a folder prepared with `--no-wheels` serves where fgit is installed. Each part takes four minutes at most and
prints a line as soon as it has one; what time does not allow is said.

    --part speed    errors against fp64, time and memory of a step beside its peers (gpu_speed.py)
    --part paths    the command as DeepSpeed, accelerate, LoRA and others start it, kill -9 and --resume (gpu_paths.py)
    --part memory   the same run on a free card and on one that is nearly full (gpu_memory.py)
"""

import argparse
import os
import shutil
import subprocess
import sys
from pathlib import Path

from benchmarks import test_data

HERE = Path(__file__).parent
# What fgit's training and its peers need and a machine with torch, numpy and accelerate may lack. Pure Python but for
# three; deepspeed has no wheel on the index and is built.
WHEELS = (
    "liger-kernel", "transformers>=5.19,<5.24", "trl==1.16.0", "datasets", "dill<0.4.2", "multiprocess<0.70.20",
    "hjson", "py-cpuinfo", "pydantic==2.13.4", "pydantic-core==2.46.4", "annotated-types",
    "typing-inspection", "orjson", "jsonlines",
    "msgpack",
)  # fmt: skip
BUILT = ("deepspeed==0.19.8",)
PLATFORMS = ("manylinux_2_28_x86_64", "manylinux_2_17_x86_64", "manylinux2014_x86_64")
READY = "FGIT_BENCHMARK_READY"  # set once the wheels are on the path


def prepare(folder: Path, wheels: bool) -> None:
    """Write pairs, tokenizer and wheels into `folder`."""
    from benchmarks.train_peers import TARGET, faulty, fgit

    data = test_data.folder()
    (folder / "pairs").mkdir(parents=True, exist_ok=True)
    tokenizer = folder / "tokenizer"
    tokenizer.mkdir(exist_ok=True)
    for file in (data / "tok/deepseek-coder").iterdir():
        shutil.copyfile(file, tokenizer / file.name)
    for kind in ("evol", "harsh"):
        records = faulty(data, kind, 64)
        for name, words in ((kind, ()), (f"{kind}-target", TARGET)):
            masked = fgit("mask", "--tokenizer", tokenizer, *words, stdin=records)
            (folder / "pairs" / f"{name}.jsonl").write_text(masked)
    if wheels:
        fetch(folder / "wheels")
    size = sum(f.stat().st_size for f in folder.rglob("*") if f.is_file())
    print(f"{folder}: {size / 1e6:.0f} MB")


def fetch(folder: Path) -> None:
    pip = [sys.executable, "-m", "pip"]
    platforms = [word for name in PLATFORMS for word in ("--platform", name)]
    options = ["--no-deps", "--only-binary=:all:", "--python-version", "3.12", "--implementation", "cp", *platforms]
    subprocess.run([*pip, "download", "-q", *options, "-d", str(folder), *WHEELS], check=True)
    subprocess.run([*pip, "wheel", "-q", "--no-deps", "--no-build-isolation", "-w", str(folder), *BUILT], check=True)


def use(folder: Path) -> None:
    """Start again with the folder's wheels and fgit itself on the path."""
    path, site = [str(HERE.parent)], folder / "site"
    if (folder / "wheels").exists():
        wheels = sorted(map(str, (folder / "wheels").glob("*.whl")))
        quiet = ["-q", "--no-index", "--no-deps", "--no-cache-dir", "--upgrade"]
        subprocess.run([sys.executable, "-m", "pip", "install", *quiet, "--target", str(site), *wheels], check=True)
        path.insert(0, str(site))
    path += [p for p in os.environ.get("PYTHONPATH", "").split(os.pathsep) if p]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path), READY: "1", "PYTHONUNBUFFERED": "1"}
    os.execve(sys.executable, [sys.executable, "-m", "benchmarks.gpu", *sys.argv[1:]], environment)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="what --prepare wrote")
    parser.add_argument("--prepare", action="store_true", help="write the folder, and stop")
    parser.add_argument("--no-wheels", action="store_true", help="--prepare: without wheels")
    parser.add_argument("--part", choices=["speed", "paths", "memory", "all"], default="all")
    parser.add_argument("--only", help="speed: one size, such as 1.5B; paths: a part of their names")
    parser.add_argument("--seconds", type=float, default=240, help="of each part, at most")
    options = parser.parse_args()
    if options.prepare:
        prepare(options.folder.resolve(), not options.no_wheels)
        return
    if READY not in os.environ:
        use(options.folder.resolve())
    if options.part in ("speed", "all"):
        from benchmarks import gpu_speed

        gpu_speed.main(options.folder, options.seconds, options.only)
    if options.part in ("paths", "all"):
        from benchmarks import gpu_paths

        gpu_paths.main(options.folder, options.seconds, options.only)
    if options.part in ("memory", "all"):
        from benchmarks import gpu_memory

        gpu_memory.main(options.folder, options.seconds)


if __name__ == "__main__":
    main()
