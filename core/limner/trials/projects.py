"""Policies on trial: laid over a project's pipelines and asked what they would decide, making and recording nothing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from limner.app import App
from limner.bound import BoundStep
from limner.errors import InvalidFile, Problem, StepError, UsageError
from limner.generation import Generation
from limner.pipeline import Pipeline
from limner.policy import BoundPolicy, Policy, bind
from limner.policy.cases import CaseRun, Cases, case_files, first_suited, load_cases
from limner.policy.linting import all_measured, unknown_signals, unknown_steps
from limner.policy.walking import Measure, Measured
from limner.policy.when_names import unknown_names
from limner.yaml_problems import Problems, did_you_mean

MEASURING_TIME = 60.0  # seconds for one check of a prompt


def policy_of(app: App, name: str) -> Policy:
    """The project's policy of this name. Raises UsageError for an unknown one."""
    if name not in app.policies:
        raise UsageError(f"no policy {name!r}", fix=did_you_mean(name, app.policies))
    return app.policies[name]


def suited(app: App, policy: Policy) -> tuple[dict[str, BoundPolicy], list[Problem]]:
    """The policy laid over each pipeline that it suits, those that name it first, and what keeps it from the others."""
    bound: dict[str, BoundPolicy] = {}
    problems: list[Problem] = []
    pipelines = [checked.pipeline for checked in app.pipelines.values()]
    for pipeline in sorted(pipelines, key=lambda each: each.policy != policy.name):
        try:
            bound[pipeline.name] = bind(policy, pipeline.steps, pipeline=pipeline.name, file=pipeline.file, task=pipeline.task)
        except InvalidFile as error:
            problems += error.problems
    return bound, problems


def lint(app: App) -> None:
    """Check every policy and its cases, and how it stands to the pipelines. Raises InvalidFile with all that is wrong."""
    problems = Problems()
    with problems.collecting():
        problems.found += _rule_problems(app)
    for path in case_files([app.project.policies], app.registry.policies).values():
        with problems.collecting():
            load_cases(path, app.policy_files.names)
    problems.raise_found()


def _rule_problems(app: App) -> Iterator[Problem]:
    """What policies name and no pipeline has. Raises InvalidFile where the pipelines and their policies do not hold."""
    measured = all_measured(
        {(step.stage.gate, name): limits for name, limits in step.emits.items()}
        for checked in app.pipelines.values()
        for step in checked.pipeline.steps
        if step.stage.gate is not None
    )
    parameters = {name for checked in app.pipelines.values() for name in checked.pipeline.parameters}
    for policy in app.policies.values():
        for rule in policy.rules:
            yield from unknown_names(rule, app.pipelines.keys(), parameters)
        yield from unknown_steps(policy, app.registry.step).values()
        yield from unknown_signals(policy, measured, near_misses=bool(suited(app, policy)[0]))


def measurer(app: App, pipeline: Pipeline) -> Measure:
    """Measures with the pipeline's own steps, on the engine. One that fails answers with its StepError."""

    def measure(step: BoundStep, generation: Generation) -> Measured:
        future = app.engine.submit(pipeline.ref(step), replace(generation, overrides={}), step.deadline or MEASURING_TIME)
        try:
            return future.result().signals
        except StepError as error:
            return error

    return measure


def run_cases(app: App, names: Sequence[str]) -> list[CaseRun]:
    """Run the cases of these policies, of all that have cases if none is named. Raises UsageError where one has none."""
    files = case_files([app.project.policies], app.registry.policies)
    for name in names:
        policy_of(app, name)
        if name not in files:
            fix = f"write {app.project.policies / 'cases' / (name + '.yaml')}"
            raise UsageError(f"policy {name} has no cases", fix=fix)
    chosen = {name: files[name] for name in names or files}
    return [_tested(app, name, load_cases(path, app.policies)) for name, path in chosen.items()]


def _tested(app: App, name: str, cases: Cases) -> CaseRun:
    policy = policy_of(app, name)
    bound = first_suited(policy, suited(app, policy)[0], cases.form.pipeline)
    return cases.test(bound, measurer(app, app.pipelines[bound.course.pipeline].pipeline))


def uses(app: App) -> Mapping[str, list[str]]:
    """The pipelines that each policy judges or shadows, for all callers or for a cohort, by policy."""
    found: dict[str, list[str]] = {name: [] for name in app.policies}
    for checked in app.pipelines.values():
        found[checked.pipeline.policy].append(checked.pipeline.name)
        if checked.pipeline.shadow_policy:
            found[checked.pipeline.shadow_policy].append(f"{checked.pipeline.name} (shadow)")
        for cohort in checked.pipeline.cohorts.values():
            found[cohort.policy].append(f"{checked.pipeline.name} (cohort {cohort.name})")
    return found
