"""Runs a local model in this process through transformers, in batches padded on the left, greedy or sampled.

It is meant for small models and for evaluation; a large teacher is better served (see server.py).
"""

import itertools
from collections.abc import Iterable, Iterator
from importlib.metadata import version
from typing import Any

from fgit_cli import __version__, hub, older_transformers
from fgit_cli.engines.generation import Answer, Completion, Finished, Request, RequestFailed, Sampling
from fgit_cli.engines.tokenizing import prompter
from fgit_cli.engines.tokenizing.templates import Refused
from fgit_cli.errors import EngineError, MissingExtra, UsageError, one_line

WINDOW = 8  # batches read ahead, so that prompts of like length share a batch


class TransformersEngine:
    """Completions from a hub name or a folder."""

    revision: str | None = None  # the hub's commit, where it is known

    def __init__(
        self,
        model: str,
        revision: str | None = None,
        batch_size: int = 8,
        dtype: str = "auto",
        device: str | None = None,
        template: str | None = None,
    ) -> None:
        """`template` makes prompts of turns, by the names that `fgit mask --template` takes; None is the model's own.

        `dtype` is "auto" (the checkpoint's), "bfloat16", "float32", ...; `device` None is the GPU if there is one.

        `batch_size` counts sequences; it is halved while the GPU's memory does not hold a batch. Raises MissingExtra,
        and UsageError for a model that cannot be loaded.
        """
        try:
            origin: dict[str, Any] = {"revision": revision, "local_files_only": hub.cached_only(model, revision)}
            import torch
            from transformers import AutoModelForCausalLM
            from transformers.utils import logging
        except ImportError:
            raise MissingExtra("a local model", "train") from None
        logging.disable_progress_bar()
        logging.set_verbosity_error()  # it warns of fields that are said although greedy decoding does not use them
        where = torch.device(device or ("cuda" if torch.cuda.is_available() else "cpu"))
        try:
            loaded: Any = AutoModelForCausalLM.from_pretrained(model, dtype=dtype, **origin)
        except (OSError, ValueError, KeyError) as error:
            what = one_line(error, 300)
            raise UsageError(f"--model {model}: cannot be loaded: {what}") from None
        self._open(older_transformers.mend(loaded).to(where).eval(), model, batch_size, template)
        self.revision = hub.commit(model, revision)

    @classmethod
    def around(cls, loaded: Any, name: str, batch_size: int, template: str | None = None) -> "TransformersEngine":
        """An engine of a model that is there, in training perhaps: nothing of it is changed but its generation config.

        `name` is the folder or hub name that its tokenizer is read from.
        """
        made = cls.__new__(cls)
        made._open(loaded, name, batch_size, template)
        return made

    def _open(self, loaded: Any, model: str, batch_size: int, template: str | None) -> None:
        import torch
        from transformers import PreTrainedTokenizerFast

        self.torch: Any = torch
        self.model_name, self.batch_size, self.device = model, batch_size, loaded.device
        self.prompter = prompter.load(model, template)
        # transformers rebuilds some tokenizers so that other ids come out; this one is the files' own.
        self.tokenizer: Any = PreTrainedTokenizerFast(
            tokenizer_object=self.prompter.tokenizer.fast(), **self.prompter.tokenizer.named_tokens
        )
        self.model: Any = loaded
        self.room = getattr(self.model.config.get_text_config(), "max_position_embeddings", None)
        self.versions = {"fgit": __version__, "transformers": version("transformers"), "torch": version("torch")}
        self.ends = self._end_tokens()
        # What the folder's own says (no_repeat_ngram_size, suppress_tokens, guidance_scale, ...) decides nothing here.
        self.model.generation_config = type(self.model.generation_config)()
        self.pad = self.tokenizer.pad_token_id if self.tokenizer.pad_token_id is not None else min(self.ends, default=0)

    def describe(self) -> dict[str, Any]:
        return {
            "engine": "transformers",
            "model": self.model_name,
            "revision": self.revision,
            "dtype": str(self.model.dtype).removeprefix("torch."),
            "device": self.device.type,
            **self.versions,
        }

    def close(self) -> None:
        self.model = None
        if self.device.type == "cuda":
            self.torch.cuda.empty_cache()

    def generate(
        self, requests: Iterable[Request], sampling: Sampling, finished: Finished | None = None
    ) -> Iterator[tuple[Request, Answer]]:
        """See `Engine.generate`; reads 8 batches ahead. Sampled answers depend on the batch they are drawn in."""
        source = iter(requests)
        while window := list(itertools.islice(source, max(1, WINDOW * self.batch_size))):
            answers: list[Answer] = [list(r.known) for r in window]
            prompts: list[tuple[int, int, list[int]]] = []  # place in the window, index of the answer, prompt's ids
            for place, request in enumerate(window):
                missing = range(len(request.known), request.n)
                if not missing:
                    continue
                try:
                    ids = self.prompter.ids(request.messages, request.prompt)
                except Refused as reason:
                    answers[place] = RequestFailed("the prompt cannot be written", str(reason))
                    continue
                if self.room is not None and len(ids) >= self.room:
                    answers[place] = RequestFailed("the prompt is too long", f"{len(ids)} tokens of {self.room}")
                    continue
                prompts += [(place, index, ids) for index in missing]
            prompts.sort(key=lambda p: (-len(p[2]), p[0], p[1]))  # longest first: what does not fit fails at once
            for batch in self._batches(prompts, sampling.max_tokens):
                for (place, index, _), completion in zip(batch, self._complete(batch, sampling), strict=True):
                    if finished:
                        finished(window[place], index, [completion])
                    made = answers[place]
                    assert isinstance(made, list)
                    made.append(completion)
            yield from zip(window, answers, strict=True)

    def _batches(self, prompts: list[Any], wanted: int) -> Iterator[list[Any]]:
        """The prompts in batches.

        A shorter prompt leaves more of the model's positions to its answer. So a prompt whose answer may come to their
        end shares its batch with prompts of its own length alone.
        """
        at = 0
        while at < len(prompts):
            batch = prompts[at : at + self.batch_size]
            longest = len(batch[0][2])
            if self.room is not None and self.room - longest < wanted:
                batch = [prompt for prompt in batch if len(prompt[2]) == longest]
            yield batch
            at += len(batch)

    def _complete(self, batch: list[tuple[int, int, list[int]]], sampling: Sampling) -> list[Completion]:
        """One answer per sequence; halves the batch, for good, where the GPU's memory does not hold it."""
        try:
            return self._forward(batch, sampling)
        except self.torch.OutOfMemoryError:
            if len(batch) == 1:
                raise EngineError(f"a single prompt of {len(batch[0][2])} tokens does not fit in the GPU") from None
            self.torch.cuda.empty_cache()
        half = (len(batch) + 1) // 2
        self.batch_size = min(self.batch_size, half)
        return self._complete(batch[:half], sampling) + self._complete(batch[half:], sampling)

    def _forward(self, batch: list[tuple[int, int, list[int]]], sampling: Sampling) -> list[Completion]:
        torch = self.torch
        longest = max(len(ids) for _, _, ids in batch)
        rows = [[self.pad] * (longest - len(ids)) + ids for _, _, ids in batch]
        seen = [[0] * (longest - len(ids)) + [1] * len(ids) for _, _, ids in batch]
        if sampling.seed is not None and sampling.temperature:
            torch.manual_seed(sampling.seed + batch[0][1])
        with torch.no_grad():  # not inference mode: a model in training must not keep what is made there
            out = self.model.generate(
                input_ids=torch.tensor(rows, device=self.device),
                attention_mask=torch.tensor(seen, device=self.device),
                **self._options(sampling, sampling.max_tokens if self.room is None else self.room - longest),
            )
        made = []
        counted = set()
        for (place, _, ids), row in zip(batch, out[:, longest:].tolist(), strict=True):
            made.append(self._completion(ids, row, sampling, len(ids) if place not in counted else 0))
            counted.add(place)
        return made

    def _options(self, sampling: Sampling, room: int) -> dict[str, Any]:
        """The fields of the generation config that differ from transformers' own."""
        greedy = sampling.temperature == 0
        drawn = {
            "do_sample": not greedy,
            "temperature": 1.0 if greedy else sampling.temperature,
            "top_p": 1.0 if greedy else sampling.top_p,
            "top_k": 0 if greedy or sampling.top_k is None else sampling.top_k,
            "repetition_penalty": sampling.repetition_penalty or 1.0,
            "num_beams": 1,
            "max_new_tokens": min(sampling.max_tokens, room),
            "eos_token_id": sorted(self.ends) or None,
            "pad_token_id": self.pad,
            "use_cache": True,
        }
        return drawn | ({"stop_strings": list(sampling.stop), "tokenizer": self.tokenizer} if sampling.stop else {})

    def _completion(self, ids: list[int], row: list[int], sampling: Sampling, prompt_tokens: int) -> Completion:
        end = next((i for i, token in enumerate(row) if token in self.ends), None)
        length = len(row) if end is None else end + 1
        new = row[: length if end is None else end]
        text = self._text(ids, new)
        cuts = [text.index(stop) for stop in sampling.stop if stop in text]
        if cuts:
            text = text[: min(cuts)]
        reason = "stop" if cuts or end is not None else "length"
        return Completion(text, reason, prompt_tokens, length)

    def _text(self, ids: list[int], new: list[int]) -> str:
        """The new tokens' text as it follows the prompt (decoded alone, some tokenizers lose a leading space)."""
        decode = self.tokenizer.decode
        tail = ids[-8:]
        before = decode(tail, skip_special_tokens=True, clean_up_tokenization_spaces=False)
        both = decode(tail + new, skip_special_tokens=True, clean_up_tokenization_spaces=False)
        if both.startswith(before):
            return both[len(before) :]
        return decode(new, skip_special_tokens=True, clean_up_tokenization_spaces=False)

    def _end_tokens(self) -> set[int]:
        """What ends an answer: the prompter's ends, and what the model's generation config names."""
        configured = self.model.generation_config.eos_token_id
        ends = configured if isinstance(configured, list) else [configured]
        return {e for e in ends if e is not None} | self.prompter.ends
