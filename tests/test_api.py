"""The library: its names are there, typed, light to import, and do what the commands do."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from fgit_cli import api
from fgit_cli.errors import InputError

ROOT = Path(__file__).parent.parent
STUDENT = str(ROOT / "fgit_cli" / "benches" / "mini" / "student")
PAIR = ("Add one.", "def f(x):\n    return x + 1\n", "def f(x):\n    return x - 1\n")


@pytest.mark.parametrize("name", api.__all__)
def test_every_name_is_there(name):
    if api._HOMES.get(name, "").startswith("fgit_cli.training"):
        pytest.importorskip("torch")
    assert getattr(api, name) is not None


def test_the_list_is_whole():
    assert sorted(api.__all__) == sorted({*api._HOMES, "PairMasker", "judge"})
    with pytest.raises(AttributeError, match="has no 'nonsense'"):
        _ = api.nonsense


def test_importing_it_is_quick():
    """Nothing is imported before it is used."""
    code = "import sys, fgit_cli.api; print(sorted(m for m in sys.modules if m.startswith('fgit_cli')))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout.strip() == "['fgit_cli', 'fgit_cli.api']"


def test_a_pair_is_masked_as_by_the_command(fgit):
    masker = api.PairMasker(STUDENT)
    masked = masker(*PAIR)
    assert isinstance(masked, api.Masked)
    assert max(masked.correct_mask) == 2
    assert len(masked.correct_mask) == len(masked.correct_ids)
    record = dict(zip(("instruction", "response", "incorrect"), PAIR, strict=True))
    ran = fgit("mask", "--tokenizer", STUDENT, stdin=json.dumps(record))
    assert masker.record(record) == json.loads(ran.out)


def test_a_pair_that_cannot_serve_says_why():
    masker = api.PairMasker(STUDENT)
    assert masker("Add one.", "x = 1\n", "x = 1\n") == api.Rejected("no difference")
    assert masker.record({"instruction": "a", "response": "x", "incorrect": "x"}) == api.Rejected("no difference")
    with pytest.raises(InputError, match="no incorrect response"):
        masker.record({"instruction": "a", "response": "x"})


def test_samples_are_judged(tmp_path):
    task = {"task_id": "t/0", "prompt": "def f(x):\n", "entry_point": "f", "tests": "assert f(1) == 2\n"}
    (tmp_path / "bench.jsonl").write_text(json.dumps(task) + "\n")
    bench = api.load_bench(str(tmp_path / "bench.jsonl"), None)
    samples = [
        {"task_id": "t/0", "solution": PAIR[1]},
        {"task_id": "t/0", "completion": "    return x - 1\n", "kept": 1},
        {"task_id": "t/9", "solution": ""},
    ]
    with api.Executor(workers=1, profile=bench.profile) as executor:
        bench.prepare(executor, print)
        first, second, third = api.judge(bench, samples, executor)
    assert first["base"] == "pass"
    assert (second["base"], second["kept"], second["error"]["type"]) == ("fail", 1, "AssertionError")
    assert third == api.Rejected("unknown task")


def test_a_step_is_taken():
    torch = pytest.importorskip("torch")
    transformers = pytest.importorskip("transformers")
    torch.manual_seed(0)
    model = transformers.AutoModelForCausalLM.from_pretrained(STUDENT, dtype=torch.float32)
    record = api.PairMasker(STUDENT).record(dict(zip(("instruction", "response", "incorrect"), PAIR, strict=True)))
    examples = [api.Example(api.training_pair(record))]
    layout = api.confirm(model, api.prepare(model))
    objective = api.Objective("fgit")
    loss, sums = api.step(model, examples, objective, api.Totals.of(examples), layout)
    loss.backward()
    assert loss.item() > 0
    assert sums["pairs"] == 1
    assert any(p.grad is not None and p.grad.abs().sum() > 0 for p in model.parameters())
