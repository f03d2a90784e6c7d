"""What a policy says: rules over signals, what it requires of a pipeline, and what becomes of a check that fails.

These are the plain values that `loading` builds from YAML, and that `bind` lays over a pipeline. A rule compares signals with
thresholds; all of it is data, so that it can be explained, calibrated and compared.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from limner.errors import Problem
from limner.generation import Action, Decision, Gate, Mode, Severity
from limner.policy.categories import Category
from limner.policy.cel import When

Comparison = Literal["at_least", "above", "at_most", "below"]
SignalKey = tuple[Gate, str]  # a signal is known by its gate and its name

SYMBOLS: dict[Comparison, str] = {"at_least": ">=", "above": ">", "at_most": "<=", "below": "<"}


@dataclass(frozen=True, slots=True)
class Source:
    """The place of a rule or a condition in its policy file, for problems that show only against a pipeline."""

    file: str = ""
    line: int = 0
    column: int = 0
    key: str = ""

    def problem(self, what: str, fix: str = "", *shows_in: str) -> Problem:
        """A mistake at this place, and what it shows in."""
        return Problem(self.file, self.line, self.column, self.key, what, fix, shows_in)


@dataclass(frozen=True, slots=True)
class Condition:
    """One comparison of a signal, measured at `gate`, with a threshold."""

    gate: Gate
    signal: str
    comparison: Comparison
    threshold: float
    source: Source = field(default=Source(), compare=False)

    @property
    def key(self) -> SignalKey:
        """The signal's gate and name."""
        return self.gate, self.signal

    @property
    def text(self) -> str:
        """The comparison as people write it: `>= 0.4`."""
        return f"{SYMBOLS[self.comparison]} {self.threshold}"

    @property
    def is_strict(self) -> bool:
        """Whether the threshold itself does not satisfy the comparison."""
        return self.comparison in ("above", "below")

    @property
    def wants_high(self) -> bool:
        """Whether high values satisfy the comparison, rather than low ones."""
        return self.comparison in ("at_least", "above")

    def margin(self, value: float) -> float:
        """How far the value is on the side that satisfies the comparison; negative where it is on the other."""
        return value - self.threshold if self.wants_high else self.threshold - value

    def holds(self, value: float) -> bool:
        """Whether the value satisfies the comparison."""
        margin = self.margin(value)
        return margin > 0 if self.is_strict else margin >= 0


@dataclass(frozen=True, slots=True)
class Rule:
    """Conditions, joined by `all` or `any`, and the action asked for where they hold and `when` is true of the caller.

    Its outcomes are pass (the conditions do not hold: `allow`), fail (they do: `then`) and error (that cannot be told:
    `on_error`, the policy's where it names none). `message` is shown to the caller; `category` names what is at stake, and of
    several rules that ask for the same action the one of the highest `severity` speaks. A rule in `shadow` mode is judged and
    recorded, never enforced.
    """

    id: str
    at: Gate
    conditions: tuple[Condition, ...]
    then: Action
    join: Literal["all", "any"] = "all"
    when: When | None = None
    mode: Mode = "enforce"
    category: str = ""
    message: str = ""
    severity: Severity = "medium"
    on_error: Action | None = None
    source: Source = field(default=Source(), compare=False)

    def as_json(self) -> dict[str, Any]:  # JSON
        """The rule as it is hashed into the policy's revision: all that can change a decision, or what is said of it."""
        return {
            "id": self.id,
            "at": self.at,
            self.join: [{"at": c.gate, "signal": c.signal, c.comparison: c.threshold} for c in self.conditions],
            "when": self.when.text if self.when else None,
            "then": self.then,
            "on_error": self.on_error,
            "mode": self.mode,
            "severity": self.severity,
            "category": self.category,
            "message": self.message,
        }


@dataclass(frozen=True, slots=True)
class Policy:
    """A policy with its fragments resolved.

    `requires` names step types or stages; `on_error` is the action where a check fails, hangs or answers nonsense;
    `discloses` is what content credentials may say besides ids; `categories` are those that it declares, by name; `revision`
    is the hex SHA-256 of `canonical`, the RFC 8785 bytes of the whole bundle; `file` is where it was written, `required_at`
    where each requirement was.
    """

    name: str
    rules: tuple[Rule, ...]
    requires: tuple[str, ...] = ()
    on_error: Action = "block"
    previews: Literal["none", "gated"] = "none"
    discloses: tuple[Literal["prompt"], ...] = ()
    categories: Mapping[str, Category] = field(default_factory=dict)
    revision: str = ""
    canonical: bytes = field(default=b"", repr=False)
    file: str = ""
    required_at: Mapping[str, Source] = field(default_factory=dict, compare=False, repr=False)

    def category(self, name: str) -> Category:
        """What becomes of work in this category: as the policy declares it, else nothing out of the ordinary."""
        return self.categories.get(name, Category())

    def quarantine(self, decisions: Iterable[Decision]) -> tuple[str, Category] | None:
        """The category that keeps an image which these decisions block, for the longest time; None where none keeps it."""
        blocks = [decision for decision in decisions if decision.action == "block"]
        names = [finding.category for decision in blocks for finding in decision.findings if finding.rule in decision.rules]
        kept = [(name, category) for name in names if (category := self.category(name)).keep == "quarantine"]
        return max(kept, key=lambda each: each[1].days, default=None)
