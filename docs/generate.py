"""Write help texts and examples into the pages, from the program itself; a test compares.

    python -m docs.generate            writes
    python -m docs.generate --check    exits 1 where a page is not what the program prints

Between `<!-- help COMMAND -->` and `<!-- end -->` stands `fgit COMMAND --help`, after `<!-- defaults COMMAND -->` the
table of its options with their sources, after `<!-- sets -->` what the packaged option sets hold. In a fenced block of
language `console` each line `$ COMMAND` is run, all of a page in one folder, and what it prints (stderr too) stands
below it. The folder is empty at first, as a reader's is: a page makes what its commands read.
"""

import difflib
import importlib
import os
import re
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

ROOT = Path(__file__).parent.parent
PAGES = (
    "README.md",
    *sorted(str(page.relative_to(ROOT)) for page in (ROOT / "docs").glob("*.md")),
    *sorted(str(page.relative_to(ROOT)) for page in (ROOT / "docs" / "commands").glob("*.md")),
)
CHAIN = ("mutate", "refine", "select", "mask", "train", "eval")  # the commands of the papers' sets, in their order
_DEFAULTS = re.compile(r"<!-- defaults (\w+) -->\n.*?<!-- end -->", re.S)
_SETS = re.compile(r"<!-- sets -->\n.*?<!-- end -->", re.S)
_HELP = re.compile(r"<!-- help (\w+) -->\n.*?<!-- end -->", re.S)
_CONSOLE = re.compile(r"^```console\n(.*?)^```", re.S | re.M)


def shell(command: str, folder: Path) -> str:
    """What the command prints, in a folder where `fgit` and `python` are this installation's."""
    tools = folder / ".bin"
    tools.mkdir(exist_ok=True)
    for name, line in (("fgit", "-m fgit_cli "), ("python", "")):
        script = tools / name
        script.write_text(f'#!/bin/sh\nexec "{sys.executable}" {line}"$@"\n')
        script.chmod(0o755)
    done = subprocess.run(
        ["bash", "-c", command], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, cwd=folder, check=False, timeout=300,
        env={**os.environ, "PATH": f"{tools}:{os.environ['PATH']}", "PYTHONPATH": str(ROOT), "COLUMNS": "100",
             "NO_COLOR": "1", "TERM": "dumb", "HF_HUB_OFFLINE": "1"},
    )  # fmt: skip
    return done.stdout.decode()


def defaults(match: re.Match) -> str:
    """The options of a command that shape its results, with default, meaning and source."""
    from fgit_cli.options import default_of, specs

    options = importlib.import_module(f"fgit_cli.commands.{match[1]}").Options
    rows = []
    for name, (field, spec) in sorted(specs(options).items(), key=lambda item: item[0] not in options.__annotations__):
        if spec.recorded and not spec.argument:
            default = default_of(field)
            default = ", ".join(map(str, default)) if isinstance(default, list) else default
            shown = (
                "" if default in (None, "") else f"`{str(default).lower() if default in (True, False) else default}`"
            )
            cells = (f"`--{name.replace('_', '-')}`", shown, spec.help, spec.source)
            rows.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    table = "\n".join(["| option | default | meaning | source |", "|---|---|---|---|", *rows])
    return f"<!-- defaults {match[1]} -->\n{table}\n<!-- end -->"


def sets(_: re.Match) -> str:
    """What the packaged option sets hold, a row for each option, a column for each set."""
    from fgit_cli.options import CONFIGS

    held = {p.stem: tomllib.loads(p.read_text(encoding="utf-8")) for p in sorted(CONFIGS.glob("*.toml"))}
    found = dict.fromkeys((c, o) for tables in held.values() for c, table in tables.items() for o in table)
    options = sorted(found, key=lambda one: CHAIN.index(one[0]))
    rows = [["command", "option", *held], ["---"] * (2 + len(held))]
    for command, option in options:
        values = [tables.get(command, {}).get(option) for tables in held.values()]
        told = ["" if v is None else f"`{str(v).lower() if isinstance(v, bool) else v}`" for v in values]
        rows.append([command, f"`--{option}`", *told])
    return "<!-- sets -->\n" + "\n".join(f"| {' | '.join(row)} |" for row in rows) + "\n<!-- end -->"


def rendered(page: str) -> str:
    """The page with every help text and every example as the program prints it now."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)

        def help_text(match: re.Match) -> str:
            text = shell(f"fgit {match[1]} --help", folder).strip()
            return f"<!-- help {match[1]} -->\n```text\n{text}\n```\n<!-- end -->"

        def example(match: re.Match) -> str:
            out = []
            commands = re.findall(r"^\$ (.*(?:\\\n.*)*)\n?", match[1], re.M)
            for command in commands:
                out.append(f"$ {command}\n{shell(command, folder)}")
            return "```console\n" + "".join(out) + "```"

        return _CONSOLE.sub(example, _HELP.sub(help_text, _SETS.sub(sets, _DEFAULTS.sub(defaults, page))))


def main() -> int:
    wrong = 0
    for name in PAGES:
        path = ROOT / name
        before = path.read_text(encoding="utf-8")
        after = rendered(before)
        if after == before:
            continue
        if "--check" in sys.argv:
            wrong = 1
            print("".join(difflib.unified_diff(before.splitlines(True), after.splitlines(True), name, "as printed")))
        else:
            path.write_text(after, encoding="utf-8")
            print(f"wrote {name}")
    return wrong


if __name__ == "__main__":
    sys.exit(main())
