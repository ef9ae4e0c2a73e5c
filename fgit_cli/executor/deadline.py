"""Keeps one limit on a sample's time: that of the input which runs, or that of the whole sample."""

from dataclasses import dataclass

_BUSY = 0.9  # of its time, and a sample has used it up itself


@dataclass
class Deadline:
    """A limit of `limit` seconds, counted from `since` by the clock.

    Seconds in which the sample was ready to run and had no processor do not count. Its methods are told all of them,
    and all processor seconds used, since the sample began; `starved_before` and `used_before` are those before `since`.
    A busy sample may take `patience` times its limit.
    """

    limit: float
    since: float
    starved_before: float = 0.0
    used_before: float = 0.0
    patience: float = 1.0

    @property
    def allowed(self) -> float:
        """Seconds that the sample may take."""
        return self.patience * self.limit

    def at(self, starved: float) -> float:
        """The time, by the clock, at which it is reached."""
        return self.since + self.allowed + starved - self.starved_before

    def spent(self, used: float) -> bool:
        """Whether the sample's own threads used all of its time."""
        return used - self.used_before >= self.allowed

    def busy(self, used: float) -> bool:
        """Whether they used nearly all of it: then it was not held up by others."""
        return used - self.used_before >= _BUSY * self.allowed
