"""Write a manual page for fgit and one for each command, from what `--help` prints.

    python -m docs.man [FOLDER]      writes FOLDER/man1/fgit.1, fgit-mask.1, ...; FOLDER is build/man

`man -M build/man fgit-mask` shows one.
"""

import re
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

from fgit_cli import __version__, errors
from fgit_cli.app import COMMANDS, app, build

FOLDER = Path("build/man")
_ESCAPES = str.maketrans({"\\": r"\e", "-": r"\-", "'": r"\(aq", "`": r"\(ga"})
_EXIT_CODE = re.compile(r"^\| (\d+) \| (.*) \|$", re.M)


def roff(text: str) -> str:
    """The text as troff prints it unchanged, on one line."""
    escaped = " ".join(text.split()).translate(_ESCAPES)
    return rf"\&{escaped}" if escaped.startswith(".") else escaped


def page(name: str, brief: str, usage: str, description: str, sections: Iterable[tuple[str, list[tuple[str, str]]]],
         see: Iterable[str]) -> str:  # fmt: skip
    """One manual page of section 1; `sections` hold terms, each with its text."""
    lines = [f'.TH {name.upper()} 1 "" "fgit {__version__}" "fgit"', ".SH NAME", rf"{roff(name)} \- {roff(brief)}"]
    lines += [".SH SYNOPSIS", f".B {roff(name.replace('-', ' ', 1))}", roff(usage), ".SH DESCRIPTION"]
    lines += paragraphs(description)
    for title, terms in sections:
        lines.append(f".SH {title}")
        for term, text in terms:
            lines += [".TP", rf"\fB{roff(term)}\fR", roff(text)]
    lines += [".SH SEE ALSO", ", ".join(rf"\fB{roff(other)}\fR(1)" for other in see)]
    return "\n".join(lines) + "\n"


def paragraphs(text: str) -> Iterator[str]:
    """The paragraphs of a help text; one that is a command line, or is indented, keeps its lines."""
    for paragraph in re.split(r"\n\s*\n", text.strip("\n")):
        if re.match(r"\s+\S|fgit \S", paragraph):
            yield from (".PP", ".EX", *map(roff, paragraph.splitlines()), ".EE")
        else:
            yield from (".PP", roff(paragraph))


def of_command(name: str) -> str:
    """The manual page of one command."""
    command = build(name)
    context = command.make_context(f"fgit {name}", [], resilient_parsing=True)
    first, _, rest = (command.help or "").partition("\n\n")
    terms: dict[str, list[tuple[str, str]]] = {"argument": [], "option": []}
    for parameter in command.get_params(context):
        if record := parameter.get_help_record(context):
            terms[parameter.param_type_name].append(record)
    return page(
        f"fgit-{name}", first.strip().rstrip("."), " ".join(command.collect_usage_pieces(context)), rest or first,
        [("ARGUMENTS", terms["argument"]), ("OPTIONS", terms["option"]), exit_status()],
        ["fgit", *(f"fgit-{other}" for other in COMMANDS if other != name)],
    )  # fmt: skip


def of_fgit() -> str:
    """The manual page of fgit itself."""
    description = app.registered_callback.callback.__doc__.replace("\n    ", "\n")  # type: ignore[union-attr]
    commands = [(f"fgit {name}", f"{brief} See fgit-{name}(1).") for name, brief in COMMANDS.items()]
    options = [("--version", "Print the version."), ("-h, --help", "Show a help text; after a command, its own.")]
    return page(
        "fgit", "fault-guided fine-tuning of code language models", "[OPTIONS] COMMAND [ARGUMENTS]...", description,
        [("COMMANDS", commands), ("OPTIONS", options), exit_status()], [f"fgit-{name}" for name in COMMANDS],
    )  # fmt: skip


def exit_status() -> tuple[str, list[tuple[str, str]]]:
    """The section of the exit codes, from the table of errors.py."""
    return "EXIT STATUS", _EXIT_CODE.findall(errors.__doc__ or "")


def main() -> int:
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else FOLDER) / "man1"
    folder.mkdir(parents=True, exist_ok=True)
    pages = {"fgit": of_fgit(), **{f"fgit-{name}": of_command(name) for name in COMMANDS}}
    for name, text in pages.items():
        (folder / f"{name}.1").write_text(text, encoding="utf-8")
    print(f"wrote {len(pages)} pages into {folder}; man -M {folder.parent} fgit-mask shows one")
    return 0


if __name__ == "__main__":
    sys.exit(main())
