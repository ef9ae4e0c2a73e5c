"""Awkward answers of teachers, through `fgit mutate` as it is typed: the right variant, or a reason."""

import json
from pathlib import Path

CASES = [json.loads(line) for line in (Path(__file__).parent / "teacher_answers.jsonl").read_text().splitlines()]


def test_the_right_variant_or_none(fgit, served, tmp_path):
    server = served(replies={f"[{case['name']}]": case["answer"] for case in CASES})
    records = [
        {"id": case["name"], "instruction": f"{case['instruction']} [{case['name']}]", "response": case["response"]}
        for case in CASES
    ]
    rejects = tmp_path / "rejects.jsonl"
    ran = fgit("mutate", "--variants", "1", "--base-url", server.url, "--rejects", rejects,
               stdin="".join(json.dumps(record) + "\n" for record in records))  # fmt: skip
    assert ran.code == 0, ran.err
    made = {r["id"]: r["variants"][0]["text"] for r in map(json.loads, ran.out.split("\n")[:-1])}
    refused = {r["id"]: r["reason"] for r in map(json.loads, rejects.read_text().split("\n")[:-1])}
    wrong = {
        case["name"]: made.get(case["name"], refused.get(case["name"]))
        for case in CASES
        if made.get(case["name"], "refuse") not in case["wanted"]
    }
    assert not wrong
    assert set(made) | set(refused) == {case["name"] for case in CASES}
    assert all(reason.startswith("no ") for reason in refused.values())
