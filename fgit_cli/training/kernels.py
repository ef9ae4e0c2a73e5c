"""liger-kernel's RMSNorm, SwiGLU and rotary embedding in place of a model's own, on a GPU; never its losses.

The library edits the model and the module of its code; `Kernels` knows each edit and can take it back, so that probe.py
can hold the edited model against what it was.
"""

import inspect
import logging
import sys
from dataclasses import dataclass, field
from importlib.metadata import version
from importlib.util import find_spec
from typing import Any, Literal

import torch

from fgit_cli import install
from fgit_cli.errors import MissingExtra, UsageError

Wanted = Literal["auto", "liger", "none"]
_ABSENT = object()
_LOSSES = ("cross_entropy", "fused_linear_cross_entropy")  # liger's switches for them


@dataclass(frozen=True)
class _Edit:
    """An attribute that was set: of a module instance, a class or a module of code."""

    owner: Any
    name: str
    before: Any
    after: Any


@dataclass(frozen=True)
class Kernels:
    """Which kernels a model runs with: `name` as the record has it, and what was edited for them (nothing: none)."""

    name: str = "none"
    edits: tuple[_Edit, ...] = field(default=(), repr=False)

    def undo(self) -> None:
        """Make the model what it was."""
        for edit in self.edits:
            if edit.before is _ABSENT:
                delattr(edit.owner, edit.name)
            else:
                setattr(edit.owner, edit.name, edit.before)

    def redo(self) -> None:
        """Put the kernels back."""
        for edit in self.edits:
            setattr(edit.owner, edit.name, edit.after)


def apply(model: Any, wanted: Wanted, device: torch.device) -> tuple[Kernels, str | None]:
    """The kernels that the model, bare or in peft's wrapper, now runs with, and what to tell the user about them.

    `auto` takes liger's where the GPU, the library and the model's family are there. Raises UsageError or MissingExtra
    where `liger` is wanted and one of them is not.
    """
    if wanted == "none" or (wanted == "auto" and not runs_on(device)):
        return Kernels(), None
    if not runs_on(device):
        raise UsageError(f"--kernels liger: its kernels run on a GPU, this is a {device.type}; give --kernels none")
    if find_spec("liger_kernel") is None:
        if wanted == "liger":
            raise MissingExtra("liger-kernel", "gpu")
        return Kernels(), f"liger-kernel, with which a step takes a fifth less, is missing; {install.advice('gpu')}"
    inner = model.get_base_model() if hasattr(model, "get_base_model") else model
    try:
        made = _applied(inner)
    except Exception as error:  # of a library that edits another's code: it may not know this version of it
        why = f"liger-kernel {version('liger-kernel')} cannot be applied: {type(error).__name__}: {error}"
        made = None
    else:
        why = f"liger-kernel {version('liger-kernel')} knows no models of type {inner.config.model_type}"
    if made is not None:
        return made, None
    if wanted == "liger":
        raise UsageError(f"--kernels liger: {why}")
    return Kernels(), f"the model runs with its own kernels (slower, same result): {why}"


def runs_on(device: torch.device) -> bool:
    """Whether triton's kernels run there."""
    return device.type == "cuda"


def _applied(model: Any) -> Kernels | None:
    """The model with liger's kernels; None where it has none for the model's family."""
    from liger_kernel.transformers.monkey_patch import MODEL_TYPE_TO_APPLY_LIGER_FN as FAMILIES

    logging.getLogger("liger_kernel").setLevel(logging.ERROR)  # it warns of each kind of processor that is not here
    edit = FAMILIES.get(model.config.model_type)
    if edit is None:
        return None
    owners = _owners(model)
    before = [dict(vars(owner)) for owner in owners]
    switches = {name: False for name in _LOSSES if name in inspect.signature(edit).parameters}
    try:
        edit(model=model, **switches)
    except Exception:
        Kernels(edits=_edits(owners, before)).undo()
        raise
    edits = _edits(owners, before)
    # the instances are edited; classes put into the module of code are for models that are yet to be made
    later = tuple(e for e in edits if inspect.ismodule(e.owner) and inspect.isclass(e.after))
    Kernels(edits=later).undo()
    return Kernels(f"liger {version('liger-kernel')}", tuple(e for e in edits if e not in later))


def _owners(model: Any) -> list[Any]:
    """What may be edited: the module of the model's code, its modules and their classes."""
    modules = list(model.modules())
    return [sys.modules[type(model).__module__], *modules, *{type(m) for m in modules}]


def _edits(owners: list[Any], before: list[dict[str, Any]]) -> tuple[_Edit, ...]:
    found = []
    for owner, was in zip(owners, before, strict=True):
        for name, value in vars(owner).items():
            if was.get(name, _ABSENT) is not value:
                found.append(_Edit(owner, name, was.get(name, _ABSENT), value))
    return tuple(found)
