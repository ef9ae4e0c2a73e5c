"""Texts per second of `select`'s embedding, against record by record and against one plain encode of everything.

    python -m benchmarks.selection [--records 60] [--layers 6] [--hidden 384] [--device cpu]

Three ways over the same records (real code of the test data, three small edits each, FGIT_TEST_DATA), with the same
random RoBERTa weights, interleaved, medians of --rounds; on a CPU processor seconds, else wall time:

- select: what `fgit select` does, every text once, windows sorted by length, passes of 1,024 positions (GPU: 32,768);
- one by one: the same embedder called once a record;
- plain: SentenceTransformer.encode of all texts at once, duplicates and all, cut at 512 (what it cannot see, it skips).

(Named so because a `select.py` beside other scripts would hide the standard library's module of that name.)

Says as well for how many records bfloat16 would have chosen another variant than fp32.
"""

import argparse
import gzip
import json
import random
import re
import statistics
import tempfile
import time
from pathlib import Path

from benchmarks import test_data

EDITS = [
    ("+", "-"),
    ("<", "<="),
    (">", ">="),
    ("==", "!="),
    ("0", "1"),
    ("1", "2"),
    (" and ", " or "),
    ("True", "False"),
]


def records(count: int) -> list[list[str]]:
    """Per record the correct code and three variants, each with one token changed."""
    from fgit_cli.core import fences

    chosen = random.Random(0)
    out = []
    source = test_data.folder("instruct", "evol.jsonl.gz")
    with gzip.open(source, "rt") as stream:
        for line in stream:
            text = json.loads(line)["output"]
            if "```" not in text:
                continue
            code = fences.code(text)
            places = [(m.start(), old, new) for old, new in EDITS for m in re.finditer(re.escape(old), code)]
            if len(places) >= 3:
                edits = chosen.sample(places, 3)
                out.append([code, *(code[:at] + new + code[at + len(old) :] for at, old, new in edits)])
            if len(out) == count:
                break
    return out


def make_model(folder: Path, texts: list[str], layers: int, hidden: int) -> None:
    """A random RoBERTa with UniXcoder's special tokens, and a byte-level tokenizer made from the texts."""
    import torch
    from tokenizers import ByteLevelBPETokenizer
    from transformers import RobertaConfig, RobertaModel

    torch.manual_seed(0)
    trained = ByteLevelBPETokenizer()
    trained.train_from_iterator(texts, vocab_size=8000, special_tokens=["<s>", "<pad>", "</s>", "<unk>", "<mask>"])
    trained.save_model(str(folder))
    vocabulary = json.loads((folder / "vocab.json").read_text())
    vocabulary["<encoder-only>"] = len(vocabulary)
    (folder / "vocab.json").write_text(json.dumps(vocabulary))
    (folder / "tokenizer_config.json").write_text('{"tokenizer_class": "RobertaTokenizer", "model_max_length": 512}')
    config = RobertaConfig(
        vocab_size=len(vocabulary), hidden_size=hidden, num_hidden_layers=layers, num_attention_heads=hidden // 64,
        intermediate_size=4 * hidden, max_position_embeddings=1026, type_vocab_size=10,
    )  # fmt: skip
    RobertaModel(config).save_pretrained(folder)


def plain_encoder(folder: Path, device: str):
    """sentence-transformers as one would first use it on this model: mean pooling, cut at 512."""
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import Pooling, Transformer

    words = Transformer(str(folder), max_seq_length=512)
    size = words.get_embedding_dimension()
    return SentenceTransformer(modules=[words, Pooling(size, pooling_mode="mean")], device=device)


def choices(scores: list[float]) -> list[int]:
    """Per record the place of its best variant."""
    return [max(range(3), key=lambda i: scores[at + i]) for at in range(0, len(scores), 3)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--records", type=int, default=60)
    parser.add_argument("--layers", type=int, default=6)
    parser.add_argument("--hidden", type=int, default=384)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--device", default="cpu")
    options = parser.parse_args()
    from transformers.utils import logging

    from fgit_cli.engines.embedding.opening import cosine_scorer, open_embedder
    from fgit_cli.engines.embedding.sentences import SentenceEmbedder

    clock = time.process_time if options.device == "cpu" else time.perf_counter
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    data = records(options.records)
    texts = [text for record in data for text in record]
    pairs = [(record[0], variant) for record in data for variant in record[1:]]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        make_model(folder, texts, options.layers, options.hidden)
        embedder = open_embedder(str(folder), options.device)
        score = cosine_scorer(embedder)
        encoder = plain_encoder(folder, options.device)
        ways = {
            "select": lambda: score(pairs),
            "one by one": lambda: [s for r in data for s in score([(r[0], v) for v in r[1:]])],
            "plain": lambda: encoder.encode([t for pair in pairs for t in pair], show_progress_bar=False),
        }
        score(pairs[:6])
        encoder.encode(texts[:4], show_progress_bar=False)
        seconds: dict[str, list[float]] = {way: [] for way in ways}
        results = {}
        for _ in range(options.rounds):
            for way, run in ways.items():
                started = clock()
                results[way] = run()
                seconds[way].append(clock() - started)
        assert isinstance(embedder, SentenceEmbedder)
        embedder.model.bfloat16()
        half = score(pairs)
    worst = max(abs(a - b) for a, b in zip(results["select"], results["one by one"], strict=True))
    moved = sum(a != b for a, b in zip(choices(results["select"]), choices(half), strict=True))
    medians = {way: statistics.median(each) for way, each in seconds.items()}
    print(f"{len(texts)} texts of {len(data)} records, {options.layers} layers of {options.hidden}, {options.device}")
    for way, median in medians.items():
        rate = len(texts) / median
        print(f"{way:12} {rate:8.1f} texts/s  {median:7.2f} s  select is {median / medians['select']:.2f} x as fast")
    print(f"select and one by one differ by at most {worst:.1e}; bfloat16 chooses otherwise in {moved} of {len(data)}")


if __name__ == "__main__":
    main()
