"""`requires`: the steps, by type or stage, that a pipeline must have where they see the final value.

A check of the prompt counts if it stands after the last rewrite, one of the embedding after the last step that writes it, one
of the image after the last that changes it; marks and attestations stand after that too. Marks do not count as a change, so a
check of the image may stand before or after them. Where several steps are of the required type, one in the right place is
enough. A required stage is idle where the pipeline never has the value of its gate.
"""

from __future__ import annotations

from limner.bound import BoundStep
from limner.generation import Gate
from limner.hookspecs import STAGES, Stage
from limner.policy.course import Complaints, Course

LAST = ("watermark", "attest")


def check_requirements(requires: tuple[str, ...], course: Course, complaints: Complaints) -> None:
    """Note every requirement that does not hold for the final value."""
    for name in requires:
        steps = [index for index, step in enumerate(course.steps) if is_required(step, (name,))]
        if not steps and name not in complaints.missing:
            _missing(name, course, complaints)
        elif steps and (gate := _covers(course.steps[steps[-1]].stage)) is not None:
            change = course.last_change(gate)
            if change is not None and steps[-1] < change:
                complaints.before_change(steps[-1], change, f"requires {name}")


def is_required(step: BoundStep, requires: tuple[str, ...]) -> bool:
    """Whether a requirement names the step, by its type or its stage."""
    return step.type in requires or step.stage.name in requires


def _covers(stage: Stage) -> Gate | None:
    """The gate whose final value a required step of this stage must see; None where its place does not matter."""
    return "image" if stage.name in LAST else stage.gate


def _missing(name: str, course: Course, complaints: Complaints) -> None:
    stage = STAGES.get(name)
    gate = _covers(stage) if stage else None
    if gate is not None and not course.ever_exists(gate):
        return
    change = course.last_change(gate) if gate is not None else None
    what, by = f"the pipeline has no step {name}", f"policy {complaints.policy}: requires {name}"
    complaints.add(course.problem(change or 0, what, _way_out(name, stage, change, course), by))
    complaints.missing.add(name)


def _way_out(name: str, stage: Stage | None, change: int | None, course: Course) -> str:
    if stage is not None:
        place = f" after `{course.steps[change].id}`" if change is not None else ""
        return f"add a step of the stage {name}{place}"
    return f"add `- use: {name}`"
