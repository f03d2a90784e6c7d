"""Laying a policy over a pipeline: everything that can be wrong between the two is found before anything runs.

`bind` works out when each rule is judged (`schedule`) and whether the pipeline has what the policy requires where it sees the
final value (`requirements`). All that is wrong is one InvalidFile. The BoundPolicy it gives is asked after every step
(`deciding`).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from limner.bound import BoundStep
from limner.errors import InvalidFile
from limner.generation import SEVERITY, Action, Decision, Mode, Task
from limner.policy.course import Complaints, Course
from limner.policy.deciding import BoundPolicy
from limner.policy.requirements import check_requirements
from limner.policy.rules import Policy
from limner.policy.schedule import schedule


def bind(
    policy: Policy,
    steps: Sequence[BoundStep],
    *,
    pipeline: str,
    file: str,
    task: Task = "generate",
    mode: Mode = "enforce",
    told: Iterable[str] = (),
) -> BoundPolicy:
    """Lay a policy over the steps of a pipeline that has passed its own checks. `mode="shadow"` makes all findings shadow ones.

    `told` are required steps that nobody has, of which nothing is said again: whoever knows of them refuses the policy.

    Raises InvalidFile with all that is wrong: a requirement that does not hold for the final value, a signal that is never
    measured, too late, or only before a change, a threshold outside its signal's range.
    """
    course = Course.of(pipeline, file, task, steps)
    complaints = Complaints(course, policy.name, set(told))
    check_requirements(policy.requires, course, complaints)
    plan = schedule(policy.rules, course, complaints)
    if problems := list(complaints.problems()):
        raise InvalidFile(problems)
    return BoundPolicy(policy, course, plan.due, plan.idle, mode)


def strictest(decisions: Iterable[Decision]) -> Action:
    """The strictest action among decisions; `allow` where there are none."""
    return max((decision.action for decision in decisions), key=SEVERITY.__getitem__, default="allow")
