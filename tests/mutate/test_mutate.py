"""`fgit mutate` as it is typed: parts of the input, rehearsals, batch files, what goes wrong."""

import json

import pytest


def records(number):
    return [
        {"id": f"r{i}", "instruction": f"Add {i} to a number.", "response": f"def add_{i}(x):\n    return x + {i}\n"}
        for i in range(1, number + 1)
    ]


def lines(made):
    return "".join(json.dumps(r) + "\n" for r in made)


def ids(ran):
    return [json.loads(line)["id"] for line in ran.out.splitlines()]


RULES = ("mutate", "--method", "universalmutator")


def test_shards_are_disjoint_and_whole(fgit):
    pytest.importorskip("universalmutator")
    parts = [ids(fgit(*RULES, "--shard", f"{i}/3", stdin=lines(records(20)))) for i in (1, 2, 3)]
    assert sorted(name for part in parts for name in part) == sorted(f"r{i}" for i in range(1, 21))
    assert all(parts)


def test_the_other_shards_records_do_not_thin_the_rejects(fgit):
    pytest.importorskip("universalmutator")
    prose = lines({"id": f"r{i}", "instruction": "Say it.", "response": ""} for i in range(20))
    ran = fgit(*RULES, "--shard", "1/4", "--max-rejects", "0.9", stdin=prose)
    assert ran.code == 1, ran.err


@pytest.mark.parametrize("shard", ["0/3", "4/3", "1", "a/b", "1/0", "1/2/3"])
def test_a_shard_that_is_none(fgit, shard):
    ran = fgit(*RULES, "--shard", shard, stdin=lines(records(1)))
    assert ran.code == 2
    assert "--shard" in ran.err


def test_limit_reads_no_further(fgit):
    ran = fgit(*RULES, "--limit", "2", stdin=lines(records(2)) + "this is no JSON\n")
    assert ran.code == 0, ran.err
    assert ids(ran) == ["r1", "r2"]


def test_dry_run_asks_nobody(fgit, tmp_path):
    ran = fgit("mutate", "--dry-run", "--base-url", "http://127.0.0.1:9/v1", stdin=lines(records(4)))
    assert ran.code == 0, ran.err
    counted = json.loads(ran.out)
    assert (counted["requests"], counted["answers"]) == (4, 12)
    assert counted["prompt_tokens"] > 4 * 100
    assert counted["tokenizer"].startswith("estimated")
    named = fgit("mutate", "--dry-run", "-o", "dry.json", stdin=lines(records(4)))
    assert (named.out, json.loads((tmp_path / "dry.json").read_text())) == ("", counted)


def test_dry_run_counts_with_the_models_tokenizer(fgit, data):
    ran = fgit("mutate", "--dry-run", "--model", data / "tok" / "deepseek-coder", stdin=lines(records(4)))
    assert json.loads(ran.out)["tokenizer"] == "the model's"


def batch_answer(request, texts, **more):
    choices = [{"index": i, "finish_reason": "stop", "message": {"content": t}} for i, t in enumerate(texts)]
    body = {"choices": choices, "usage": {"prompt_tokens": 1, "completion_tokens": 1}}
    return {"custom_id": request["custom_id"], "response": {"status_code": 200, "body": body}, "error": None, **more}


def test_batch_there_and_back(fgit, tmp_path):
    rows = [*records(4), records(1)[0] | {"id": "twice"}]
    sent = fgit("mutate", "--emit-batch", "batch.jsonl", stdin=lines(rows))
    assert sent.code == 0, sent.err
    assert "1 requests equal to another" in sent.err
    requests = [json.loads(line) for line in (tmp_path / "batch.jsonl").read_text().splitlines()]
    assert len({r["custom_id"] for r in requests}) == 4
    body = requests[0]["body"]
    assert (body["n"], body["temperature"], body["top_p"], body["repetition_penalty"]) == (3, 0.8, 1.0, 1.0)
    assert "top_k" not in body
    answers = []
    for number, request in enumerate(requests, 1):
        wrong = [f"```python\ndef add_{number}(x):\n    return x {op} {number}\n```" for op in "-*%"]
        answers.append(batch_answer(request, wrong))
    answers[1] = {"custom_id": requests[1]["custom_id"], "response": None, "error": {"message": "expired"}}
    answers[2] = batch_answer(requests[2], ["```python\ndef add_3(x):\n    return x - 3\n```"])
    (tmp_path / "answers.jsonl").write_text(lines(reversed(answers)))
    back = fgit("mutate", "--from-batch", "answers.jsonl", "--rejects", "rejects.jsonl", stdin=lines(rows))
    assert back.code == 0, back.err
    made = {r["id"]: r["variants"] for r in map(json.loads, back.out.splitlines())}
    assert list(made) == ["r1", "r3", "r4", "twice"]
    assert [len(v) for v in made.values()] == [3, 1, 3, 3]
    assert made["r4"][0]["text"] == "def add_4(x):\n    return x - 4\n"
    [left] = map(json.loads, (tmp_path / "rejects.jsonl").read_text().splitlines())
    assert (left["id"], left["reason"]) == ("r2", "the batch failed on it: expired")


def test_a_file_that_is_no_batch_output(fgit, tmp_path):
    (tmp_path / "answers.jsonl").write_text('{"id": 1}\n')
    ran = fgit("mutate", "--from-batch", "answers.jsonl", stdin=lines(records(1)))
    assert ran.code == 3
    assert "answers.jsonl:1" in ran.err


def test_greedy_asks_for_one_variant(fgit):
    ran = fgit("mutate", "--temperature", "0", stdin=lines(records(1)))
    assert ran.code == 2
    assert "equal answers" in ran.err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--prompt-file", "none", *RULES[1:]), "--prompt-file has no use with --method universalmutator"),
        (("--scope", "response", *RULES[1:]), "--scope has no use with --method universalmutator"),
        (("--temperature", "1", "--method", "cosmic-ray"), "--temperature has no use with --method cosmic-ray"),
        (("--time-limit", "1", *RULES[1:]), "--time-limit has no use with --method universalmutator"),
        (("--time-limit", "1"), "--time-limit has no use with --method llm"),
        (("--dry-run", "--method", "student", "--model", "m"), "--dry-run has no use with --method student"),
        (("--dry-run", "--emit-batch", "b"), "--dry-run and --emit-batch do not go together"),
        (("--dry-run", "--from-batch", "b"), "--dry-run and --from-batch do not go together"),
        (("--emit-batch", "b.json"), "--emit-batch b.json: a batch is JSON lines; give a name that ends with .jsonl"),
        (("--emit-batch", "b", "-o", "o"), "--output has no use with --emit-batch"),
    ],
)
def test_an_option_that_would_change_nothing_is_refused(fgit, tmp_path, words, said):
    ran = fgit("mutate", *words, stdin=lines(records(1)))
    assert (ran.code, ran.out, list(tmp_path.iterdir())) == (2, "", [])
    assert said in ran.err


def test_a_prompt_of_ones_own_must_know_its_variables(fgit, tmp_path):
    (tmp_path / "p.md").write_text("{{ problem }}")
    ran = fgit("mutate", "--prompt-file", "p.md", "--dry-run", stdin=lines(records(1)))
    assert ran.code == 2
    assert "p.md" in ran.err
    (tmp_path / "p.md").write_text("{% if %}")
    ran = fgit("mutate", "--prompt-file", "p.md", "--dry-run", stdin=lines(records(1)))
    assert ran.code == 2
    assert "line 1" in ran.err


def test_without_any_server_the_ways_out_are_named(fgit):
    import socket

    with socket.socket() as probe:
        if probe.connect_ex(("127.0.0.1", 8000)) == 0:
            pytest.skip("something listens on port 8000")
    ran = fgit("mutate", stdin=lines(records(1)), env={"OPENAI_BASE_URL": ""})
    assert ran.code == 2
    assert all(way in ran.err for way in ("--base-url", "OPENAI_BASE_URL", "--serve", "--method universalmutator"))


def test_the_default_server_that_is_not_there_is_named(fgit):
    ran = fgit("mutate", "--patience", "0", stdin=lines(records(1)), env={"OPENAI_BASE_URL": "http://127.0.0.1:9/v1"})
    assert ran.code == 4
    assert "http://127.0.0.1:9/v1: cannot connect" in ran.err
    assert "--base-url" in ran.err


def test_a_repaired_teacher_is_asked_again(fgit, served):
    """The answers that showed that sampling is off are not kept."""
    unvaried = served(equal=True)
    words = ["mutate", "--base-url", unvaried.url, "--work-dir", "kept", "--variants", "3"]
    stopped = fgit(*words, stdin=lines(records(6)))
    assert stopped.code == 4
    assert "These answers are forgotten; the same command asks again" in stopped.err
    mended = served()
    words[2] = mended.url
    again = fgit(*words, stdin=lines(records(6)))
    assert again.code == 0, again.err
    assert len(again.out.splitlines()) == 6
    assert len({tag for _, tag in mended.log}) >= 3
