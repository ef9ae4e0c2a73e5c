"""What the lab is asked: each claim compares two arms over the same seeds, rates and tasks, and the rows answer it."""

from dataclasses import dataclass
from typing import Any

from fgit_cli.core.crossed import FEWEST_RUNS, crossed
from fgit_cli.core.statistics import answer, holm
from lab.arms import HIGHER_RATES, MIDDLE, PAIRED_RATES, RATES, RESTYLED_RATES

ANSWERS = {"better": "holds", "worse": "does not hold", "cannot tell": "not known"}


@dataclass(frozen=True)
class Claim:
    """`arm` is better than `than`, both at `rates` (a mean over them), in a table; `source` says who holds it.

    Holm's correction is over the claims of a family.
    """

    arm: str
    than: str
    source: str
    table: str = "ablations"
    rates: tuple[float, ...] = (MIDDLE,)
    family: str = "page"


def _core(arm: str, than: str, source: str) -> Claim:
    return Claim(arm, than, source, "core", RATES)


def _paired(arm: str, than: str, source: str) -> Claim:
    return Claim(arm, than, source, "paired", PAIRED_RATES[1:])


_OWN, _WINNER = "FGit, own faults", "signed, alpha 5, own faults"
CLAIMS = (
    _core("SFT", "base", "FGit, Table I"),
    _core("FGit, rules", "base", "FGit, Table I"),
    _core(_OWN, "base", "FGit, Table I"),
    _core("FGit, rules", "SFT", "FGit, Tables I and VI"),
    _core(_OWN, "SFT", "FGit, Table I"),
    _core(_OWN, "FGit, rules", "FGit, Table VI: better faults than a rule's"),
    _core("fixed 2, rules", "SFT", "FGit, Figure 6"),
    _core("fixed 2, own faults", "SFT", "FGit, Figure 6"),
    _core("FGit, rules", "fixed 2, rules", "FGit, Figure 6: dynamic over fixed"),
    _core(_OWN, "fixed 2, own faults", "FGit, Figure 6: dynamic over fixed"),
    *(
        Claim(_WINNER, than, "ours, chosen on validation", "confirmation", RATES, "confirmation")
        for than in ("SFT", _OWN, "fixed 2, own faults")
    ),
    Claim(_WINNER, "signed, alpha 5, rules", "ours", "confirmation", RATES),
    Claim("signed, alpha 5, rules", "SFT", "ours", "confirmation", RATES),
    Claim("signed, alpha 2, own faults", _OWN, "ours", "confirmation", RATES),
    *(
        Claim(arm, than, who, "higher-rates", (rate,))
        for rate in HIGHER_RATES
        for arm, than, who in ((_OWN, "SFT", "FGit, Table I"), (_WINNER, "SFT", "ours"), (_WINNER, _OWN, "ours"))
    ),
    *(
        Claim(arm, "SFT", "why so little is gained", "restyled", RESTYLED_RATES[:1])
        for arm in (_OWN, "fixed 2, own faults", "fixed 5, own faults", _WINNER)
    ),
    Claim(_OWN, "FGit, line", "FGit, Table II: hybrid over line"),
    Claim(_OWN, "FGit, token", "FGit, Table II: hybrid over token"),
    Claim(_OWN, "FGit, gaps ignored", "open: what a forgotten line marks"),
    Claim("fixed 2, own faults", "fixed 0", "FGit, Figure 6"),
    Claim("fixed 2, own faults", "fixed 3", "FGit, Figure 6: 2 is the best"),
    Claim("fixed 2, own faults", "fixed 5", "FGit, Figure 6: 2 is the best"),
    *(Claim(_OWN, f"FGit, alpha {a}", "FGit, Figure 7: 2 is the best") for a in ("1", "1.5", "3", "5")),
    Claim(_OWN, "FGit, no gradient through W", "open: whether the gradient through W matters"),
    Claim("FGit, 2 epochs", "SFT, 2 epochs", "FGit, Figure 7"),
    _paired("FGit", "SFT", "FGit, Table I"),
    _paired("FGit", "DPO", "FGit, Table V"),
    _paired("Target-DPO", "DPO", "Target-DPO, Table 1"),
    _paired("Target-RPO", "RPO", "Target-DPO, Table 1"),
    _paired("Target-DPO", "SFT", "Target-DPO, Table 2"),
    _paired("Target-RPO", "SFT", "Target-DPO, Table 9"),
    *(
        _paired(f"Target-{x}", f"Target-{x}, {how}", "Target-DPO, Table 3")
        for x in ("DPO", "RPO")
        for how in ("half of the pairs whole", "symmetric")
    ),
)


def compare(mine: Any, theirs: Any) -> dict[str, Any]:
    """Two arms' verdicts [seeds, tasks] (shares, where they are means over rates): difference, interval, p over seeds.

    `p` is None with fewer than three seeds.
    """
    from scipy.stats import ttest_1samp

    moved = mine - theirs
    drawn = crossed(moved, range(moved.shape[1]))
    low, high = drawn.low, drawn.high
    by_seed = moved.mean(1)
    p = None
    if len(by_seed) >= FEWEST_RUNS:
        p = float(ttest_1samp(by_seed, 0).pvalue) if by_seed.std() > 1e-12 else (0.0 if by_seed.any() else 1.0)
    return {"difference": 100 * float(moved.mean()), "low": 100 * low, "high": 100 * high, "p": p, "seeds": len(moved)}


def judged(found: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The comparisons with `p_holm`, over all of them that have a p, and `answer`."""
    tested = [f for f in found if f["p"] is not None]
    adjusted = dict(zip(map(id, tested), holm([f["p"] for f in tested]), strict=True))
    return [
        {**f, "p_holm": p, "answer": ANSWERS[answer(f["difference"], p) if p is not None else "cannot tell"]}
        for f in found
        for p in [adjusted.get(id(f))]
    ]
