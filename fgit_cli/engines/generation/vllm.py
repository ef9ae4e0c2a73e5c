"""Runs a model in this process through vLLM, the fastest way on a machine with GPUs that is all one's own.

It is written to vLLM 0.32's documented offline interface (`LLM.generate` with token ids, `SamplingParams`) and tested
against a stand-in for it; it has not been run on a GPU by this project.
"""

import itertools
from collections.abc import Iterable, Iterator
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from fgit_cli import __version__, hub
from fgit_cli.engines.generation import Answer, Completion, Finished, Request, RequestFailed, Sampling
from fgit_cli.engines.tokenizing import prompter
from fgit_cli.engines.tokenizing.templates import Refused
from fgit_cli.errors import MissingExtra, UsageError, one_line

WINDOW = 512  # requests handed over together; vLLM orders and batches them itself


class VllmEngine:
    """Completions from a hub name or a folder, on all local GPUs."""

    def __init__(
        self, model: str, tensor_parallel: int | None = None, template: str | None = None, **engine_arguments: Any
    ) -> None:
        """`template` makes prompts of turns, by the names that `fgit mask --template` takes; None is the model's own.

        `tensor_parallel` None splits the model over all GPUs. `engine_arguments` go to `vllm.LLM` as they are.

        The model's own generation config is not read: what is not sent must not be filled in from it. Raises
        MissingExtra, and UsageError where the model cannot be loaded.
        """
        try:
            import torch
            import vllm
        except ImportError:
            raise MissingExtra("--engine vllm", "vllm") from None
        hub.cached_only(model)  # raises for a name that is nowhere
        self.vllm: Any = vllm
        self.model_name = model
        parallel = tensor_parallel or max(1, torch.cuda.device_count())
        try:
            self.llm: Any = vllm.LLM(
                model=model, tensor_parallel_size=parallel, generation_config="vllm", **engine_arguments
            )
        except (OSError, ValueError, RuntimeError) as error:
            raise UsageError(f"--model {model}: vLLM cannot load it: {one_line(error, 300)}") from None
        self.prompter = prompter.load(model, template)
        self.versions = {"fgit": __version__}
        for package in ("vllm", "torch", "transformers"):
            try:
                self.versions[package] = version(package)
            except PackageNotFoundError:
                continue

    def describe(self) -> dict[str, Any]:
        return {"engine": "vllm", "model": self.model_name, **self.versions}

    def close(self) -> None:
        self.llm = None

    def generate(
        self, requests: Iterable[Request], sampling: Sampling, finished: Finished | None = None
    ) -> Iterator[tuple[Request, Answer]]:
        """See `Engine.generate`; 512 requests are held, and kept when all of them are done."""
        source = iter(requests)
        while window := list(itertools.islice(source, WINDOW)):
            answers: list[Answer] = [list(r.known) for r in window]
            self._run(window, self._prompts(window, answers), answers, sampling, finished)
            yield from zip(window, answers, strict=True)

    def _prompts(self, window: list[Request], answers: list[Answer]) -> dict[int, list[int]]:
        """The prompts' ids of the requests that are not answered yet, by place; a failure is put among the answers."""
        prompts = {}
        for place, request in enumerate(window):
            if len(request.known) == request.n:
                continue
            try:
                ids = self.prompter.ids(request.messages, request.prompt)
            except Refused as reason:
                answers[place] = RequestFailed("the prompt cannot be written", str(reason))
                continue
            if len(ids) >= self.room:
                answers[place] = RequestFailed("the prompt is too long", f"{len(ids)} tokens of {self.room}")
            else:
                prompts[place] = ids
        return prompts

    @property
    def room(self) -> int:
        return self.llm.llm_engine.model_config.max_model_len

    def _run(
        self,
        window: list[Request],
        prompts: dict[int, list[int]],
        answers: list[Answer],
        sampling: Sampling,
        finished: Finished | None,
    ) -> None:
        """One call of vLLM; a request with known answers asks for the others with the seeds that follow."""
        if not prompts:
            return
        parameters = [self._parameters(window[place], sampling) for place in prompts]
        outputs = self.llm.generate([{"prompt_token_ids": ids} for ids in prompts.values()], parameters, use_tqdm=False)
        for place, output in zip(prompts, outputs, strict=True):
            made = [
                Completion(
                    choice.text,
                    choice.finish_reason,
                    len(output.prompt_token_ids or []) if number == 0 else 0,
                    len(choice.token_ids),
                )
                for number, choice in enumerate(output.outputs)
            ]
            if finished:
                finished(window[place], len(window[place].known), made)
            kept = answers[place]
            assert isinstance(kept, list)
            kept += made

    def _parameters(self, request: Request, sampling: Sampling) -> Any:
        known = len(request.known)
        return self.vllm.SamplingParams(
            n=request.n - known,
            temperature=sampling.temperature,
            top_p=sampling.top_p,
            top_k=sampling.top_k or 0,
            repetition_penalty=sampling.repetition_penalty or 1.0,
            max_tokens=sampling.max_tokens,
            seed=None if sampling.seed is None else sampling.seed + known,
            stop=list(sampling.stop) or None,
            stop_token_ids=sorted(self.prompter.ends),  # the generation config, which names them, is not read
        )
