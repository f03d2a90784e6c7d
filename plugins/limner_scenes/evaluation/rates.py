"""A count of successes with what it says about the true rate."""

import math
from dataclasses import dataclass

_Z_95 = 1.959963984540054


@dataclass(frozen=True, slots=True)
class Rate:
    """`right` out of `of`; both bounds are of the two-sided 95 % interval of Wilson (1927)."""

    right: int
    of: int

    @property
    def share(self) -> float:
        """The share observed, in [0, 1]; 0 of 0 is 0."""
        return self.right / self.of if self.of else 0.0

    @property
    def low(self) -> float:
        """The lower bound: what may be claimed."""
        return max(0.0, self._middle() - self._half_width())

    @property
    def high(self) -> float:
        """The upper bound."""
        return min(1.0, self._middle() + self._half_width())

    def as_json(self) -> dict[str, float]:
        """The counts, the share and the bounds, as plain numbers."""
        return {"right": self.right, "of": self.of, "share": self.share, "low": self.low, "high": self.high}

    def _middle(self) -> float:
        return (self.right + _Z_95**2 / 2) / (self.of + _Z_95**2)

    def _half_width(self) -> float:
        if not self.of:
            return 0.5
        spread = self.share * (1 - self.share) / self.of + _Z_95**2 / (4 * self.of**2)
        return _Z_95 * math.sqrt(spread) / (1 + _Z_95**2 / self.of)
