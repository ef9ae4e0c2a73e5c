"""liger-kernel's kernels: applied where they can be, held against the model's own, taken back where they differ.

The library needs a GPU; a package of its shape stands in for it, and its one kernel computes in plain torch.
"""

import json

import pytest
import torch
from test_train_exact import gradients, relative

from fgit_cli.errors import MissingExtra, UsageError
from fgit_cli.training import kernels
from fgit_cli.training.step import Example, Objective, Totals, confirm, prepare, step
from tests.helpers.small_models import make_model, random_pairs

STAND_IN = """
import types
from transformers.models.llama import modeling_llama as code

OFF = 0.0
own_rotary = code.apply_rotary_pos_emb


class LigerRMSNorm(code.LlamaRMSNorm):
    def forward(self, hidden):
        return norm(self, hidden)


def norm(self, hidden):
    scale = (hidden.pow(2).mean(-1, keepdim=True) + self.variance_epsilon).rsqrt()
    return self.weight * hidden * scale * (1 + OFF)


def rotary(*args, **kwargs):
    rotary.calls += 1
    return own_rotary(*args, **kwargs)


rotary.calls = 0


def apply_to_llama(rope=True, cross_entropy=False, fused_linear_cross_entropy=True, rms_norm=True, model=None):
    assert not (cross_entropy or fused_linear_cross_entropy), "never its losses"
    code.apply_rotary_pos_emb = rotary
    code.LlamaRMSNorm = LigerRMSNorm
    for module in model.modules():
        if type(module).__name__ == "LlamaRMSNorm":
            module.in_place = True
            module.forward = types.MethodType(norm, module)


def apply_to_qwen2(model=None):
    model.model.norm.forward = None
    raise AttributeError("this transformers has no such class")


MODEL_TYPE_TO_APPLY_LIGER_FN = {"llama": apply_to_llama, "qwen2": apply_to_qwen2}
"""


@pytest.fixture
def liger(tmp_path, monkeypatch):
    """The stand-in, installed; kernels run on a CPU."""
    import sys

    package = tmp_path / "liger_kernel" / "transformers"
    package.mkdir(parents=True)
    for folder in (package, package.parent):
        (folder / "__init__.py").write_text("")
    (package / "monkey_patch.py").write_text(STAND_IN)
    facts = tmp_path / "liger_kernel-0.8.5.dist-info"
    facts.mkdir()
    (facts / "METADATA").write_text("Metadata-Version: 2.1\nName: liger-kernel\nVersion: 0.8.5\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(kernels, "runs_on", lambda device: True)
    before = set(sys.modules)
    from liger_kernel.transformers import monkey_patch

    yield monkey_patch
    for name in set(sys.modules) - before:
        if name.startswith("liger_kernel"):
            del sys.modules[name]


@pytest.fixture(autouse=True)
def model_code_as_it_was():
    from transformers.models.llama import modeling_llama as code

    before = dict(vars(code))
    yield
    vars(code).update(before)


def run(model, layout):
    examples = [Example(p) for p in random_pairs(4)]
    model.zero_grad()
    loss, _ = step(model, examples, Objective("fgit"), Totals.of(examples), layout)
    loss.backward()
    return loss.detach(), gradients(model)


def test_kernels_are_taken_where_they_give_the_models_own_numbers(liger):
    model = make_model(dtype="float32")
    own = run(model, prepare(model))
    layout = confirm(model, prepare(model, kernels_wanted="auto"))
    assert (layout.name, layout.kernels.name, layout.reasons) == ("shared", "liger 0.8.5", ())
    calls = liger.rotary.calls
    loss, grads = run(model, layout)
    assert liger.rotary.calls == calls + 2  # once a layer
    assert model.model.norm.in_place
    assert relative(loss, own[0]) < 1e-5
    assert max(relative(grads[n], own[1][n], 1e-6) for n in grads) < 1e-4


def test_models_made_later_get_their_own_classes(liger):
    kernels.apply(make_model(dtype="float32"), "auto", torch.device("cpu"))
    assert type(make_model(dtype="float32").model.norm).__name__ == "LlamaRMSNorm"


@pytest.mark.parametrize("layout_name", ["shared", "plain"])
def test_kernels_that_give_other_numbers_are_taken_back_and_it_is_said(layout_name, liger, monkeypatch):
    monkeypatch.setattr(liger, "OFF", 0.5)
    model = make_model(dtype="float32")
    layout = confirm(model, prepare(model, layout_name, kernels_wanted="liger"))
    assert (layout.name, layout.kernels.name, layout.own_logits) == (layout_name, "none", False)
    assert "liger 0.8.5" in layout.reasons[-1]
    assert "probe" in layout.reasons[-1]
    assert "forward" not in vars(model.model.norm)
    own = make_model(dtype="float32")
    assert run(model, layout)[0] == run(own, prepare(own, layout_name))[0]


def test_kernels_that_fail_are_taken_back(liger, monkeypatch):
    def failing(self, hidden):
        raise RuntimeError("no kernel image is available\nfor execution on the device")

    monkeypatch.setattr(liger, "norm", failing)
    model = make_model(dtype="float32")
    layout = confirm(model, prepare(model, kernels_wanted="auto"))
    assert layout.kernels.name == "none"
    assert "no kernel image is available for execution" in layout.reasons[-1]


def test_a_layout_that_is_wrong_is_not_blamed_on_the_kernels(liger, monkeypatch):
    model = make_model(dtype="float32")
    layout = prepare(model, kernels_wanted="auto")
    inside = model.model.forward
    monkeypatch.setattr(model.model, "forward", lambda *a, fgit_segments=None, **k: inside(*a, **k))
    layout = confirm(model, layout)
    assert (layout.name, layout.kernels.name) == ("plain", "liger 0.8.5")


def test_models_that_change_their_logits_have_their_kernels_checked_too(liger, monkeypatch):
    monkeypatch.setattr(liger, "OFF", 0.5)
    model = make_model(dtype="float32")
    model.config.final_logit_softcapping = 30.0
    layout = confirm(model, prepare(model, kernels_wanted="auto"))
    assert (layout.name, layout.own_logits, layout.kernels.name) == ("plain", True, "none")


def test_lora_under_the_kernels(liger):
    peft = pytest.importorskip("peft")
    torch.manual_seed(1)
    made = []
    for wanted in ("none", "auto"):
        torch.manual_seed(1)
        config = peft.LoraConfig(r=4, target_modules="all-linear", init_lora_weights=False)
        model = peft.get_peft_model(make_model(dtype="float32"), config)
        layout = confirm(model, prepare(model, kernels_wanted=wanted))
        made.append(run(model, layout))
    assert layout.kernels.name == "liger 0.8.5"
    assert relative(made[1][0], made[0][0]) < 1e-5
    assert max(relative(made[1][1][n], made[0][1][n], 1e-6) for n in made[0][1]) < 1e-4


def test_gradient_checkpointing_under_the_kernels(liger):
    made = []
    for checkpointing in (False, True):
        model = make_model(dtype="float32")
        if checkpointing:
            model.gradient_checkpointing_enable({"use_reentrant": False})
        made.append(run(model, confirm(model, prepare(model, kernels_wanted="auto"))))
    assert made[0][0] == made[1][0]
    assert max(relative(made[1][1][n], made[0][1][n], 1e-6) for n in made[0][1]) < 1e-6


def test_what_cannot_be_had_is_said_or_refused(liger, monkeypatch):
    cpu = torch.device("cpu")
    unknown, failing = make_model("gpt-neox", "float32"), make_model("qwen2", "float32")
    for model, word in ((unknown, "gpt_neox"), (failing, "AttributeError: this transformers")):
        taken, told = kernels.apply(model, "auto", cpu)
        assert taken.name == "none"
        assert word in told
        with pytest.raises(UsageError, match=word):
            kernels.apply(model, "liger", cpu)
    assert "forward" not in vars(failing.model.norm)
    assert kernels.apply(make_model(), "none", cpu) == (kernels.Kernels(), None)
    monkeypatch.setattr(kernels, "find_spec", lambda name: None)
    assert "[gpu]" in kernels.apply(make_model(), "auto", cpu)[1]
    with pytest.raises(MissingExtra, match=r"\[gpu\]"):
        kernels.apply(make_model(), "liger", cpu)


def test_on_a_cpu_none_are_taken_and_nothing_is_said():
    cpu = torch.device("cpu")
    assert kernels.apply(make_model(), "auto", cpu) == (kernels.Kernels(), None)
    with pytest.raises(UsageError, match="GPU"):
        kernels.apply(make_model(), "liger", cpu)


@pytest.mark.parametrize("rank", [0, 2])
def test_the_run_records_what_was_taken_and_what_it_saves_runs_without(rank, liger, tmp_path, monkeypatch):
    from fgit_cli.training import data, launch, loop, machines
    from fgit_cli.training.options import Options
    from tests.helpers.small_runs import records, write_model, write_pairs

    model, out = tmp_path / "model", tmp_path / "out"
    sha256 = write_model(model)
    pairs = write_pairs(tmp_path / "pairs.jsonl", records(4, model, sha256))
    options = Options(files=[str(pairs)], model=str(model), output_dir=str(out), max_steps=1, global_batch_size=4,
                      lora_rank=rank)  # fmt: skip
    job = out / "job"
    job.mkdir(parents=True)
    data.write_store(options.files, job / "pairs")
    plan = machines.Plan(1, 1, "cpu", None)
    launch.write_job(options, plan, job)
    with open(tmp_path / "stdout", "wb") as stdout:
        loop.train(options, machines.start(options, plan), job, stdout)
    assert json.loads((out / "run.json").read_text())["machine"]["kernels"] == "liger 0.8.5"
