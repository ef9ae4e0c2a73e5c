"""pass@1 of a model in training: its greedy answers to a benchmark's first tasks, judged in the sandbox.

The prompts are those with which `fgit eval --bench` will ask the saved model. Ranks share the answering; the main
process judges for all.
"""

import contextlib
import itertools
from pathlib import Path
from typing import Any

from fgit_cli.benches import bench as benches
from fgit_cli.benches.bench import Checked
from fgit_cli.engines.generation import Completion, RequestFailed
from fgit_cli.engines.generation.transformers import TransformersEngine
from fgit_cli.errors import UsageError
from fgit_cli.stages.ask import AskOptions, Questions, is_chat
from fgit_cli.stages.judge import Samples, checked
from fgit_cli.training import runlog
from fgit_cli.training.checks import model_name
from fgit_cli.training.data import PairStore
from fgit_cli.training.on_main import on_main
from fgit_cli.training.options import Options
from fgit_cli.training.saving import CHAT_TEMPLATE

AT_ONCE = 16  # answers; halved where the GPU has no room beside the training


def examiner(options: Options, job: Path) -> "Examiner | None":
    """What examines the model of a run; None where `--eval-bench` is not given."""
    return Examiner(options, job) if options.eval_bench else None


class Examiner:
    """Asks and judges; the benchmark is loaded and the sandbox opened at the first examination, and kept."""

    def __init__(self, options: Options, job: Path) -> None:
        self.options, self.job = options, job
        self.bench = open_bench(str(options.eval_bench), options.eval_tasks)
        self.name = model_name(options.model, PairStore(job / "pairs").about["tokenizer"])
        self.asking = AskOptions(model=self.name, engine="transformers", quiet=True)
        self.sandbox = contextlib.ExitStack()
        self.executor: Any = None

    def __call__(self, model: Any, accelerator: Any) -> dict[str, Any]:
        """`eval_pass_at_1` (null where no answer had a verdict) and `eval_judged`, how many had one.

        `model` is a transformers model, without wrappers of training, set to write. Called by every rank.
        """
        from accelerate.utils import gather_object

        tasks = self.bench.usable[accelerator.process_index :: accelerator.num_processes]
        mine = list(self._answers(model, {task.task_id for task in tasks}))
        samples = gather_object([mine])
        return on_main(accelerator, lambda: self._judged(list(itertools.chain.from_iterable(samples))))

    def _answers(self, model: Any, wanted: set[str]) -> Any:
        """The samples of these tasks."""
        template = self.job / CHAT_TEMPLATE
        before = model.generation_config
        engine = TransformersEngine.around(model, self.name, AT_ONCE, str(template) if template.exists() else None)
        try:
            questions = Questions(self.asking, self.bench, is_chat(self.asking, engine))
            requests = [request for request in questions.requests() if request.key in wanted]
            for request, answer in engine.generate(requests, questions.sampling):
                if isinstance(answer, RequestFailed):
                    answer = [Completion("", "refused")]
                yield questions.record(self.bench.tasks[request.key], answer[0])
        finally:
            model.generation_config = before

    def _judged(self, records: list[dict[str, Any]]) -> dict[str, Any]:
        if self.executor is None:
            from fgit_cli.executor import Executor

            self.executor = self.sandbox.enter_context(Executor(profile=self.bench.profile))
            self.bench.prepare(self.executor, runlog.say)
        made = Samples(self.bench)
        verdicts = [found for _, found in checked(map(made, records), self.bench, self.executor)]
        known = [found.passed for found in verdicts if isinstance(found, Checked) and not found.infra]
        return {"eval_pass_at_1": sum(known) / len(known) if known else None, "eval_judged": len(known)}

    def close(self) -> None:
        """End the sandbox."""
        self.sandbox.close()


def open_bench(name: str, tasks: int) -> benches.Bench:
    """The benchmark with its first `tasks` alone. Raises UsageError for a name that is none."""
    try:
        bench = benches.load(name, None)
    except UsageError as error:
        raise UsageError(str(error).replace("--bench", "--eval-bench", 1)) from None
    first = [task.task_id for task in bench.usable[:tasks]]
    rest = [task_id for task_id in bench.tasks if task_id not in first]
    bench.unusable = {**dict.fromkeys(rest, "not among the first tasks"), **bench.unusable}
    return bench
