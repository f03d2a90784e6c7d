"""Pipelines checked against every policy that may judge them: their own, the one tried in shadow, and those of cohorts.

A mistake is told once, where it stands: an unknown policy where it is named, an unknown step where it is required. What stands
on something whose mistake is told is not complained of again.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping

from limner.admission import Checked
from limner.errors import InvalidFile, Problem
from limner.generation import Mode
from limner.hookspecs import STAGES
from limner.pipeline import CohortPolicy, Pipeline, PipelineFile, Unfinished
from limner.policy import BoundPolicy, Policy, PolicyFiles, bind, unknown_steps
from limner.policy.comparing import weakenings
from limner.yaml_problems import Problems, did_you_mean


def check_all(file: PipelineFile, policies: PolicyFiles, find_step: Callable[[str], object]) -> Mapping[str, Checked]:
    """Lay the policies over the pipelines. Raises InvalidFile with all that is wrong in either, and between them.

    `find_step` looks a step type up, and raises PluginError.
    """
    problems = Problems()
    problems.found += [*file.problems, *policies.problems, *_unknown_policies(file, policies)]
    used = {named.policy for named in file.policies} & policies.policies.keys()
    known = {name: policies.policies[name] for name in sorted(used)}
    unknown = [unknown_steps(policy, find_step) for policy in known.values()]
    problems.found += [problem for of_policy in unknown for problem in of_policy.values()]
    told = {step for of_policy in unknown for step in of_policy}
    checked: dict[str, Checked] = {}
    for name, pipeline in file.pipelines.items():
        with problems.collecting():
            checked[name] = check(pipeline, known, policies.broken, told)
    for unfinished in file.unfinished:
        problems.found += _unmet(unfinished, known, told)
    problems.raise_found()
    return checked


def check(
    pipeline: Pipeline, policies: Mapping[str, Policy], broken: Collection[str] = (), told: Collection[str] = ()
) -> Checked:
    """Lay the policies over the pipeline. Raises InvalidFile with all that is wrong between them.

    A cohort's policy that is weaker than the pipeline's own is refused, unless it says `loosens: true` and why. Nothing is said
    of a policy that is not there, nor of how weak a `broken` one is: that is told already, and what it would say is not known.
    Nor of the required steps that nobody has, which are `told`.
    """
    problems = Problems()
    enforced = _bound(pipeline, pipeline.policy, policies, problems, told)
    shadow = _bound(pipeline, pipeline.shadow_policy or "", policies, problems, told, "shadow")
    cohorts: dict[str, BoundPolicy] = {}
    for name, cohort in pipeline.cohorts.items():
        if bound := _bound(pipeline, cohort.policy, policies, problems, told):
            cohorts[name] = bound
        if {cohort.policy, pipeline.policy} <= policies.keys() - set(broken):
            problems.found += _weaker(cohort, policies[cohort.policy], policies[pipeline.policy], pipeline)
    if problems.found or enforced is None:
        raise InvalidFile(problems.found)
    if shadow is not None:
        enforced, cohorts = enforced.beside(shadow), {name: bound.beside(shadow) for name, bound in cohorts.items()}
    return Checked(pipeline, enforced, shadow, cohorts)


def _bound(
    pipeline: Pipeline,
    name: str,
    policies: Mapping[str, Policy],
    problems: Problems,
    told: Collection[str],
    mode: Mode = "enforce",
) -> BoundPolicy | None:
    """The policy laid over the pipeline, where both hold."""
    if name in policies:
        with problems.collecting():
            file, task = pipeline.file, pipeline.task
            return bind(policies[name], pipeline.steps, pipeline=pipeline.name, file=file, task=task, mode=mode, told=told)
    return None


def _weaker(cohort: CohortPolicy, policy: Policy, own: Policy, pipeline: Pipeline) -> Iterator[Problem]:
    ways = list(weakenings(policy, own))
    if ways and not cohort.loosens:
        shown = "; ".join(ways[:3]) + (f"; and {len(ways) - 3} more" if len(ways) > 3 else "")
        what = f"policy {policy.name} is weaker than {own.name}: {shown}"
        fix = "add `loosens: true` and a `reason`, or choose a policy that is as strict"
        shows_in = (f"the policy of pipeline {pipeline.name}",)
        yield Problem(pipeline.file, *cohort.place, f"cohorts.{cohort.name}.policy", what, fix, shows_in)


def _unknown_policies(file: PipelineFile, policies: PolicyFiles) -> Iterator[Problem]:
    for named in file.policies:
        if named.policy not in policies.names:
            yield named.problem(f"there is no policy {named.policy!r}", did_you_mean(named.policy, policies.names))


def _unmet(pipeline: Unfinished, policies: Mapping[str, Policy], told: Collection[str]) -> Iterator[Problem]:
    """The required steps that a pipeline lacks whatever is wrong with those that it has; not those of which it is `told`."""
    for name in pipeline.policies:
        for step in policies[name].requires if name in policies else ():
            if not (step in pipeline.types or step in STAGES or step in told):
                yield pipeline.problem(
                    f"the pipeline has no step {step}", f"add `- use: {step}`", f"policy {name}: requires {step}"
                )
