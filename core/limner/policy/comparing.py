"""Whether one policy lets something through that another would stop: what "weaker" means, in plain terms.

A policy is weaker than another where, for some requests, it could decide less strictly. That is not worked out over all
requests but read off the two texts, so that an operator can follow it. It is weaker if

- it does not require a step that the other requires,
- its `on_error` is milder, or it has previews where the other has none,
- it lets content credentials disclose what the other does not,
- it has no counterpart for one of the other's enforced rules: an enforced rule at the same gate that applies whenever that one
  does (the same signals with thresholds as wide), to everyone or under the same `when`, and asks for no less, on errors too,
  nor for fewer eyes on what it holds.

So a policy that says the same in other words (a different signal for the same thing) counts as weaker: say so, and why.
"""

from __future__ import annotations

from collections.abc import Iterator

from limner.generation import SEVERITY
from limner.policy.rules import Condition, Policy, Rule


def weakenings(policy: Policy, than: Policy) -> Iterator[str]:
    """In what the policy is weaker than another; nothing where it is at least as strict."""
    for name in than.requires:
        if name not in policy.requires:
            yield f"it does not require {name}"
    if SEVERITY[policy.on_error] < SEVERITY[than.on_error]:
        yield f"a failed check is only held ({policy.on_error}, not {than.on_error})"
    if policy.previews != "none" and than.previews == "none":
        yield "it has previews"
    for said in policy.discloses:
        if said not in than.discloses:
            yield f"it discloses the {said} in the content credentials"
    for rule in than.rules:
        if rule.mode == "enforce" and not any(_stands_for(each, rule, policy, than) for each in policy.rules):
            yield f"nothing in it is as strict as rule {rule.id}"


def _stands_for(rule: Rule, other: Rule, policy: Policy, than: Policy) -> bool:
    """Whether the rule stops all that the other stops, and no less firmly."""
    on_error, other_on_error = rule.on_error or policy.on_error, other.on_error or than.on_error
    return (
        rule.mode == "enforce"
        and rule.at == other.at
        and rule.when in (None, other.when)
        and SEVERITY[rule.then] >= SEVERITY[other.then]
        and SEVERITY[on_error] >= SEVERITY[other_on_error]
        and policy.category(rule.category).four_eyes >= than.category(other.category).four_eyes
        and _applies_whenever(rule, other)
    )


def _applies_whenever(rule: Rule, other: Rule) -> bool:
    """Whether the rule's conditions hold wherever the other's do."""
    enough = any if rule.join == "any" else all
    if other.join == "any" and len(other.conditions) > 1:
        return all(enough(_follows(mine, theirs) for mine in rule.conditions) for theirs in other.conditions)
    return enough(any(_follows(mine, theirs) for theirs in other.conditions) for mine in rule.conditions)


def _follows(condition: Condition, given: Condition) -> bool:
    """Whether the condition holds wherever the given one does."""
    if condition.key != given.key or condition.wants_high != given.wants_high:
        return False
    if condition.threshold == given.threshold:
        return given.is_strict or not condition.is_strict
    return (condition.threshold < given.threshold) == condition.wants_high
