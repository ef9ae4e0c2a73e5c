"""Fine-tune a model on pairs that `fgit mask` wrote, weighting the tokens where correct and incorrect code differ.

Reads pairs (FILE... or stdin) and keeps them in compact form on disk; in memory are their ids and places. Writes model,
tokenizer, checkpoints, run.json and a model card to --output-dir, and an object per logged step to stdout. On a machine
with GPUs it starts `accelerate launch` with DeepSpeed over all of them; on a CPU it runs in this process, or as
--num-processes ranks. After a crash the same command with --resume ends with the same weights.

Example: fgit train pairs.jsonl --model Qwen/Qwen2.5-Coder-1.5B-Instruct > steps.jsonl
"""

# The inside of this command: training/: loop.py is a run from top to bottom, losses.py has W.

import contextlib
import shutil
import socket
import sys
from collections.abc import Iterator
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from fgit_cli import install
from fgit_cli.errors import InputError, MissingExtra, UsageError
from fgit_cli.training.options import TRACKERS, Options

if TYPE_CHECKING:
    from fgit_cli.training.data import PairStore
    from fgit_cli.training.machines import Plan

__all__ = ["Options", "run"]


def run(options: Options) -> None:
    """Check, prepare, train; in this process, or in ranks that it starts and waits for."""
    if not all(map(find_spec, ("torch", "transformers", "accelerate"))):
        raise MissingExtra("training", "train")
    from fgit_cli.training import earlier_run, libraries, machines, publish, runlog
    from fgit_cli.training.estimate import asked_for

    libraries.hush()
    _check_trackers(options)
    publish.check_options(options)
    _check_evaluation(options)
    asked_for(options.token_budget)
    machines.forget_leftovers(runlog.say)
    stops = options.dry_run or options.fault_share
    if machines.launched() and not stops:
        _run_as_rank(options)
        return
    plan = machines.plan(options)
    if not stops and earlier_run.finished(options):
        if options.machine_rank == 0:
            publish.push(options)
        return
    with _job_folder(options) as job:
        _prepare(options, plan.device, job)
        if options.dry_run:
            _show_proposal(options, plan, job)
        elif options.fault_share:
            _show_share(options, plan, job)
        else:
            if options.machine_rank == 0:
                publish.reserve(options)
            _train(options, plan, job)
    if options.machine_rank == 0 and not stops:
        publish.push(options)


def _train(options: Options, plan: "Plan", job: Path) -> None:
    from fgit_cli.training import failures, launch, machines, rank, runlog

    try:
        if plan.in_process:
            from fgit_cli.stages.examine import examiner
            from fgit_cli.training.loop import train

            with rank.own_stdout() as records:
                accelerator = machines.start(options, plan)
                train(options, accelerator, job, records, examiner=examiner(options, job))
                accelerator.end_training()
        else:
            launch.launch(options, plan, job)
    except KeyboardInterrupt:
        runlog.say(failures.from_where(Path(options.output_dir)))
        raise


def _check_trackers(options: Options) -> None:
    for name in options.report_to:
        if name not in TRACKERS:
            raise UsageError(f"--report-to {name}: no such tracker; there are {', '.join(TRACKERS)}")
        if find_spec(name) is None:
            raise UsageError(f"--report-to {name}: not installed; run: {install.packages(name)}")


def _check_evaluation(options: Options) -> None:
    """Refuse, before anything is done, a benchmark that is none, and options that lack what they are about."""
    if options.load_best and not (options.eval_bench or options.eval_file):
        raise UsageError("--load-best: best by what? give --eval-bench NAME or --eval-file FILE")
    if "eval_tasks" in options.given and not options.eval_bench:
        raise UsageError("--eval-tasks is about --eval-bench NAME, which is not given")
    if options.eval_bench:
        from fgit_cli.stages.examine import open_bench

        open_bench(options.eval_bench, options.eval_tasks)


def _run_as_rank(options: Options) -> None:
    """Inside torchrun, accelerate or srun: no relaunch. The first rank of each machine prepares the data for all."""
    from fgit_cli.stages.examine import examiner
    from fgit_cli.training import earlier_run, machines, publish, rank
    from fgit_cli.training.loop import train

    if not options.files or "-" in options.files:
        raise UsageError("ranks cannot share stdin; give the pairs as a FILE")
    machines.adopt_slurm()
    if earlier_run.finished(options):
        return
    job = _job_path(options)
    with rank.own_stdout() as records:
        plan = machines.plan(options)
        accelerator = machines.start(options, plan)
        if accelerator.is_local_main_process:
            job.mkdir(parents=True, exist_ok=True)
            _prepare(options, plan.device, job)
        if accelerator.is_main_process:
            publish.reserve(options)
        accelerator.wait_for_everyone()
        train(options, accelerator, job, records, examiner=examiner(options, job))
        accelerator.wait_for_everyone()
        accelerator.end_training()
        if accelerator.is_local_main_process:
            shutil.rmtree(job, ignore_errors=True)
        if accelerator.is_main_process:
            publish.push(options)


def _job_path(options: Options) -> Path:
    return Path(options.output_dir) / f".job-{socket.gethostname()}"


@contextlib.contextmanager
def _job_folder(options: Options) -> Iterator[Path]:
    """Where this machine's ranks find data and options; gone at the end, and the output folder too if it is empty."""
    job = _job_path(options)
    try:
        job.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"--output-dir {options.output_dir}: {error.strerror}") from None
    try:
        yield job
    finally:
        shutil.rmtree(job, ignore_errors=True)
        with contextlib.suppress(OSError):
            job.parent.rmdir()


def _read(options: Options, job: Path) -> "tuple[list[tuple[PairStore, str]], int]":
    """The pairs, and the held-out ones, each with the place that messages name; and how many bad lines there were."""
    from fgit_cli.training import data, runlog

    bad = 0

    def passed_over(error: InputError) -> None:
        nonlocal bad
        bad += 1
        runlog.say(f"{error} (passed over)")

    skip = passed_over if options.skip_bad_lines else None
    stores = [(data.write_store(options.files, job / "pairs", skip), " ".join(options.files) or "stdin")]
    if options.eval_file:
        held_out = data.write_store([options.eval_file], job / "held_out", skip, "held-out pairs")
        stores.append((held_out, options.eval_file))
    return stores, bad


def _prepare(options: Options, device: str, job: Path) -> None:
    """Read and check everything that can be known before the first step."""
    from fgit_cli.engines.tokenizing import likeness, tokenizers
    from fgit_cli.engines.tokenizing.chat_form import trained_template
    from fgit_cli.training import blueprint, checks, model, runlog
    from fgit_cli.training.saving import CHAT_TEMPLATE

    stores, bad = _read(options, job)
    store, where = stores[0]
    objective = options.made_objective
    checks.check_objective(store, objective, where)
    name = checks.model_name(options.model, store.about["tokenizer"])
    config = model.load_config(name, options)
    vocabulary = config.get_text_config().vocab_size
    tokenizer = tokenizers.load(name)
    laid_out = blueprint.lay_out(config, name, options)
    blueprint.check_attention(laid_out, options, device)
    table = blueprint.positions(laid_out)
    if options.lora_rank:
        model.with_adapters(laid_out, options)  # refuses modules that it does not have
    for checked, place in stores:
        checks.check_vocabulary(checked, vocabulary, name, place)
        same = checks.check_tokenizer(checked, tokenizer.sha256, name, place, partial(likeness.unlike, tokenizer))
        if same and not options.quiet:
            runlog.say(same)
        checks.check_positions(checked, table, objective, name)
    template = trained_template(tokenizer, store.about["tokenizer"] or {}, options.template)
    if template:
        (job / CHAT_TEMPLATE).write_text(template, encoding="utf-8")
    if not options.quiet:
        about = store.about
        runlog.say(f"{about['pairs']} pairs, {about['active']} with marks on both sides")
        if bad:
            runlog.say(f"{bad} bad lines passed over")
        notes = checks.age_notes(about["masks"]) + checks.mask_notes(about["masks"], objective)
        for note in notes + checks.length_notes(store, config, name):
            runlog.say(note)


def _show_share(options: Options, plan: "Plan", job: Path) -> None:
    """Measure in this process, on one device."""
    from fgit_cli import jsonl
    from fgit_cli.training import checks, data, machines, model, runlog, share
    from fgit_cli.training.support import prepare

    store = data.PairStore(job / "pairs")
    accelerator = machines.start(options, machines.Plan(1, 1, plan.device, None))
    loaded, _ = model.load_model(checks.model_name(options.model, store.about["tokenizer"]), options, accelerator)
    layout = prepare(
        loaded, options.layout, options.attention, store.longest, kernels_wanted=options.kernels,
        device=accelerator.device,
    )  # fmt: skip
    found = share.fault_share(loaded, store, options, layout, accelerator)
    if not options.quiet:
        runlog.say(share.speaks_for(found))
    jsonl.Writer(None).write(found or {})


def _show_proposal(options: Options, plan: "Plan", job: Path) -> None:
    """A table for people on a terminal, an object for programs."""
    from fgit_cli import jsonl
    from fgit_cli.training import checks, data, gpus, model, runlog
    from fgit_cli.training.proposal import proposal

    store = data.PairStore(job / "pairs")
    config = model.load_config(checks.model_name(options.model, store.about["tokenizer"]), options)
    made = proposal(options, plan, store, config)
    if not options.quiet and not made["gpu"]:
        names = ", ".join(gpus.GPUS)
        runlog.say(f"no GPU here: --gpu NAME reckons hours and memory, with {names}, or numbers, {gpus.EXAMPLE}")
    if sys.stdout.isatty():
        from fgit_cli.views import costs
        from fgit_cli.views.terminal import console

        console().print(costs.table(made), crop=False)  # a line to type stays whole
    else:
        jsonl.Writer(None).write(made)
