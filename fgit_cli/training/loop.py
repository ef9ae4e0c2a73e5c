"""The training loop, from the data to the saved model, to be read from top to bottom. Every rank runs it.

A step is `--global-batch-size` pairs, whatever the ranks and passes they run in; step.py has the contract of a pass.
"""

import contextlib
import dataclasses
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from fgit_cli import messages
from fgit_cli.training import checkpoints, evaluations, order, runlog, schedule
from fgit_cli.training.budget import Budget, budget_of
from fgit_cli.training.card import run_record, write_card, write_run
from fgit_cli.training.checks import model_name
from fgit_cli.training.data import PairStore
from fgit_cli.training.evaluations import Evaluations, Examiner
from fgit_cli.training.failures import NotANumber, check_room, explained, parameters
from fgit_cli.training.losses import Loss
from fgit_cli.training.losses import loss as objective_loss
from fgit_cli.training.machines import describe, peak_memory, what_is_built
from fgit_cli.training.manifest import described
from fgit_cli.training.metrics import summary
from fgit_cli.training.model import ModelSource, load_model, make_optimizer
from fgit_cli.training.options import Options
from fgit_cli.training.packing import plan_passes
from fgit_cli.training.pairs import Example
from fgit_cli.training.passes import Passes
from fgit_cli.training.reference import reference_of, reference_point
from fgit_cli.training.runlog import RunLog
from fgit_cli.training.saving import CHAT_TEMPLATE, model_files, save_chat_template, save_model
from fgit_cli.training.share import fault_share
from fgit_cli.training.step import Layout, Totals, confirm, prepare
from fgit_cli.training.sums import Sums
from fgit_cli.training.support import without_dropout


def train(
    options: Options,
    accelerator: Any,
    job: Path,
    stdout: BinaryIO,
    loss_of: Loss = objective_loss,
    examiner: Examiner | None = None,
) -> None:
    """Train on the stores of the job folder and write `--output-dir`. One object per logged step goes to `stdout`.

    Whoever started the accelerator ends it (`end_training`): trackers and process group are still open.
    `loss_of` is for experiments: a variant of the objective's formula, over the tokens that the objective reads.
    `examiner` looks at the model where held-out pairs are looked at.
    Raises EngineError for a loss that is no number, a full disk and a full memory; UsageError for a `--resume` that
    does not fit.
    """
    with explained(Path(options.output_dir)):
        _train(options, accelerator, job, stdout, loss_of, examiner)


@dataclass
class _Task:
    """What is to be trained on what, and from which checkpoint on: all that is known before the model is loaded."""

    options: Options
    accelerator: Any
    job: Path  # the folder of the data
    name: str  # of the model: a folder, or a name on the hub
    store: PairStore
    held_out: PairStore | None
    steps: int
    identity: dict[str, Any]  # by which a checkpoint is known to be of the same run
    checkpoint: Path | None

    @property
    def folder(self) -> Path:
        """Where model and checkpoints go."""
        return Path(self.options.output_dir)

    @property
    def longest(self) -> int:
        """Tokens of the longest prompt with a response in all data."""
        return max(s.longest for s in (self.store, self.held_out) if s)


@dataclass
class _Trained:
    """The model with its optimizer, and what the steps are made with."""

    model: Any
    source: ModelSource
    optimizer: Any
    parameters: list[Any]  # those that are trained
    layout: Layout
    rate: Callable[[int], float]  # the learning rate of step 0, 1, ...
    budget: Budget
    reference: np.ndarray  # [pairs, 3]: what the frozen model says (reference.reference_of)
    share: dict[str, Any] | None  # how much of the gradient the fault tokens have
    without: list[str]  # the kinds of dropout that were taken out
    put_dropout_back: Callable[[], None] | None


def _train(
    options: Options, accelerator: Any, job: Path, stdout: BinaryIO, loss_of: Loss, examiner: Examiner | None
) -> None:
    evaluations.check_whole(options, accelerator)
    task = _task(options, accelerator, job)
    trained = _model_and_optimizer(task)
    done = checkpoints.load(accelerator, task.checkpoint) if task.checkpoint else 0
    if options.report_to:
        accelerator.init_trackers("fgit", config={k: str(v) for k, v in task.identity["options"].items()})
    log = RunLog(options, accelerator, stdout, task.steps, done)
    machine = describe(accelerator) | {"layout": trained.layout.name, "kernels": trained.layout.kernels.name}
    _say_what_begins(task, trained, machine, done, log)
    objective, layout = options.made_objective, trained.layout
    passes = Passes(trained.model, accelerator, objective, layout, loss_of, trained.budget, log.note)
    window = _Window(task, done)
    evaluation = Evaluations(
        options, accelerator, task.held_out, task.checkpoint, trained.model, layout, trained.budget, log, examiner
    )
    record: dict[str, Any] = {}

    with contextlib.closing(log), contextlib.closing(evaluation):
        if not task.checkpoint:
            window.leave_out(evaluation.look("before", done))
        for number, chosen in order.walk(len(task.store), options.global_batch_size, options.seed, done, task.steps):
            norm = _step(task, trained, passes, window.sums, number, chosen)
            done = number + 1
            if done % options.logging_steps == 0 or done == task.steps:
                record = window.record(done, trained.rate(number), norm)
                log.write(record)
            if options.eval_steps and done % options.eval_steps == 0 and done < task.steps:
                window.leave_out(evaluation.look(f"step {done}", done))
            if options.save_steps and done % options.save_steps == 0 and done < task.steps:
                run = {**task.identity, "held_out": evaluation.seen}
                checkpoints.save(accelerator, task.folder, done, run, options.save_total_limit)
        evaluation.look("after", done)
        result = {"steps": task.steps, "last_step": record, "held_out": evaluation.seen}
        result["best"] = evaluation.load_best(done)
        _save(task, trained, machine, result, log)
        evaluation.forget()


def _task(options: Options, accelerator: Any, job: Path) -> _Task:
    """The data of the job folder, and the checkpoint from which `--resume` goes on; damaged ones are passed over."""
    store = PairStore(job / "pairs")
    held_out = PairStore(job / "held_out") if options.eval_file else None
    name = model_name(options.model, store.about["tokenizer"])
    steps = order.count_steps(len(store), options.global_batch_size, options.num_train_epochs, options.max_steps)
    identity = checkpoints.identity(options, name, store, accelerator)
    found = checkpoints.newest_whole(Path(options.output_dir), accelerator) if options.resume else (None, [])
    checkpoint, damaged = found
    if damaged and accelerator.is_main_process:
        runlog.say(f"{'; '.join(damaged)}: going on from {checkpoint or 'the start'}")
    if checkpoint:
        checkpoints.check_same_run(checkpoint, identity)
    return _Task(options, accelerator, job, name, store, held_out, steps, identity, checkpoint)


def _model_and_optimizer(task: _Task) -> _Trained:
    """Load the model, choose layout and kernels, and make the optimizer, the schedule and the reference margins."""
    from accelerate.utils import set_seed

    options, accelerator, objective = task.options, task.accelerator, task.options.made_objective
    set_seed(options.seed)
    model, source = load_model(task.name, options, accelerator)
    kept = options.save_total_limit if 0 < options.save_steps < task.steps else 0
    check_room(task.folder, *parameters(model), kept=kept)
    without, put_back = without_dropout(model) if objective.preference else ([], None)  # as the reference runs
    layout = prepare(
        model, options.layout, options.attention, task.longest, kernels_wanted=options.kernels,
        device=accelerator.device,
    )  # fmt: skip
    share = fault_share(model, task.store, options, layout, accelerator)
    optimizer = make_optimizer(model, options, fused=accelerator.device.type == "cuda")
    if accelerator.is_main_process and (wait := what_is_built(accelerator)):
        messages.note("train", options, wait)
    model, optimizer = accelerator.prepare(model, optimizer)
    layout = confirm(model, layout, steady=objective.preference)
    budget = budget_of(options, model, accelerator, layout, task.longest)
    reference = reference_of(options, task.name, model, task.store, layout, accelerator, budget.tokens)
    set_seed(options.seed, device_specific=True)  # dropout differs between ranks, initial weights must not
    return _Trained(
        model, source, optimizer, [p for p in model.parameters() if p.requires_grad], layout,
        schedule.learning_rate(options, task.steps), budget, reference, share, without, put_back,
    )  # fmt: skip


def _say_what_begins(task: _Task, trained: _Trained, machine: dict[str, Any], done: int, log: RunLog) -> None:
    """Name model, machine, layout and kernels, say why they were chosen, and how far the run is."""
    on = f"{machine['ranks']} × {machine['device']}"
    on += f" ({machine['type']})" if machine["type"] != "NO" else ""  # accelerate's word for one process
    log.note(f"{task.name} on {on}, {machine['layout']} layout, kernels: {machine['kernels']}")
    for reason in trained.layout.reasons:
        log.note(reason)
    if trained.without:
        name, rates = task.options.made_objective.name, ", ".join(trained.without)
        log.note(f"{name} trains without dropout, as its frozen copy runs without it ({rates})")
    pairs = f"{task.options.global_batch_size} of {len(task.store)} pairs each"
    log.note(f"step {done} of {task.steps}, {pairs}, {trained.budget.tokens} tokens a pass")


def _step(task: _Task, trained: _Trained, passes: Passes, sums: Sums, number: int, chosen: np.ndarray) -> float | None:
    """Take step `number`, counted from 0, on the `chosen` pairs; the norm of its gradient, where it is known."""
    options, accelerator = task.options, task.accelerator
    # The step's pairs, and which of them this rank reads in which pass
    as_whole = round(options.hybrid_fraction * len(chosen))
    kto = options.objective == "kto"
    examples = [
        Example(
            task.store[i], float(trained.reference[i, int(place < as_whole and not kto)]),
            float(trained.reference[i, 1]) if kto else 0.0, whole=place < as_whole,
        )
        for place, i in enumerate(chosen)
    ]  # fmt: skip
    layout, ranks = trained.layout, accelerator.num_processes
    plan = plan_passes(examples, options.made_objective, layout.name, trained.budget.tokens, ranks, layout.alone)
    for group in trained.optimizer.param_groups:  # before the passes: DeepSpeed's backward is its step too
        group["lr"] = trained.rate(number)

    # Forward and backward
    totals = Totals.of(examples, options.normalise)
    if kto:
        point = reference_point(
            trained.model, task.store, chosen, trained.reference, layout, accelerator, trained.budget.tokens
        )
        totals = dataclasses.replace(totals, point=point)
    passes.run(plan[accelerator.process_index], totals, sums, number + 1)
    norm = accelerator.clip_grad_norm_(trained.parameters, options.max_grad_norm or math.inf)
    norm = float(norm) if norm is not None else None
    if norm is not None and not math.isfinite(norm):
        raise NotANumber(f"the gradient of step {number + 1} is {norm}")
    trained.optimizer.step()
    trained.optimizer.zero_grad()
    return norm


class _Window:
    """The steps since the last logged one: their sums, and the time that they took."""

    def __init__(self, task: _Task, done: int) -> None:
        self.accelerator, self.compares = task.accelerator, task.options.made_objective.compares
        self.steps_an_epoch = math.ceil(len(task.store) / task.options.global_batch_size)
        self.sums, self.logged = Sums(task.accelerator), done
        self.since = time.perf_counter()

    def leave_out(self, seconds: float) -> None:
        """Do not count time that was spent on something else: tokens/s are those of training."""
        self.since += seconds

    def record(self, done: int, rate: float, norm: float | None) -> dict[str, Any]:
        """What is logged after `done` steps; then a new window begins. Called by every rank."""
        total, now = self.sums.reduced(), time.perf_counter()
        total["loss"] /= done - self.logged
        seconds, self.since, self.logged = now - self.since, now, done
        return {
            "step": done,
            "epoch": round(done / self.steps_an_epoch, 4),
            **summary(total, self.compares),
            "lr": rate,
            "grad_norm": norm,
            "tokens_per_second": round(total["fed_tokens"] / seconds, 1),
            "peak_memory_gib": round(peak_memory(self.accelerator), 3),
        }


def _save(task: _Task, trained: _Trained, machine: dict[str, Any], result: dict[str, Any], log: RunLog) -> None:
    """Write the model, its tokenizer, `run.json` and the card. Called by every rank."""
    options, folder, source = task.options, task.folder, trained.source
    if trained.put_dropout_back:
        trained.put_dropout_back()
    saved = save_model(trained.model, source, options, task.accelerator, folder, task.store, trained.layout)
    if not task.accelerator.is_main_process:
        return
    if (task.job / CHAT_TEMPLATE).exists():  # the prompts were made by another than the tokenizer's own
        save_chat_template(task.job / CHAT_TEMPLATE, folder)
    machine = machine | {"token_budget": trained.budget.tokens}
    run = run_record(options, task.store, machine, {"name": task.name, "revision": source.revision})
    run["fault_share"] = trained.share
    run["result"] = {**result, "saved": saved}
    run["files"] = described(folder, model_files(folder))
    write_card(folder, run)
    write_run(folder, run)
    log.note(_last_words(result["last_step"], folder))


def _last_words(record: dict[str, Any], folder: Path) -> str:
    """What the run came to, where the model is, and what to do next."""
    loss = f"the last loss is {record['loss']:.4f}; " if record else ""
    return f"{loss}the model is in {folder}; next: fgit eval --bench humaneval+ --model {folder}"
