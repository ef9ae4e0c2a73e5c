"""A check of layout and kernels on the model itself: one small pair, against plain forwards of the model's own.

`support.obstacles` knows the reasons that a model's config gives. What it cannot know shows in what the model does:

    it is causal       another last token leaves every earlier log-probability alone; else fgit cannot train it
    the head is last   what comes out is what the output layer made, to the bit; else its logits are taken whole
    it is steady       two training forwards are equal; else both responses would share their dropout or noise
    the numbers        the layout gives the log-probabilities of a forward for each response
    the kernels        they give the same, as do those of attention; else the model's own, or slower ones, run
    the loss           what the model's own `forward(labels=...)` says is the NLL of the tokens; else it is said
"""

import dataclasses
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from fgit_cli.errors import EngineError, UsageError, one_line
from fgit_cli.training.attention import NAME
from fgit_cli.training.forward import log_probabilities
from fgit_cli.training.head import device_of, picked, unwrap
from fgit_cli.training.kernels import Kernels
from fgit_cli.training.layout import build
from fgit_cli.training.objective import Objective
from fgit_cli.training.pairs import Example, Pair
from fgit_cli.training.support import Layout
from fgit_cli.training.tolerance import EXACT, apart

FORWARDS = 4  # in training, that must be equal: a layer that is left out one time in ten shows in a few


def confirm(model: Any, layout: Layout, steady: bool = False) -> Layout:
    """The layout if it gives the model's own log-probabilities, else the first simpler one that does, with a reason.

    Runs a few forwards of about 20 tokens without gradient: call it on every rank, after wrapping. `steady`: dropout
    was switched off and has to be. Raises EngineError where the model's own log-probabilities are not finite, and
    UsageError for a model that is not causal, or not steady though it has to be.
    """
    inner = unwrap(model)
    probe = _Probe(model, inner, device_of(model))
    training, kernels = inner.training, layout.kernels
    kernels.undo()  # so that all that follows is of the model's own code
    try:
        with torch.no_grad():
            inner.set_attn_implementation(layout.attention)  # the model's own, by which the layout is measured
            model.train()
            random = not probe.repeats()
            if random and steady:
                raise UsageError("the model's forward is random in training, and fgit could not switch that off")
            model.eval()
            own, why = probe.own(), probe.after_head()
            if why and not layout.own_logits:
                layout = _whole_logits(layout, why)
            if not probe.causal():
                raise UsageError("the model sees the tokens that follow; fgit trains causal language models")
            if random and layout.name == "shared":
                layout = _plain(layout, "two training forwards differ: its dropout would be shared by both responses")
            if why := probe.own_loss(layout):
                layout = dataclasses.replace(layout, reasons=(*layout.reasons, why))
            if layout.name == "shared":
                inner.set_attn_implementation(NAME)
                why = probe.wrong(layout, own)
                if why and layout.kernel != "sdpa" and probe.device.type == "cuda":
                    layout = dataclasses.replace(layout, kernel="sdpa")
                    layout = layout.because(f"attention runs a call for each response (slower, same result): {why}")
                    why = probe.wrong(layout, own)
                if why:
                    layout = _plain(layout, why)
                    inner.set_attn_implementation(layout.attention)
            if layout.name == "plain" and (why := probe.wrong(layout, own)):
                said = f"{why}: the rows of a pass change each other, so that --token-budget changes the result"
                layout = dataclasses.replace(layout, reasons=(*layout.reasons, said))
                own = probe.in_layout(layout)
            kernels.redo()
            if kernels.edits and (why := probe.wrong(layout, own)):
                kernels.undo()
                layout = dataclasses.replace(layout, kernels=Kernels())
                layout = layout.because(f"the model runs with its own kernels, not {kernels.name}: {why}")
        return layout
    finally:
        model.train(training)


def _plain(layout: Layout, why: str) -> Layout:
    said = f"the model runs in the plain layout (slower, same result): {why}"
    return dataclasses.replace(layout, name="plain", reasons=(*layout.reasons, said))


def _whole_logits(layout: Layout, why: str) -> Layout:
    said = f"the model's logits are held whole, in the plain layout (more memory, slower, same result): {why}"
    return dataclasses.replace(layout, name="plain", own_logits=True, reasons=(*layout.reasons, said))


@dataclass
class _Probe:
    """A pair of random tokens, and what a model makes of it."""

    model: Any
    inner: Any
    device: torch.device

    def __post_init__(self) -> None:
        self.pair = _pair(self.inner.config.get_text_config().vocab_size)
        self.dtype = self.inner.dtype  # until the head's output shows what autocast makes of it

    def repeats(self) -> bool:
        """Whether forwards of the model as it stands (in training: with its dropout) are equal."""
        made = [self._alone(self.pair.prompt_ids, self.pair.correct_ids) for _ in range(FORWARDS)]
        return all(torch.equal(made[0], other) for other in made[1:]) or not made[0].isfinite().all()

    def own(self) -> np.ndarray:
        """log P of both responses by forwards of their own."""
        sides = (self.pair.correct_ids, self.pair.incorrect_ids)
        found = _array(torch.cat([self._alone(self.pair.prompt_ids, ids) for ids in sides]))
        if not np.isfinite(found).all():
            raise EngineError("the model's log-probabilities are not finite on a probe of 16 tokens: broken weights?")
        return found

    def causal(self) -> bool:
        """Whether the log-probabilities of tokens are the same when the last token is another."""
        ids = self.pair.correct_ids
        other = np.concatenate([ids[:-1], [(ids[-1] + 1) % self.inner.config.get_text_config().vocab_size]])
        one, two = (_array(self._alone(self.pair.prompt_ids, i)[:-1]) for i in (ids, other))
        return float(np.abs(one - two).max()) <= max(EXACT, self._allowed())

    def after_head(self) -> str | None:
        """What stands between the output layer and the logits that come out, as a phrase; None where nothing does."""
        layer, made = self.inner.get_output_embeddings(), []
        if layer is None:
            return "it names no output layer"
        hook = layer.register_forward_hook(lambda module, given, out: made.append(out))
        try:
            logits = self._forward(self.pair.prompt_ids, self.pair.correct_ids).logits
        finally:
            hook.remove()
        if made and isinstance(made[-1], Tensor):
            self.dtype = made[-1].dtype
        if len(made) != 1 or not isinstance(made[0], Tensor) or made[0].shape != logits.shape:
            return "its logits are not those of its output layer alone"
        off, size = float((made[0].float() - logits.float()).abs().max()), float(logits.float().abs().max())
        return None if off <= 1e-6 * size else f"it changes its logits after its output layer, here by up to {off:.2g}"

    def wrong(self, layout: Layout, own: np.ndarray) -> str | None:
        """Why the layout cannot be used, as a phrase; None where it gives the model's own numbers."""
        try:
            found = self.in_layout(layout)
        except Exception as error:  # of a kernel that this GPU or torch does not run, as much as of the layout
            said = one_line(error, 200)
            return said if isinstance(error, EngineError) else f"{type(error).__name__} on a probe: {said}"
        if self._half():
            off = float(np.abs(found - own).max())
            return None if off <= self._allowed() else "it gave other numbers on a probe"
        why = apart(own, found, self.dtype)
        return f"it gave other numbers on a probe ({why})" if why else None

    def own_loss(self, layout: Layout) -> str | None:
        """How the loss that the model computes itself differs from the mean NLL; None where it does not or has none.

        Models whose labels are not shifted (decoders of translation models) have the same loss by another convention.
        """
        prompt, ids = self.pair.prompt_ids, self.pair.correct_ids
        labels = torch.tensor([[-100] * len(prompt) + list(ids)], device=self.device)
        try:
            out = self._forward(prompt, ids, labels=labels)
            loss = float(out.loss)
        except Exception:  # a forward without labels, or one that wants more than labels
            return None
        first = len(prompt) - 1
        logits = out.logits[0].double()
        nll, unshifted = (
            -float(_of(logits[at : at + len(ids)], labels[0, first + 1 :]).mean()) for at in (first, first + 1)
        )
        wanted = nll + (layout.auxiliary * float(out.aux_loss) if layout.auxiliary else 0.0)
        allowed = 0.01 * abs(wanted) if self._half() else EXACT * max(1.0, abs(wanted))
        if min(abs(loss - wanted), abs(loss - unshifted)) <= allowed:
            return None
        return (
            f"the model's own loss on a probe is {loss:.4f}, the tokens' mean NLL {wanted:.4f}; fgit's objectives are "
            "made of the tokens' log-probabilities alone"
        )

    def _half(self) -> bool:
        return self.dtype in (torch.bfloat16, torch.float16)

    def _allowed(self) -> float:
        """In half precision, what is small beside the effect of a wrong context; 0 in fp32, where EXACT holds."""
        if not self._half():
            return 0.0
        prompt, correct, incorrect = self.pair.prompt_ids, self.pair.correct_ids, self.pair.incorrect_ids
        wrong = _array(self._alone(np.concatenate([prompt, correct]), incorrect))
        return max(1e-3, 0.2 * float(np.abs(wrong - _array(self._alone(prompt, incorrect))).max()))

    def _forward(self, prompt: np.ndarray, response: np.ndarray, **more: Any) -> Any:
        ids = torch.from_numpy(np.concatenate([prompt, response]))[None].to(self.device)
        return self.model(input_ids=ids, use_cache=False, **more)

    def _alone(self, prompt: np.ndarray, response: np.ndarray) -> Tensor:
        """log P of a response, by one forward with the model's own attention, mask and logits."""
        logits = self._forward(prompt, response).logits
        at = torch.arange(len(prompt) - 1, len(prompt) + len(response) - 1, device=self.device)
        return picked(logits, at, torch.from_numpy(response).to(self.device))

    def in_layout(self, layout: Layout) -> np.ndarray:
        """log P of both responses in the layout."""
        made = build([Example(self.pair)], Objective("fgit"), layout.name, self.device)
        batch = made.batch(log_probabilities(self.model, made, layout)[0])
        return _array(torch.cat([batch.correct.log_p[0], batch.incorrect.log_p[0]]))


def _pair(vocabulary: int) -> Pair:
    rng = np.random.default_rng(0)
    prompt, shared, correct, incorrect = (rng.integers(0, vocabulary, n) for n in (6, 4, 6, 6))
    incorrect[0] = (correct[0] + 1) % vocabulary
    ones = np.ones(10, dtype=np.int64)
    return Pair("probe", prompt, np.concatenate([shared, correct]), np.concatenate([shared, incorrect]), ones, ones)


def _of(logits: Tensor, targets: Tensor) -> Tensor:
    return logits.log_softmax(1)[: len(targets)].gather(1, targets[: len(logits), None])[:, 0]


def _array(tensor: Tensor) -> np.ndarray:
    return tensor.double().cpu().numpy()
