"""What is told of each plugin: `limner plugins list` renders it, and errors quote its cause."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

Status = Literal["ok", "broken", "not allowed"]


@dataclass(frozen=True, slots=True)
class StepReport:
    """A step that a plugin offers, and its stage."""

    type: str
    stage: str


@dataclass(frozen=True, slots=True)
class PluginReport:
    """One plugin as it was found: `cause` says why it is broken or not allowed, all its faults at once, one a line."""

    name: str
    version: str
    distribution: str
    status: Status
    cause: str = ""
    steps: tuple[StepReport, ...] = ()

    def to_json(self) -> dict[str, Any]:  # JSON
        """As plain JSON values."""
        return {**asdict(self), "steps": [asdict(step) for step in self.steps]}

    def __str__(self) -> str:
        version = f" {self.version}" if self.version else ""
        return f"plugin {self.name}{version}" + (f" ({self.distribution})" if self.distribution else "")
