"""What the views show of a pair: its lines matched, its tokens spelled."""

from typing import Any

from fgit_cli.core import fields
from fgit_cli.core.align import TokenBytes
from fgit_cli.core.diff_field import Comparison
from fgit_cli.core.disregard import SPACE
from fgit_cli.core.textdiff import Difference, Hunk, comparable, hunks, split_lines


def matched(incorrect: str, correct: str, made: Comparison) -> list[Hunk]:
    """The hunks of the whole texts (with `--ignore comments` the comparison itself leaves out more)."""
    a, c = (comparable(split_lines(text), SPACE in made.ignore) for text in (incorrect, correct))
    return hunks(a, c, made.algorithm)


def diff_data(
    record: dict[str, Any], incorrect: str, correct: str, difference: Difference, made: Comparison
) -> dict[str, Any]:
    """One pair of the page of differences."""
    c, a = difference.correct, difference.incorrect
    count = {
        "line": len(c.lines) + len(a.lines),
        "character": sum(e - s for side in (c, a) for s, e in side.chars),
        "gap": len(c.gaps) + len(a.gaps),
    }
    return {
        "id": str(record.get("id", "")),
        "asked": fields.instruction(record).text,
        "note": ", ".join(f"{n} {what}{'s' * (n != 1)}" for what, n in count.items() if n),
        "correct": correct,
        "incorrect": incorrect,
        "diff": {
            name: {"lines": side.lines, "chars": side.chars, "gaps": side.gaps}
            for name, side in (("correct", c), ("incorrect", a))
        },
        "hunks": matched(incorrect, correct, made),
    }


def spelled(ids: list[int], table: TokenBytes) -> list[str | list[str]]:
    """The text of each token; a list with the bytes in hexadecimal where they are no whole characters."""
    out: list[str | list[str]] = []
    for token_id in ids:
        piece = table[token_id]
        try:
            out.append("�" if piece is None else piece.decode())
        except UnicodeDecodeError:
            out.append([piece.hex(" ").upper() if piece else ""])
    return out


def mask_data(record: dict[str, Any], anchors: dict[str, list[int]], end: int, table: TokenBytes) -> dict[str, Any]:
    """One pair of the page of values. `anchors` are the numbers of the anchored tokens, by side."""
    pair: dict[str, Any] = {
        "id": str(record.get("id", "")),
        "asked": fields.instruction(record).text,
        "prompt": b"".join(table[i] or b"" for i in record["prompt_ids"]).decode(errors="replace"),
        "note": f"prompt of {len(record['prompt_ids'])} tokens",
    }
    for side in ("correct", "incorrect"):
        ids = record[f"{side}_ids"]
        whole = bool(ids) and ids[-1] == end
        pair[side] = {
            "text": spelled(ids, table),
            "ids": ids,
            "mask": record[f"{side}_mask"],
            "anchors": anchors[side],
            "end": whole,
            "cut": bool(ids) and not whole,
        }
    return pair
