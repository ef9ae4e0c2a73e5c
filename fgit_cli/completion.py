"""What Tab offers for the value of an option: the words that its definition names, by the first letters typed.

The shells' scripts are Typer's (`fgit --install-completion`, completions/); files are offered where no word fits.
"""

import contextlib
import io
import os
import sys
from collections.abc import Callable, Iterable, Iterator

Words = Callable[[], Iterable[str]]
ASKED = "_FGIT_COMPLETE"


def completer(words: Words) -> Callable[[str], list[str]]:
    """The function that Typer asks for the words that begin with what was typed."""
    return lambda incomplete: [word for word in words() if word.startswith(incomplete)]


@contextlib.contextmanager
def colons_for_bash() -> Iterator[None]:
    """While bash is answered, a word with colons is one word.

    Bash alone breaks words at colons: `fgit:VI` comes as three, and only the last piece is replaced. The pieces are put
    together before Typer reads them, and what stands before the last colon is taken out of its answer.
    """
    if os.environ.get(ASKED) != "complete_bash" or ":" not in os.environ.get("COMP_WORDS", ""):
        yield
        return
    words = joined(os.environ["COMP_WORDS"].split("\n")[: int(os.environ["COMP_CWORD"]) + 1])
    os.environ["COMP_WORDS"], os.environ["COMP_CWORD"] = "\n".join(words), str(len(words) - 1)
    there = words[-1][: words[-1].rfind(":") + 1]
    answer = io.StringIO()
    try:
        with contextlib.redirect_stdout(answer):
            yield
    finally:
        sys.stdout.write("".join(line.removeprefix(there) for line in answer.getvalue().splitlines(keepends=True)))


def joined(words: list[str]) -> list[str]:
    """The words as they were before bash took them apart at colons."""
    out: list[str] = []
    for word in words:
        if out and (word.startswith(":") or out[-1].endswith(":")):
            out[-1] += word
        else:
            out.append(word)
    return out
