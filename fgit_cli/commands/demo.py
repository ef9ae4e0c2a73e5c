"""The whole chain on a small student, every command printed before it runs.

Makes instructions from the mini family, wrong variants by rules, masked pairs; fine-tunes the student that comes with
fgit once by plain SFT and once by FGit; runs all three models' answers to held-out tasks in the sandbox; and reports.
What is real: every stage, the executed tests, the statistics. What is tiny: the tasks (one small function each) and the
student (about a million parameters, made by lab/make_student.py). Differences of a point or two between SFT and FGit
are within the noise of one run; lab/RESULTS.md has many.
"""

import dataclasses
import importlib.util
import os
import shlex
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from fgit_cli.benches.mini import STUDENT
from fgit_cli.errors import INTERRUPTED, EngineError, MissingExtra, UsageError
from fgit_cli.options import Common, option

if TYPE_CHECKING:
    from fgit_cli.reporting.in_words import Finding

THREADS = os.environ.get("OMP_NUM_THREADS", "1")  # more of them cost a model so small more than they bring

MODELS = ("base", "sft", "fgit")
MARKER = ".fgit-demo"  # in a folder that a demo may empty
MADE = (
    "instructions.jsonl", "student", "variants.jsonl", "selected.jsonl", "pairs.jsonl", "sft", "fgit",
    "sft.log.jsonl", "fgit.log.jsonl", *(f"{name}.jsonl" for name in MODELS), "report.html", ".fgit",
)  # fmt: skip


@dataclasses.dataclass(frozen=True, kw_only=True)
class Options(Common):
    folder: str = option("fgit-demo", "Work here; made if need be.", metavar="DIR")
    records: int = option(400, "Instructions to tune on.", minimum=16, unit="records", source="our choice")
    learning_rate: float = option(2e-4, "For SFT and FGit alike.", minimum=0, source="our choice, for so small a model")


def steps(options: Options) -> list[tuple[str, str]]:
    """What is said and what is typed, in order; `python` and `fgit` are this installation's."""
    train = f"--model student --learning-rate {options.learning_rate:g} --global-batch-size 16 pairs.jsonl"
    ask = "fgit eval --bench mini --batch-size 100"
    return [
        ("Instructions, correct responses and tests, from compositions that the student has seen.",
         f"python -m fgit_cli.benches.mini --split train --count {options.records} > instructions.jsonl"),
        ("The student: a Llama of about a million parameters that is wrong in systematic ways.",
         "python -m fgit_cli.benches.mini --student student"),
        ("Wrong variants of each response, by mutation rules (a teacher model would be `--method llm`).",
         "fgit mutate --method universalmutator instructions.jsonl --output variants.jsonl"),
        ("The nearest wrong variant, by edit distance (UniXcoder is the default where it can be had).",
         "fgit select --by edit variants.jsonl --output selected.jsonl"),
        ("Differences on the student's tokens: 1 on a changed line, 2 changed.",
         "fgit mask --tokenizer student selected.jsonl --output pairs.jsonl"),
        ("Plain SFT.", f"fgit train --objective sft --output-dir sft {train} > sft.log.jsonl"),
        ("Fault-guided fine-tuning.", f"fgit train --objective fgit --output-dir fgit {train} > fgit.log.jsonl"),
        ("The student before tuning, on held-out compositions.", f"{ask} --model student > base.jsonl"),
        ("After SFT.", f"{ask} --model sft > sft.jsonl"),
        ("After FGit.", f"{ask} --model fgit > fgit.jsonl"),
        ("Side by side, with intervals and paired tests.",
         "fgit report base.jsonl sft.jsonl fgit.jsonl --baseline base"),
        ("The same as a page to look at.",
         "fgit report base.jsonl sft.jsonl fgit.jsonl sft.log.jsonl fgit.log.jsonl pairs.jsonl --baseline base "
         "--format html --output report.html"),
    ]  # fmt: skip


def run(options: Options) -> None:
    folder = Path(options.folder)
    if not all(map(importlib.util.find_spec, ("torch", "transformers", "accelerate", "universalmutator"))):
        raise MissingExtra("the demo", "mutate,train")
    if not STUDENT.is_dir():
        raise UsageError("the mini student is not in this installation; make it: python -m lab.make_student")
    _clear(folder)
    print(f"$ mkdir -p {folder} && cd {folder} && export OMP_NUM_THREADS={THREADS}")
    started = time.monotonic()
    for number, (said, typed) in enumerate(steps(options), 1):
        print(f"\n# {number}. {said}\n$ {typed}", flush=True)
        _type(typed, folder)
    print(f"\nDone in {time.monotonic() - started:.0f} s.")
    print(_last_words(folder))


def _clear(folder: Path) -> None:
    """Make the folder, or take out what an earlier demo made in it. Raises UsageError for any other that is full."""
    marker = folder / MARKER
    if marker.exists():
        print(f"# {folder} is an earlier demo's: what that made is made anew")
        for name in MADE:
            path = folder / name
            shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
    elif folder.exists() and any(folder.iterdir()):
        raise UsageError(f"--folder {folder} has files already; name another, or remove it if it is an old demo's")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        marker.write_text("fgit demo works here, and makes its files anew the next time.\n", encoding="utf-8")
    except OSError as error:
        raise UsageError(f"--folder {folder}: {error.strerror}") from None


def _last_words(folder: Path) -> str:
    """The comparison in words, where to look at it, and three things to do next."""
    found = [f"  {line}" for one in _findings(folder) for line in one.lines()]
    return "\n".join([
        *(["", "What came of it:", *found] if found else []),
        "",
        f"The page: {(folder / 'report.html').resolve().as_uri()}",
        "",
        "Next:",
        "  1. Your own records (a JSON object with `instruction` and `response` a line) and a teacher:",
        "     set -o pipefail; OPENAI_BASE_URL=http://HOST:8000/v1 fgit mutate < yours.jsonl | fgit select | "
        "fgit mask --tokenizer MODEL > pairs.jsonl",
        "  2. What tuning MODEL on them would take, then the tuning itself:",
        "     fgit train pairs.jsonl --dry-run --gpu a100-80gb",
        "     fgit train pairs.jsonl",
        "  3. Whether it helped, beside the untuned model:",
        "     fgit eval --bench humaneval+ --model MODEL > base.jsonl",
        "     fgit eval --bench humaneval+ --model fgit-out > fgit.jsonl",
        "     fgit report base.jsonl fgit.jsonl --format html --output report.html",
    ])  # fmt: skip


def _findings(folder: Path) -> "list[Finding]":
    """Each model against the base and SFT against FGit; nothing where scipy, which tests them, is not installed."""
    from fgit_cli.reporting import comparison, in_words, inputs, scores

    runs = scores.by_name(inputs.read([f"{name}={folder / name}.jsonl" for name in MODELS]).runs)
    try:
        tables = [comparison.paired(runs, MODELS[0]), comparison.between(runs, MODELS[0])]
    except ImportError:
        return []
    return in_words.findings([table for table in tables if table])


def _type(line: str, folder: Path) -> None:
    """Run one line in a shell where `fgit` and `python` are this installation's. Raises EngineError if it fails."""
    python = shlex.quote(sys.executable)
    shell = f'python() {{ {python} "$@"; }}; fgit() {{ {python} -m fgit_cli "$@"; }}; {line}'
    code = subprocess.run(
        ["bash", "-c", shell], cwd=folder, env={**os.environ, "OMP_NUM_THREADS": THREADS}, check=False
    ).returncode
    if code == INTERRUPTED:
        raise KeyboardInterrupt
    if code:
        raise EngineError(f"`{line}` ended with exit status {code}; what it said stands above")
