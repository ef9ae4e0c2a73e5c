"""An objective and its constants, by name. Imports nothing heavy: the command line reads names and defaults here."""

from dataclasses import dataclass
from typing import Literal

ObjectiveName = Literal[
    "fgit", "signed", "sft", "fixed", "dft", "fork", "dpo", "rpo", "target-dpo", "target-rpo", "focused-dpo", "simpo",
    "orpo", "kto",
]  # fmt: skip
ForkLoss = Literal["preference", "cross-entropy"]
Forks = Literal["first", "all"]
Rest = Literal["none", "sft", "dft"]
Normalise = Literal["tokens", "pairs"]


@dataclass(frozen=True)
class Objective:
    """An objective with its constants. Attributes that its formula does not name are not read.

    `alpha`, `detach_weight`: fgit, signed. `fixed_weight`: fixed. `beta`: dpo family, kto. `rpo_alpha`: rpo,
    target-rpo. `focused_weight`: focused-dpo. `simpo_beta`, `simpo_gamma`: simpo. `orpo_weight`: orpo.
    `symmetric`: target-dpo and target-rpo, the correct side restricted to its marked tokens too. `fork_loss`, `forks`,
    `fork_beta`, `fork_weight`, `rest`: fork. `watch_fork`: of any other, the first fork is read too, for the metrics.
    """

    name: ObjectiveName = "fgit"
    alpha: float = 2.0
    detach_weight: bool = False
    fixed_weight: float = 2.0
    beta: float = 0.1
    rpo_alpha: float = 1.0
    symmetric: bool = False
    focused_weight: float = 2.0
    simpo_beta: float = 2.0
    simpo_gamma: float = 1.0
    orpo_weight: float = 0.1
    fork_loss: ForkLoss = "preference"
    forks: Forks = "first"
    fork_beta: float = 1.0
    fork_weight: float = 1.0
    rest: Rest = "none"
    watch_fork: bool = False

    @property
    def dynamic(self) -> bool:
        """Whether its weight compares the probabilities of the two sides."""
        return self.name in ("fgit", "signed")

    @property
    def preference(self) -> bool:
        """Whether it is a mean over pairs or responses against a reference model: the DPO family, and kto."""
        return self.name in ("dpo", "rpo", "target-dpo", "target-rpo", "focused-dpo", "kto")

    @property
    def compares(self) -> bool:
        """Whether it compares what the two responses sum to, and so needs both."""
        return self.preference or self.name in ("simpo", "orpo")
