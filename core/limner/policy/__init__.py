"""Content policies: what may be made, and what may leave. Only this package decides; steps measure."""

from limner.policy.bind import bind, strictest
from limner.policy.categories import Category
from limner.policy.deciding import BoundPolicy
from limner.policy.linting import unknown_steps
from limner.policy.loading import PolicyFiles, load_policies, read_policies
from limner.policy.measured import measured, measured_by_rules
from limner.policy.rules import Policy, Rule

__all__ = [
    "BoundPolicy",
    "Category",
    "Policy",
    "PolicyFiles",
    "Rule",
    "bind",
    "load_policies",
    "measured",
    "measured_by_rules",
    "read_policies",
    "strictest",
    "unknown_steps",
]
