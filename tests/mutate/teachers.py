"""Teachers that repeat a real response with one line made wrong, each with a habit of its own."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from fgit_cli.core import equivalence, fences, languages, syntax, variants
from fgit_cli.core.variants import CodeBlock

CHANGES = (
    (r"(?<![\w.\"'#])(\d+)(?![\w.\"'])", lambda m: str(int(m[1]) + 1)),
    (r" \+ ", lambda m: " - "),
    (r" - ", lambda m: " + "),
    (r" < ", lambda m: " <= "),
    (r" > ", lambda m: " >= "),
    (r" == ", lambda m: " != "),
    (r"\bTrue\b", lambda m: "False"),
    (r"\btrue\b", lambda m: "false"),
    (r" \* ", lambda m: " + "),
    (r"\.append\(", lambda m: ".remove("),
    (r"\bmax\b", lambda m: "min"),
    (r"\band\b", lambda m: "or"),
)


@dataclass
class Planted:
    """A correct response, the wrong one with one other line, and where and in which block that line is."""

    correct: str
    wrong: str
    blocks: list[CodeBlock]
    codes: list[str]  # of the wrong response
    block: int  # its place among the blocks
    line: int  # in the block, from 0


def plant(correct: str, likely: tuple[str, ...], start: int) -> Planted | None:
    """One line of the code made wrong; which one, `start` says. None where none of the changes can be made."""
    blocks = variants.code_blocks(correct, likely)
    places = [(b, n) for b, block in enumerate(blocks) for n in range(len(block.code.split("\n")))]
    for place in range(len(places)):
        at, number = places[(start + place) % len(places)]
        block = blocks[at]
        lines = block.code.split("\n")
        if re.match(r"\s*(?:#|//|/?\*|--|'|\"|%|;)", lines[number]):
            continue
        for pattern, change in CHANGES:
            changed = re.sub(pattern, change, lines[number], count=1)
            if changed == lines[number]:
                continue
            code = "\n".join([*lines[:number], changed, *lines[number + 1 :]])
            if equivalence.reason(block.code, code, block.language) is None:
                codes = [code if i == at else b.code for i, b in enumerate(blocks)]
                return Planted(correct, variants.spliced(correct, block, code), blocks, codes, at, number)
    return None


def fenced(code: str, language: str = "", marks: str = "```") -> str:
    return f"{marks}{language}\n{code.removesuffix(chr(10))}\n{marks}\n"


def each(planted: Planted, written: Callable[[str], str] = lambda code: code) -> str:
    """Every block in a fence of its own, the code `written` in some way."""
    parts = (fenced(written(c), b.language) for b, c in zip(planted.blocks, planted.codes, strict=True))
    return "Here it is:\n\n" + "\n".join(parts)


def lines_of(change: Callable[[str], str]) -> Callable[[str], str]:
    return lambda code: "\n".join(change(line) for line in code.split("\n"))


def tabbed(line: str) -> str:
    blanks = len(line) - len(line.lstrip(" "))
    return "\t" * (blanks // 4) + " " * (blanks % 4) + line[blanks:]


def faithful(planted: Planted) -> str | None:
    return planted.wrong if all(b.fenced for b in planted.blocks) else fenced(planted.wrong, planted.blocks[0].language)


def one_language(planted: Planted) -> bool:
    return len({b.language for b in planted.blocks}) == 1


def merged(planted: Planted) -> str | None:
    if len(planted.blocks) < 2 or not one_language(planted):
        return None
    return fenced("\n".join(c.removesuffix("\n") for c in planted.codes), planted.blocks[0].language)


def merged_with_gaps(planted: Planted) -> str | None:
    if len(planted.blocks) < 2 or not one_language(planted):
        return None
    return fenced("\n\n\n".join(c.strip("\n") for c in planted.codes), planted.blocks[0].language)


def in_two(planted: Planted) -> str | None:
    """Three or more blocks as two."""
    if len(planted.blocks) < 3 or not one_language(planted):
        return None
    half = len(planted.blocks) // 2
    parts = ["\n".join(planted.codes[:half]), "\n".join(planted.codes[half:])]
    return "And then:\n".join(fenced(part, planted.blocks[0].language) for part in parts)


def split(planted: Planted) -> str | None:
    """One block as two, at a blank line."""
    if len(planted.blocks) != 1:
        return None
    code = planted.codes[0]
    at = [m.start() for m in re.finditer(r"\n[ \t]*\n(?=\S)", code)]
    if not at:
        return None
    middle = at[len(at) // 2]
    parts = (code[:middle], code[middle:].lstrip("\n"))
    return "And:\n".join(fenced(part, planted.blocks[0].language) for part in parts)


def restated(planted: Planted) -> str | None:
    right = "\n".join(fenced(b.code, b.language) for b in planted.blocks)
    return f"The original:\n\n{right}\nMade wrong:\n\n{each(planted)}"


def twice(planted: Planted) -> str | None:
    return f"{each(planted)}\n\n{each(planted)}"


def only_changed(planted: Planted) -> str | None:
    """Only the block with the change, of several."""
    if len(planted.blocks) < 2:
        return None
    return fenced(planted.codes[planted.block], planted.blocks[planted.block].language)


def halved(planted: Planted) -> str | None:
    """Half of the code, in a fence that is closed: never a variant."""
    lines = planted.codes[planted.block].split("\n")
    if len([line for line in lines if line.strip()]) < 8:
        return None
    keep = lines[: max(len(lines) // 2, planted.line + 1)]
    if len([line for line in keep if line.strip()]) > 0.6 * len([line for line in lines if line.strip()]):
        return None
    codes = [*planted.codes[: planted.block], "\n".join(keep), *planted.codes[planted.block + 1 :]]
    return "\n".join(fenced(c, b.language) for b, c in zip(planted.blocks, codes, strict=True))


def snippet_too(planted: Planted) -> str | None:
    line = planted.codes[planted.block].split("\n")[planted.line].strip()
    return f"{each(planted)}\nThe changed line is\n\n{fenced(line, planted.blocks[planted.block].language)}"


def quoted(planted: Planted) -> str | None:
    return "\n".join(f"> {line}".rstrip() for line in each(planted).split("\n"))


def listed(planted: Planted) -> str | None:
    return "1. Wrong:\n\n" + "\n".join(f"   {line}" if line.strip() else "" for line in each(planted).split("\n"))


def tagged(planted: Planted) -> str | None:
    return f"<think>no</think>\n<answer>\n{each(planted)}</answer>"


def bare(planted: Planted) -> str | None:
    return planted.wrong if not planted.blocks[0].fenced else None


# A faithful teacher's answer is always taken; of others the sure ones. None ever gives another code.
FAITHFUL: dict[str, Callable[[Planted], str | None]] = {
    "as it is": faithful,
    "each in a fence": each,
    "right-trimmed": lambda p: each(p, lines_of(str.rstrip)),
    "trailing blanks": lambda p: each(p, lines_of(lambda line: line + "  ")),
    "CRLF": lambda p: each(p).replace("\r\n", "\n").replace("\n", "\r\n"),
    "quoted": quoted,
    "in a list": listed,
    "in tags": tagged,
}
FREE: dict[str, Callable[[Planted], str | None]] = {
    "bare": bare,
    "merged": merged,
    "merged with gaps": merged_with_gaps,
    "in two": in_two,
    "split": split,
    "restated first": restated,
    "twice": twice,
    "only the changed block": only_changed,
    "blank lines lost": lambda p: each(p, lambda code: re.sub(r"\n([ \t]*\n)+", "\n", code)),
    "blank lines doubled": lambda p: each(p, lambda code: code.replace("\n", "\n\n")),
    "tabs": lambda p: each(p, lines_of(tabbed)),
    "changed line again": snippet_too,
}
NEVER: dict[str, Callable[[Planted], str | None]] = {"half": halved}


def every() -> Iterator[tuple[str, Callable[[Planted], str | None]]]:
    yield from {**FAITHFUL, **FREE, **NEVER}.items()


def joined(text: str) -> list[str]:
    """The lines of a response's code, all blocks, without line ends and trailing blanks."""
    return [line.rstrip() for line in fences.code(text).split("\n")]


def stripped(text: str) -> list[str]:
    """The same without indentation and blank lines."""
    return [line.strip() for line in fences.code(text).split("\n") if line.strip()]


def parses(planted: Planted) -> bool:
    """Whether the block with the changed line parses, so that its white space can be judged."""
    block, code = planted.blocks[planted.block], planted.codes[planted.block]
    if block.language == "python":
        return languages.python_tree(code) is not None
    return block.language in syntax.GRAMMARS and syntax.parses(code, block.language)
