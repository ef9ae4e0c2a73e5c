"""The filters on the test data's real code: mutants known to be valid, and evol rows in several languages."""

import gzip
import json
import re
import sys
from collections import Counter

import pytest

from fgit_cli.core import fences
from fgit_cli.core.equivalence import EQUAL, FORMATTING, NOT_PARSED, SAME_AST, SAME_BYTECODE, reason, response_reason
from fgit_cli.core.languages import canonical, python_tree
from fgit_cli.core.syntax import GRAMMARS, outline

COMMENT = dict.fromkeys(("python", "ruby", "bash"), "# an extra remark\n")
COMMENT |= dict.fromkeys(("java", "javascript", "c", "cpp", "csharp", "rust", "swift", "go"), "// an extra remark\n")
COMMENT |= {"css": "/* an extra remark */\n", "sql": "-- an extra remark\n"}


def rows(path):
    with gzip.open(path, "rt") as stream:
        return [json.loads(line) for line in stream]


def test_golden_mutants_are_faults(data):
    """universalmutator kept these as valid and not redundant: its own compile and bytecode checks agree with ours.

    It did so under Python 3.11. From 3.12 on a `continue` at the end of a loop is the same bytecode, and so no fault.
    """
    later = sys.version_info >= (3, 12)
    for row in rows(data / "mutants" / "golden_mutants.jsonl.gz"):
        lines = row["source"].splitlines(keepends=True)
        for edits in row["edits"]:
            mutant = list(lines)
            for first, last, text in reversed(edits):
                mutant[first:last] = [text]
            why = reason(row["source"], "".join(mutant), "python")
            added = [text.strip() for _, _, text in edits]
            assert why is None or (later and why == SAME_BYTECODE and any(t.startswith("continue") for t in added))


@pytest.fixture(scope="module")
def blocks(data):
    """(language, code) of the fenced blocks that parse; at most 60 a language."""
    found, counts = [], Counter()
    for row in rows(data / "instruct" / "evol.jsonl.gz"):
        for block in fences.blocks(row["output"]):
            language = canonical(block.language)
            code = row["output"][block.start : block.end]
            if language not in COMMENT or counts[language] >= 60 or not code.strip():
                continue
            if (python_tree(code) if language == "python" else outline(code, language)) is not None:
                counts[language] += 1
                found.append((language, code))
    assert {"python", "java", "javascript", "c", "cpp", "csharp", "sql", "css", "ruby", "swift"} <= set(counts)
    return found


def test_a_comment_is_no_fault(blocks):
    for language, code in blocks:
        want = SAME_AST if language == "python" else FORMATTING
        assert reason(code, code.rstrip("\n") + "\n" + COMMENT[language], language) == want, (language, code)


def test_white_space_at_line_ends_is_no_fault(blocks):
    for language, code in blocks:
        assert reason(code, code.replace("\n", " \t\r\n"), language) == EQUAL


def test_a_stray_bracket_does_not_parse(blocks):
    for language, code in blocks:
        assert reason(code, code + "\n)]}\n", language) == NOT_PARSED, (language, code)


def test_another_number_is_a_fault(blocks):
    """Changing every 1 of the code to 2 changes the tree, or nothing but comments."""
    faults = 0
    for language, code in blocks:
        variant = re.sub(r"\b1\b", "2", code)
        why = reason(code, variant, language)
        if variant == code:
            assert why == EQUAL
        else:
            assert why in (None, FORMATTING, SAME_AST, NOT_PARSED), (why, code)
            faults += why is None
    assert faults > 50


def test_prose_around_the_code_is_no_fault(data):
    for row in rows(data / "instruct" / "evol.jsonl.gz")[:300]:
        if "```" in row["output"]:
            assert response_reason(row["output"], f"Certainly!\n\n{row['output']}\n\nI hope this helps.") == EQUAL


def test_every_grammar_is_a_language_of_its_own():
    assert all(canonical(name) == name for name in GRAMMARS if name not in ("tsx", "php fragment"))
