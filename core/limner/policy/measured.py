"""What a policy looks at: of each category, the gates at which a rule of it is judged. None means that nobody measured it."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from limner.generation import GATES, Gate
from limner.policy.categories import KNOWN
from limner.policy.deciding import BoundPolicy
from limner.policy.rules import Policy


def measured(bound: BoundPolicy) -> Mapping[str, tuple[Gate, ...]]:
    """For each category, the gates at which an enforced rule of it is judged in this pipeline; none where it is not measured.

    Categories are those that every policy may use and those that this one declares. An image that passes says nothing about a
    category that is not measured, so whoever answers for it says `not measured`, and never 0.
    """
    return measured_by_rules(bound.policy, bound.idle)


def measured_by_rules(policy: Policy, idle: Collection[str] = ()) -> Mapping[str, tuple[Gate, ...]]:
    """As `measured`, by the policy's rules alone; `idle` are the ids of those that have nothing to judge."""
    judged: dict[str, set[Gate]] = {name: set() for name in sorted(KNOWN | policy.categories.keys())}
    for rule in policy.rules:
        if rule.mode == "enforce" and rule.category in judged and rule.id not in idle:
            judged[rule.category].add(rule.at)
    return {name: tuple(gate for gate in GATES if gate in gates) for name, gates in judged.items()}
