"""The training loop, from the data to the saved model, to be read from top to bottom. Every rank runs it.

A step is `--global-batch-size` pairs, whatever the ranks and passes they run in; step.py has the contract of a pass.
"""

import contextlib
import math
import time
from pathlib import Path
from typing import Any, BinaryIO

from fgit_cli import messages
from fgit_cli.training import checkpoints, order, runlog, schedule
from fgit_cli.training.budget import budget_of
from fgit_cli.training.card import run_record, write_card, write_run
from fgit_cli.training.checks import model_name
from fgit_cli.training.data import PairStore
from fgit_cli.training.evaluate import evaluate
from fgit_cli.training.failures import NotANumber, check_room, explained, parameters
from fgit_cli.training.losses import Loss
from fgit_cli.training.losses import loss as objective_loss
from fgit_cli.training.machines import describe, peak_memory, what_is_built
from fgit_cli.training.manifest import described
from fgit_cli.training.metrics import summary
from fgit_cli.training.model import load_model, make_optimizer
from fgit_cli.training.options import Options
from fgit_cli.training.packing import plan_passes
from fgit_cli.training.pairs import Example
from fgit_cli.training.passes import Passes
from fgit_cli.training.reference import reference_of
from fgit_cli.training.runlog import RunLog
from fgit_cli.training.saving import CHAT_TEMPLATE, model_files, save_chat_template, save_model
from fgit_cli.training.share import fault_share
from fgit_cli.training.step import Totals, confirm, prepare
from fgit_cli.training.sums import Sums
from fgit_cli.training.support import without_dropout


def train(options: Options, accelerator: Any, job: Path, stdout: BinaryIO, loss_of: Loss = objective_loss) -> None:
    """Train on the stores of the job folder and write `--output-dir`. One object per logged step goes to `stdout`.

    `loss_of` is for experiments: a variant of the objective's formula, over the tokens that the objective reads.
    Raises EngineError for a loss that is no number, a full disk and a full memory; UsageError for a `--resume` that
    does not fit.
    """
    with explained(Path(options.output_dir)):
        _train(options, accelerator, job, stdout, loss_of)


def _train(options: Options, accelerator: Any, job: Path, stdout: BinaryIO, loss_of: Loss) -> None:
    from accelerate.utils import set_seed

    folder = Path(options.output_dir)
    store = PairStore(job / "pairs")
    held_out = PairStore(job / "held_out") if options.eval_file else None
    objective = options.made_objective
    ranks, rank = accelerator.num_processes, accelerator.process_index
    name = model_name(options.model, store.about["tokenizer"])
    steps = order.count_steps(len(store), options.global_batch_size, options.num_train_epochs, options.max_steps)
    identity = checkpoints.identity(options, name, store, accelerator)
    checkpoint, damaged = checkpoints.newest_whole(folder, accelerator) if options.resume else (None, [])
    if damaged and accelerator.is_main_process:
        runlog.say(f"{'; '.join(damaged)}: going on from {checkpoint or 'the start'}")
    if checkpoint:
        checkpoints.check_same_run(checkpoint, identity)

    # Model, optimizer and schedule
    set_seed(options.seed)
    model, source = load_model(name, options, accelerator)
    check_room(folder, *parameters(model), kept=options.save_total_limit if 0 < options.save_steps < steps else 0)
    longest = max(s.longest for s in (store, held_out) if s)
    dropout, put_back = without_dropout(model) if objective.preference else ([], None)  # as the reference runs
    layout = prepare(
        model, options.layout, options.attention, longest, kernels_wanted=options.kernels, device=accelerator.device
    )
    share = fault_share(model, store, options, layout, accelerator)
    optimizer = make_optimizer(model, options, fused=accelerator.device.type == "cuda")
    if accelerator.is_main_process and (wait := what_is_built(accelerator)):
        messages.note("train", options, wait)
    model, optimizer = accelerator.prepare(model, optimizer)
    layout = confirm(model, layout, steady=objective.preference)
    trained = [p for p in model.parameters() if p.requires_grad]
    rate = schedule.learning_rate(options, steps)
    budget = budget_of(options, model, accelerator, layout, longest)
    reference = reference_of(options, name, model, store, layout, accelerator, budget.tokens)
    set_seed(options.seed, device_specific=True)  # dropout differs between ranks, initial weights must not
    done = checkpoints.load(accelerator, checkpoint) if checkpoint else 0

    # Records
    if options.report_to:
        accelerator.init_trackers("fgit", config={k: str(v) for k, v in identity["options"].items()})
    log = RunLog(options, accelerator, stdout, steps, done)
    machine = describe(accelerator) | {"layout": layout.name, "kernels": layout.kernels.name}
    on = f"{machine['ranks']} × {machine['device']} ({machine['type']})"
    log.note(f"{name} on {on}, {layout.name} layout, kernels: {layout.kernels.name}")
    for reason in layout.reasons:
        log.note(reason)
    if dropout:
        log.note(f"{objective.name} trains without dropout, as its frozen copy runs without it ({', '.join(dropout)})")
    log.note(
        f"step {done} of {steps}, {options.global_batch_size} of {len(store)} pairs each, {budget.tokens} tokens a pass"
    )
    passes = Passes(model, accelerator, objective, layout, loss_of, budget, log.note)
    sums, since, logged = Sums(accelerator), time.perf_counter(), done
    held: dict[str, dict[str, Any]] = checkpoints.read(checkpoint).get("held_out", {}) if checkpoint else {}
    record: dict[str, Any] = {}

    def look(when: str) -> None:
        nonlocal since
        if held_out:
            began = time.perf_counter()
            held[when] = evaluate(model, held_out, budget.tokens, layout, accelerator)
            log.write({"step": done, **held[when]})
            since += time.perf_counter() - began  # tokens/s are those of training

    with contextlib.closing(log):
        if not checkpoint:
            look("before")
        for number, chosen in order.walk(len(store), options.global_batch_size, options.seed, done, steps):
            # The step's pairs, and which of them this rank reads in which pass
            as_whole = round(options.hybrid_fraction * len(chosen))
            examples = [
                Example(store[i], reference=float(reference[i, int(place < as_whole)]), whole=place < as_whole)
                for place, i in enumerate(chosen)
            ]
            totals = Totals.of(examples, options.normalise)
            plan = plan_passes(examples, objective, layout.name, budget.tokens, ranks, layout.alone)
            for group in optimizer.param_groups:
                group["lr"] = rate(number)

            # Forward and backward
            passes.run(plan[rank], totals, sums, number + 1)
            norm = accelerator.clip_grad_norm_(trained, options.max_grad_norm or math.inf)
            norm = float(norm) if norm is not None else None
            if norm is not None and not math.isfinite(norm):
                raise NotANumber(f"the gradient of step {number + 1} is {norm}")
            optimizer.step()
            optimizer.zero_grad()
            done = number + 1

            # What it was like
            if done % options.logging_steps == 0 or done == steps:
                total, now = sums.reduced(), time.perf_counter()
                total["loss"] /= done - logged
                record = {
                    "step": done,
                    "epoch": round(done / math.ceil(len(store) / options.global_batch_size), 4),
                    **summary(total, objective.preference),
                    "lr": rate(number),
                    "grad_norm": norm,
                    "tokens_per_second": round(total["fed_tokens"] / (now - since), 1),
                    "peak_memory_gib": round(peak_memory(accelerator), 3),
                }
                log.write(record)
                since, logged = now, done
            if options.eval_steps and done % options.eval_steps == 0 and done < steps:
                look(f"step {done}")
            if options.save_steps and done % options.save_steps == 0 and done < steps:
                run = {**identity, "held_out": held}
                checkpoints.save(accelerator, folder, done, run, options.save_total_limit)
        look("after")

        if put_back:
            put_back()
        saved = save_model(model, source, options, accelerator, folder, store, layout)
        if accelerator.is_main_process:
            if (job / CHAT_TEMPLATE).exists():  # the prompts were made by another than the tokenizer's own
                save_chat_template(job / CHAT_TEMPLATE, folder)
            machine["token_budget"] = budget.tokens
            run = run_record(options, store, machine, {"name": name, "revision": source.revision})
            run["fault_share"] = share
            run["result"] = {"steps": steps, "last_step": record, "held_out": held, "saved": saved}
            run["files"] = described(folder, model_files(folder))
            write_card(folder, run)
            write_run(folder, run)
            log.note(_last_words(record, folder))
    if options.report_to:
        accelerator.end_training()


def _last_words(record: dict[str, Any], folder: Path) -> str:
    """What the run came to, where the model is, and what to do next."""
    loss = f"the last loss is {record['loss']:.4f}; " if record else ""
    return f"{loss}the model is in {folder}; next: fgit eval --bench humaneval+ --model {folder}"
