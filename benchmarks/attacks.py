"""The attack programs of tests/attacks/ against fgit's executor and against evalplus's own check, as a table.

    python -m benchmarks.attacks [--only KIND] [--markdown]

One line a program: the verdict of fgit at both levels, the verdict of evalplus.eval.untrusted_check, and what that
check left behind or suffered. evalplus runs inside a box of fgit's (profile `open`), one box a program, so that what
gets past evalplus goes no further; files, connections and processes are counted in there by the same witness. The box
forbids a few things that evalplus would not (system calls such as ptrace), so evalplus looks better here, not worse.
A pass is printed as PASS where the program must not get one. About two minutes on two cores.
"""

import argparse
import os
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from fgit_cli.executor import CallJob, Executor, Expected, decode, encode
from tests.attacks import table, witness

ROOT = Path(__file__).parent.parent

LIMIT = 0.5  # seconds an input
INPUTS, ANSWERS = table.INPUTS[:2], table.ANSWERS[:2]  # two, for evalplus waits for all their limits together
OVERALL = 20.0  # seconds after which evalplus's check counts as hung
LEVELS = ("namespaces", "landlock+seccomp")

# Runs in the box: evalplus's check of one program, and what the witness saw.
HARNESS = """
import os, sys, time, types
for name, text in MODULES.items():
    module = types.ModuleType(name)
    module.__file__ = "/tmp/" + name
    sys.modules[name] = module
    exec(text, module.__dict__)
from tests.attacks import table, witness
from evalplus.eval import untrusted_check
os.environ[table.SECRET] = table.answers_json()
os.environ["EVALPLUS_MAX_MEMORY_BYTES"] = str(512 << 20)
seen = witness.Witness()
program = SOURCE
for name, value in seen.places.items():
    program = program.replace("@" + name.upper() + "@", str(value))
known = witness.running({os.getuid()})
os.dup2(3, 100)  # fgit's own result pipe, out of the way of programs that write there
os.close(3)
began = time.monotonic()
status, details = untrusted_check(
    "humaneval", program, [[n] for n in INPUTS], table.ENTRY_POINT, expected=ANSWERS, atol=0,
    ref_time=[0.0] * len(INPUTS),
    fast_check=True, min_time_limit=LIMIT,
)
took = time.monotonic() - began
os.dup2(100, 3)
time.sleep(0.3)
left = [c for p, c in witness.running({os.getuid()}).items() if p not in known]
__report__ = {"status": status, "took": took, "complaints": seen.complaints(), "left": left}
os.kill(seen.victim.pid, 9)
"""


def fgit(level: str, attacks: list[table.Attack]) -> Iterator[tuple[str, list[str]]]:
    """The verdict on each program, and what it did beside."""
    os.environ[table.SECRET] = table.answers_json()
    inputs = tuple(encode([numbers]) for numbers in INPUTS)
    expected = Expected(tuple(encode(answer) for answer in ANSWERS))
    seen = witness.Witness()
    with Executor(level, workers=1, memory=512 << 20) as executor:  # type: ignore[arg-type]
        for attack in attacks:
            program = attack.program(**seen.places)
            job = CallJob(program, table.ENTRY_POINT, inputs, time_limits=LIMIT, load_limit=LIMIT)
            began = time.monotonic()
            result = executor.check(job, expected)
            late = time.monotonic() - began - result.starved > LIMIT + 1
            yield result.status, seen.complaints() + (["late"] if late else [])
    seen.close()


def evalplus(attacks: list[table.Attack]) -> Iterator[tuple[str, list[str]]]:
    """The same by evalplus's own check."""
    names = ("table", "witness")
    modules = {f"tests.attacks.{n}": (ROOT / "tests" / "attacks" / f"{n}.py").read_text() for n in names}
    packages = {"tests": "", "tests.attacks": ""}
    fixed = f"MODULES = { ({**packages, **modules})!r}\nINPUTS, ANSWERS, LIMIT = {INPUTS!r}, {ANSWERS!r}, {LIMIT!r}\n"

    def judge(attack: table.Attack) -> tuple[str, list[str]]:
        outcome = executor.run_script(fixed + f"SOURCE = {attack.source!r}\n" + HARNESS, limit=OVERALL)
        if not outcome.report:
            return f"harness: {outcome.status}", [f"{outcome.error_type} {outcome.message}"[:60]]
        told = decode(outcome.report)
        found = [c.split(":")[0] for c in told["complaints"]]
        if told["left"]:
            found.append(f"{len(told['left'])} processes")
        if told["took"] > len(INPUTS) * LIMIT + 3.5:
            found.append(f"{told['took']:.0f} s")
        return told["status"], found

    with Executor("namespaces", workers=2, profile="open", preload=("numpy", "evalplus.eval")) as executor:
        yield from executor.imap(judge, attacks)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", metavar="KIND", help="forge, read, escape, exhaust, hang or honest")
    parser.add_argument("--markdown", action="store_true", help="print the table for a document")
    options = parser.parse_args()
    attacks = [a for a in table.load() if options.only in (None, a.kind)]
    columns = [list(fgit(level, attacks)) for level in LEVELS]
    columns.append(list(evalplus(attacks)))
    row = "| {} | {} | {} | {} | {} |" if options.markdown else "{:32} {:16} {:16} {:16} {}"
    print(row.format("program", *LEVELS, "evalplus", "evalplus left or suffered"))
    if options.markdown:
        print("|---|---|---|---|---|")
    counts: dict[str, Counter] = {name: Counter() for name in (*LEVELS, "evalplus")}
    for attack, *cells in zip(attacks, *columns, strict=True):
        shown = []
        for name, (status, found) in zip(counts, cells, strict=True):
            forged = status == "pass" and "pass" not in attack.must
            refused = status != "pass" and attack.honest
            counts[name].update({"passes": forged, "effects": bool(found), "honest refused": refused})
            counts[name]["harness lost"] += status.startswith("harness")
            shown.append(
                ("PASS" if forged else status) + (f" ({', '.join(found)})" if found and name in LEVELS else "")
            )
        print(row.format(f"{attack.kind}/{attack.name}", *shown, ", ".join(cells[-1][1])))
    for name, count in counts.items():
        print(
            f"{name}: {count['passes']} passes that must not be, {count['effects']} with effects, "
            f"{count['harness lost']} harness lost, {count['honest refused']} honest refused, of {len(attacks)}"
        )


if __name__ == "__main__":
    main()
