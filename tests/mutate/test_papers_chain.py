"""The papers' chain as typed, on real records: what the teacher is asked, and that the data set stays whole."""

import gzip
import hashlib
import json

import pytest

from fgit_cli import prompts

pytestmark = pytest.mark.data


@pytest.fixture(scope="module")
def evol(pytestconfig, request):
    """Evol-Instruct rows of every kind, those that a compiler would be asked about left out: it is slow."""
    folder = request.getfixturevalue("data")
    with gzip.open(folder / "instruct" / "evol.jsonl.gz", "rt", encoding="utf-8") as stream:
        rows = [json.loads(line) for _, line in zip(range(60), stream, strict=False)]
    return [row for row in rows if not any(f"```{name}" in row["output"].lower() for name in ("java\n", "c"))]


def test_a_teacher_is_asked_for_figure_3_alone(fgit, evol, tmp_path):
    rows = "".join(json.dumps(row) + "\n" for row in evol)
    ran = fgit("mutate", "--config", "fgit", "--emit-batch", "b.jsonl", stdin=rows)
    assert ran.code == 0, ran.err
    asked = [json.loads(line)["body"] for line in (tmp_path / "b.jsonl").read_text().splitlines()]
    assert len(asked) > 20
    by_instruction = {row["instruction"]: row["output"] for row in evol}
    for body in asked:
        assert (body["model"], body["temperature"], body["n"]) == ("Qwen/Qwen2.5-Coder-32B-Instruct", 0.8, 3)
        [turn] = body["messages"]
        task, _, rest = turn["content"].partition("\n[Problem]\n")
        problem, _, solution = rest.partition("\n\n[Solution]\n")
        assert by_instruction[problem].strip() == solution.strip()  # whole, with its prose
        assert "incorrect response" in task
        assert "similar to the correct solution" in task
        assert "Markdown" in task


def test_what_was_asked_is_in_the_record(fgit, evol, served):
    server = served(answer="```python\nraise ValueError(0)\n```")
    rows = "".join(json.dumps(row) + "\n" for row in evol[:6])
    ran = fgit("mutate", "--config", "fgit", "--base-url", server.url, "--variants", "1", stdin=rows)
    made = [json.loads(line) for line in ran.out.splitlines()]
    found = {(v["origin"]["prompt"], v["origin"]["prompt_sha256"]) for record in made for v in record["variants"]}
    text = (prompts.FOLDER / "figure3.md").read_text(encoding="utf-8")
    assert found == {("figure3", hashlib.sha256(text.encode()).hexdigest())}


def test_no_record_is_lost_from_mutate_to_mask(fgit, evol, data):
    rows = "".join(json.dumps({"id": str(number), **row}) + "\n" for number, row in enumerate(evol))
    words = ("--method", "universalmutator"), ("--by", "edit"), ("--tokenizer", data / "tok" / "deepseek-coder")
    for command, more in zip(("mutate", "select", "mask"), words, strict=True):
        ran = fgit(command, "--config", "fgit", *more, stdin=rows)
        assert ran.code == 0, ran.err
        rows = ran.out
    made = [json.loads(line) for line in rows.splitlines()]
    assert [record["id"] for record in made] == [str(number) for number in range(len(evol))]
    unpaired = [record for record in made if not record["incorrect_ids"]]
    assert 0 < len(unpaired) < len(made) / 2
    assert all(not any(record["correct_mask"]) for record in unpaired)
