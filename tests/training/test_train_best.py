"""`--load-best` saves the weights that were best; `--eval-bench` asks the model in training as `fgit eval` will."""

import json
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from fgit_cli.benches.mini import STUDENT
from fgit_cli.commands.train import run
from fgit_cli.errors import UsageError
from fgit_cli.training import data, evaluations, launch, loop, machines
from fgit_cli.training.best import FOLDER
from fgit_cli.training.machines import Plan
from fgit_cli.training.options import Options
from tests.helpers.small_runs import records, write_model, write_pairs

COMMON = {"global_batch_size": 8, "lr_scheduler_type": "constant", "warmup_ratio": 0.0, "quiet": True}


@pytest.fixture(scope="module")
def pairs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("model")
    rows = records(32, folder, write_model(folder))
    return write_pairs(folder / "pairs.jsonl", rows), write_pairs(folder / "held.jsonl", rows[:6])


def train(pairs, out, examiner=None, **options):
    from accelerate.state import AcceleratorState, GradientState

    AcceleratorState._reset_state(True)
    GradientState._reset_state()
    made = Options(files=[str(pairs[0])], output_dir=str(out), **{**COMMON, **options})
    job = out / "job"
    job.mkdir(parents=True, exist_ok=True)
    data.write_store(made.files, job / "pairs")
    if made.eval_file:
        data.write_store([made.eval_file], job / "held_out")
    plan = Plan(1, 1, "cpu", None)
    launch.write_job(made, plan, job)
    with open(out / "stdout", "wb") as stdout:
        loop.train(made, machines.start(made, plan), job, stdout, examiner=examiner)
    return json.loads((out / "run.json").read_text())["result"]


def weights(folder: Path):
    from safetensors.torch import load_file

    return load_file(folder / "model.safetensors")


def equal(one: Path, other: Path) -> bool:
    a, b = weights(one), weights(other)
    return all(torch.equal(a[name], b[name]) for name in a)


class Marks:
    """An examiner that gives marks by the number of the examination; before is the first."""

    def __init__(self, *marks):
        self.marks, self.closed = list(marks), False

    def __call__(self, model, accelerator):
        assert not model.training
        return {"eval_pass_at_1": self.marks.pop(0), "eval_judged": 3}

    def close(self):
        self.closed = True


@pytest.mark.parametrize("lora", [0, 2])
@pytest.mark.parametrize(
    ("marks", "best"), [((0.9, 0.2, 0.6, 0.6, 0.1), 2), ((0, 0, None, 0, 0), 1), ((0.5, 0.1, 0.2, 0.3, 0.4), 4)]
)
def test_the_weights_of_the_best_step_are_saved(pairs, tmp_path, marks, best, lora):
    examiner = Marks(*marks)
    more = {"learning_rate": 1e-2, "lora_rank": lora, "save_steps": 0}
    result = train(pairs, tmp_path / "best", examiner, load_best=True, eval_steps=1, max_steps=4, **more)
    assert result["best"] == {"step": best, "eval_pass_at_1": marks[best]}
    assert examiner.closed
    assert not (tmp_path / "best" / FOLDER).exists()
    train(pairs, tmp_path / "short", max_steps=best, **more)
    assert equal(tmp_path / "best", tmp_path / "short")
    assert f"of step {best}" in (tmp_path / "best" / "README.md").read_text()


def test_looking_at_the_model_does_not_change_the_training(pairs, tmp_path):
    more = {"learning_rate": 1e-2, "max_steps": 3, "save_steps": 0}
    train(pairs, tmp_path / "looked", Marks(*[0.5] * 4), eval_steps=1, **more)
    train(pairs, tmp_path / "alone", **more)
    assert equal(tmp_path / "looked", tmp_path / "alone")


def test_without_a_benchmark_the_lowest_held_out_nll_is_best(pairs, tmp_path):
    more = {"learning_rate": 0.3, "eval_file": str(pairs[1]), "eval_steps": 1, "max_steps": 4, "save_steps": 0}
    result = train(pairs, tmp_path / "out", load_best=True, **more)
    seen = {int(when.split()[-1]) if when != "after" else 4: at["eval_nll"] for when, at in result["held_out"].items()
            if when != "before"}  # fmt: skip
    best = min(seen, key=lambda step: (seen[step], step))
    assert result["best"] == {"step": best, "eval_nll": seen[best]}


def test_a_resumed_run_knows_what_was_best_before_the_crash(pairs, tmp_path):
    class Crash(Exception):
        pass

    class Crashing(Marks):
        def __call__(self, model, accelerator):
            if len(self.marks) == 1:
                raise Crash
            return super().__call__(model, accelerator)

    more = {"learning_rate": 1e-2, "load_best": True, "eval_steps": 1, "max_steps": 4, "save_steps": 2}
    with pytest.raises(Crash):
        train(pairs, tmp_path / "out", Crashing(0.1, 0.8, 0.2, 0.3), **more)
    result = train(pairs, tmp_path / "out", Marks(0.3, 0.4), resume=True, **more)
    assert result["best"] == {"step": 1, "eval_pass_at_1": 0.8}
    train(pairs, tmp_path / "short", learning_rate=1e-2, max_steps=1, save_steps=0)
    assert equal(tmp_path / "out", tmp_path / "short")


def test_the_student_is_asked_as_eval_asks_it(tmp_path):
    from transformers import AutoModelForCausalLM

    from fgit_cli.engines.tokenizing import tokenizers
    from fgit_cli.stages.examine import Examiner

    made = {"name": str(STUDENT), "sha256": tokenizers.load(str(STUDENT)).sha256}
    row = {"id": "a", "prompt_ids": [5], "correct_ids": [6, 1], "correct_mask": [1, 0], "tokenizer": made}
    (tmp_path / "pairs.jsonl").write_text(json.dumps(row) + "\n")
    data.write_store([str(tmp_path / "pairs.jsonl")], tmp_path / "pairs")
    model = AutoModelForCausalLM.from_pretrained(STUDENT).eval()
    own, state = model.generation_config, torch.get_rng_state()
    examiner = Examiner(Options(eval_bench="mini", eval_tasks=3), tmp_path)
    try:
        found = examiner(model, SimpleNamespace(process_index=0, num_processes=1))
    finally:
        examiner.close()
    assert found["eval_judged"] == 3
    assert found["eval_pass_at_1"] in (0, 1 / 3, 2 / 3, 1)
    assert model.generation_config is own
    assert torch.equal(torch.get_rng_state(), state)


@pytest.mark.parametrize("what", [{"eval_bench": "mini"}, {"load_best": True}])
def test_where_no_rank_has_whole_weights_it_is_refused_by_name(what):
    plugin = SimpleNamespace(zero_stage=3)
    kind = SimpleNamespace(value="DEEPSPEED")
    accelerator = SimpleNamespace(
        state=SimpleNamespace(deepspeed_plugin=plugin), distributed_type=kind, device=torch.device("cpu"),
        num_processes=2, mixed_precision="no",
    )  # fmt: skip
    [flag] = what
    with pytest.raises(UsageError, match=f"--{flag.replace('_', '-')} needs whole weights.*ZeRO-3"):
        evaluations.check_whole(Options(**what), accelerator)
    plugin.zero_stage = 2
    evaluations.check_whole(Options(**what), accelerator)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"load_best": True}, "--load-best: best by what"),
        ({"eval_tasks": 3}, "--eval-tasks is about --eval-bench"),
        ({"eval_bench": "nosuch"}, "nosuch"),
    ],
)
def test_options_that_lack_what_they_are_about_are_refused(pairs, options, said):
    with pytest.raises(UsageError, match=said):
        run(Options(files=[str(pairs[0])], given=frozenset(options), **options))
