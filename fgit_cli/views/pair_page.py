"""Pairs on a page of HTML, or as data for it: differences side by side, and the values of tokens.

The page holds the first pairs of a run, so that it opens in any browser whatever the length of the input.
"""

from pathlib import Path
from typing import Any, Literal

import orjson

from fgit_cli import jsonl
from fgit_cli.errors import UsageError
from fgit_cli.views.page import asset, page

PAIRS = 500  # on one page
BYTES = 30_000_000  # of one page's data; a browser takes more, but slowly
_DIFF_LEGEND = (
    '<span><i class="del">abc</i>changed in the incorrect response</span>'
    '<span><i class="add">abc</i>changed in the correct response</span>'
    '<span><i class="gap">◆</i>gap: the other side has lines here that this one lacks</span>'
)
_MASK_LEGEND = (
    '<span><i class="t mono">x</i>0, shared</span><span><i class="t v1 mono">x</i>1, on a changed line</span>'
    '<span><i class="t v2 mono">x</i>2, changed itself</span>'
    '<span><i class="t v1 anchor mono">x</i>anchored: the other side has lines here that this one lacks</span>'
)
_LAYOUT = (
    '<select id="layout" title="Layout"><option value="split">side by side</option><option>unified</option></select>'
)


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
        title = {"diff": "Differences of pairs", "mask": "Values of tokens"}[self.kind]
        first = len(self.pairs)
        shown = f"{self.count} pairs" if first == self.count else f"the first {first} of {self.count} pairs"
        body = (
            f'<div class="bar"><div class="legend">{_DIFF_LEGEND if self.kind == "diff" else _MASK_LEGEND}</div>'
            f'<div class="pager">{_LAYOUT if self.kind == "diff" else ""}<button id="back" type="button">←</button>'
            '<span id="where"></span><button id="on" type="button">→</button></div></div>'
            '<div id="pairs"></div><div id="tip"></div>'
        )
        text = page(
            title,
            f"{self.about} · {shown}",
            body,
            styles=asset("pair_page.css"),
            script=asset("pair_page.js"),
            data={"kind": self.kind, "pairs": self.pairs},
        )
        try:
            jsonl.write_text_whole(self.path, text)
        except OSError as error:
            raise UsageError(f"--html {self.path}: {error.strerror}") from None
