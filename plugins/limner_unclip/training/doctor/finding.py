"""One figure of an examination: what was measured, what is healthy, and the likely cause outside of that."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Finding:
    """`value` is healthy from `low` to `high`; below and above, `too_low` and `too_high` tell the likely cause."""

    stage: str
    measure: str
    value: float
    low: float
    high: float
    too_low: str
    too_high: str
    unit: str = ""

    @property
    def healthy(self) -> bool:
        """Whether the value is a number within the range."""
        return self.low <= self.value <= self.high

    @property
    def verdict(self) -> str:
        """`healthy`, or the likely cause."""
        if self.healthy:
            return "healthy"
        if not math.isfinite(self.value):
            return "not a number: a network's weights or answers are not finite; go back to an earlier checkpoint"
        return self.too_low if self.value < self.low else self.too_high

    @property
    def told(self) -> str:
        """The value, as people read it."""
        return f"{self.value:.2f}{self.unit}"

    @property
    def expected(self) -> str:
        """The range, as people read it."""
        return f"{round(self.low, 2):g} to {round(self.high, 2):g}{self.unit}"

    def json(self) -> dict[str, Any]:
        """The finding as JSON; a value that is not a number is null."""
        value = self.value if math.isfinite(self.value) else None
        return {**asdict(self), "value": value, "healthy": self.healthy, "verdict": self.verdict}
