"""A pipeline checked against every policy that may judge it: its own, the one tried in its shadow, and those of cohorts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from limner.admission import Checked
from limner.errors import InvalidFile, Problem
from limner.generation import Mode
from limner.pipeline import CohortPolicy, Pipeline
from limner.policy import BoundPolicy, Policy, bind
from limner.policy.comparing import weakenings
from limner.yaml_problems import Problems, did_you_mean


def check(pipeline: Pipeline, policies: Mapping[str, Policy]) -> Checked:
    """Lay the policies over the pipeline. Raises InvalidFile with all that is wrong between them.

    A cohort's policy that is weaker than the pipeline's own is refused, unless it says `loosens: true` and why.
    """
    problems = Problems()
    shadow: BoundPolicy | None = None
    enforced: BoundPolicy | None = None
    cohorts: dict[str, BoundPolicy] = {}
    with problems.collecting():
        enforced = _bound(pipeline, pipeline.policy, policies, "policy")
    if pipeline.shadow_policy:
        with problems.collecting():
            shadow = _bound(pipeline, pipeline.shadow_policy, policies, "shadow_policy", "shadow")
    for name, cohort in pipeline.cohorts.items():
        with problems.collecting():
            cohorts[name] = _bound(pipeline, cohort.policy, policies, f"cohorts.{name}")
            if enforced is not None:
                problems.found += _weaker(cohort, cohorts[name].policy, enforced.policy, pipeline)
    problems.raise_found()
    assert enforced is not None  # else it is a problem
    if shadow is not None:
        enforced, cohorts = enforced.beside(shadow), {name: bound.beside(shadow) for name, bound in cohorts.items()}
    return Checked(pipeline, enforced, shadow, cohorts)


def _weaker(cohort: CohortPolicy, policy: Policy, own: Policy, pipeline: Pipeline) -> Iterator[Problem]:
    ways = list(weakenings(policy, own))
    if ways and not cohort.loosens:
        shown = "; ".join(ways[:3]) + (f"; and {len(ways) - 3} more" if len(ways) > 3 else "")
        what = f"policy {policy.name} is weaker than {own.name}, the policy of pipeline {pipeline.name}: {shown}"
        fix = "add `loosens: true` and a `reason`, or choose a policy that is as strict"
        yield Problem(pipeline.file, cohort.line, 1, f"cohorts.{cohort.name}", what, fix)


def _bound(pipeline: Pipeline, policy: str, policies: Mapping[str, Policy], key: str, mode: Mode = "enforce") -> BoundPolicy:
    if policy not in policies:
        what, path = f"there is no policy {policy!r}", f"pipelines.{pipeline.name}.{key}"
        raise InvalidFile([Problem(pipeline.file, pipeline.line, 1, path, what, did_you_mean(policy, policies))])
    return bind(policies[policy], pipeline.steps, pipeline=pipeline.name, file=pipeline.file, task=pipeline.task, mode=mode)
