"""A rule backend makes faults without a model, by the mutation operators of universalmutator or Cosmic Ray.

A backend is a module with LANGUAGES, version() and mutations(code, language), which gives every mutation that its rules
allow; which are faults, and which few are taken, is decided by stages/by_rules.py.
"""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Mutation:
    """One change: its operator (what is replaced), the exact rule, the line (from 0); `make` writes the whole code."""

    operator: str
    rule: str
    line: int
    make: Callable[[], str]

    @property
    def code(self) -> str:
        return self.make()
