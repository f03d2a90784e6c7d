"""The policies that pipelines.yaml names, read off what is written: each is looked for though its pipeline does not hold."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from limner.errors import Problem
from limner.pipeline.reading import Reading
from limner.yaml_source import Document, KeyPath

OF_A_PIPELINE = ("policy", "shadow_policy")


@dataclass(frozen=True, slots=True)
class PolicyName:
    """A policy's name where it is written."""

    policy: str
    document: Document
    path: KeyPath

    def problem(self, what: str, fix: str = "") -> Problem:
        """A mistake in the name."""
        return self.document.problem(self.path, what, fix)


@dataclass(frozen=True, slots=True)
class Unfinished:
    """A pipeline that does not hold, with all types of its steps known: the policies that would judge it, and those types."""

    name: str
    policies: tuple[str, ...]
    types: frozenset[str]
    document: Document

    def problem(self, what: str, fix: str, *shows_in: str) -> Problem:
        """A mistake in the pipeline as a whole."""
        return self.document.problem(("pipelines", self.name), what, fix, *shows_in, at_key=True)


def policy_names(reading: Reading) -> Iterator[PolicyName]:
    """Every policy that the file names, for a pipeline or a cohort."""
    of_pipelines = [("pipelines", name, key) for name in reading.names(("pipelines",)) for key in OF_A_PIPELINE]
    of_cohorts = [("cohorts", name, "policy") for name in reading.names(("cohorts",))]
    for path in (*of_pipelines, *of_cohorts):
        policy = reading.raw(path)
        if isinstance(policy, str) and policy:
            yield PolicyName(policy, reading.document, path)


def unfinished(reading: Reading, name: str) -> Iterator[Unfinished]:
    """What can be told of a pipeline that does not hold; nothing where the type of a step is not known."""
    written = reading.raw(("pipelines", name, "steps"))
    steps = written if isinstance(written, list) else [None]
    types = {str(step["use"]) if isinstance(step, dict) and "use" in step else "" for step in steps}
    if types <= reading.catalogue.steps.keys():
        policies = [named.policy for named in policy_names(reading) if _judges(reading, named.path, name)]
        yield Unfinished(name, tuple(policies), frozenset(types), reading.document)


def _judges(reading: Reading, path: KeyPath, pipeline: str) -> bool:
    """Whether the policy named at the path judges the pipeline."""
    if path[0] == "pipelines":
        return path[1] == pipeline
    pipelines = reading.raw((*path[:-1], "pipelines"))
    return pipelines is None or (isinstance(pipelines, list) and pipeline in pipelines)
