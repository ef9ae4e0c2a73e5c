"""Quality of wrong variants: what is usable, how near, which kinds, by language."""

import json

import pytest

from tests.helpers.eval_results import lines

CODE = "def f(a):\n    t = 0\n    for x in a:\n        t += x\n    return t\n"
JS = "```js\nfunction f(a) { return a + 1; }\n```"


def report(fgit, records, *words):
    done = fgit("report", "--variants", "-", "--format", "json", *words, stdin=lines(records))
    assert done.code == 0, done.err
    return json.loads(done.out)


def record(response, *texts):
    return {"instruction": "i", "response": response, "variants": [{"text": t, "origin": "x"} for t in texts]}


def test_counts(fgit):
    python = record(CODE, CODE.replace("t = 0", "t = 1"), CODE.replace("+=", "-="), CODE + "# nothing\n")
    javascript = record(JS, JS.replace("+", "-"))
    found = report(fgit, [python, javascript])
    rows = {row["language"]: row for row in found["variants"]["rows"]}
    assert list(rows) == ["all", "python", "javascript"]
    assert (rows["all"]["records"], rows["all"]["variants"]) == (2, 4)
    assert rows["python"]["usable"] == pytest.approx(200 / 3)
    assert rows["python"]["lines"] == 2
    assert rows["python"]["characters"] == 1
    assert rows["python"]["failing"] is None
    assert sum(row["all"] for row in found["variant_reasons"]["rows"]) == 1
    kinds = {row["kind"]: row for row in found["variant_kinds"]["rows"]}
    assert kinds["constant"]["python"] == 50
    assert kinds["operator"]["javascript"] == 100


def test_records_by_how_many_variants_they_have(fgit):
    three = record(CODE, *(CODE.replace("t = 0", f"t = {n}") for n in (1, 2, 3)))
    rows = report(fgit, [three, record(CODE, CODE.replace("+=", "-=")), record(JS), three])["variants"]["rows"]
    by_language = {row["language"]: (row["any"], row["most"]) for row in rows}
    assert by_language == {"all": (75, 50), "python": (100, pytest.approx(200 / 3)), "javascript": (0, 0)}
    assert "most" not in report(fgit, [record(JS, JS.replace("+", "-"))])["variants"]["rows"][0]


def test_compilers_are_asked_where_it_is_wanted(fgit):
    from fgit_cli.engines.rules import compilers

    if not compilers.installed("c"):
        pytest.skip("no C compiler here")
    c = "```c\nint f(int a) {\n    return a + 1;\n}\n```"
    made = [record(c, c.replace("+", "-"), c.replace("a + 1", "b + 1")), record(CODE, CODE.replace("+=", "-="))]
    rows = {row["language"]: row for row in report(fgit, made, "--compile")["variants"]["rows"]}
    assert {name: row["compiling"] for name, row in rows.items()} == {"all": 50, "c": 50, "python": None}
    assert "compiling" not in report(fgit, made)["variants"]["rows"][0]
    assert fgit("report", "--compile", "--against", "fgit:I").code == 2


def test_what_select_stored_is_used(fgit):
    kept = {"instruction": "i", "response": CODE, "tests": "assert f([]) == 0", "variants": [
        {"text": CODE.replace("0", "1"), "similarity": 0.9}, {"text": CODE.replace("0", "2"), "similarity": 0.7},
        {"text": CODE.replace("0", "3"), "reason": "passes the tests"},
    ]}  # fmt: skip
    found = report(fgit, [kept])
    row = found["variants"]["rows"][0]
    assert row["similarity"] == pytest.approx(0.8)
    assert row["failing"] == pytest.approx(200 / 3)
    assert found["variant_reasons"]["rows"] == [{"reason": "passes the tests", "all": 1, "python": 1}]


def test_plain_pairs(fgit):
    same = {"instruction": "i", "response": CODE, "incorrect": CODE + "# nothing\n"}
    assert report(fgit, [same])["variants"]["rows"][0]["usable"] == 0
    row = report(
        fgit, [{"prompt": "def f(a):\n", "canonical_solution": "    return a\n", "buggy_solution": "    return -a\n"}]
    )
    assert row["variants"]["rows"][0]["usable"] == 100


def test_refused_by_place(fgit):
    done = fgit("report", "--variants", "-", stdin=lines([record(CODE), {"instruction": "i", "response": CODE}]))
    assert (done.code, "stdin:2: no `variants`" in done.err) == (3, True)
    done = fgit("report", "--variants", "-")
    assert done.code == 3


def test_real_bugs(fgit, data):
    found = json.loads(fgit("report", "--variants", data / "pairs" / "humanevalpack-even.jsonl.gz", "-f", "json").out)
    row = found["variants"]["rows"][0]
    assert (row["variants"], row["usable"]) == (82, 100)
    assert row["edit_similarity"] > 0.9
    assert sum(r["all"] for r in found["variant_kinds"]["rows"]) >= 100
