"""Pairs on a page of HTML, or as data for it: differences side by side, and the values of tokens.

The page holds the first pairs of a run, so that it opens in any browser whatever the length of the input.
"""

from pathlib import Path
from typing import Any, Literal

import orjson

from fgit_cli import jsonl
from fgit_cli.errors import UsageError
from fgit_cli.views import gallery
from fgit_cli.views.page import page

PAIRS = 500  # on one page
BYTES = 30_000_000  # of one page's data; a browser takes more, but slowly
TITLES = {"diff": "Differences of pairs", "mask": "Values of tokens"}


class PairPage:
    """Collects the first pairs of a run and writes the page, whole, at the end."""

    def __init__(self, file: str, kind: Literal["diff", "mask"], about: str) -> None:
        self.path, self.kind, self.about = Path(file), kind, about
        self.pairs: list[orjson.Fragment] = []
        self.count = self.size = 0
        if self.path.is_dir():
            raise UsageError(f"--html {file}: give the name of a file, not of a folder")

    def add(self, pair: dict[str, Any]) -> None:
        """Count one more pair, and keep it where there is room."""
        if self.count == len(self.pairs) < PAIRS:
            data = orjson.dumps(pair)
            self.size += len(data)
            if self.size <= BYTES:
                self.pairs.append(orjson.Fragment(data))
        self.count += 1

    def write(self) -> None:
        """Write the file. Raises UsageError where that fails."""
        first = len(self.pairs)
        shown = f"{self.count} pairs" if first == self.count else f"the first {first} of {self.count} pairs"
        text = page(
            TITLES[self.kind],
            f"{self.about} · {shown}",
            gallery.container(self.kind),
            styles=[gallery.style()],
            scripts=[gallery.script()],
            data={"kind": self.kind, "pairs": self.pairs},
        )
        try:
            jsonl.write_text_whole(self.path, text)
        except OSError as error:
            raise UsageError(f"--html {self.path}: {error.strerror}") from None
