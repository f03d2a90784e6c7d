"""What would change under another policy: the requests on the record, judged again under two bundles.

Prompts that can still be opened are measured again, by the pipeline's filters as they are now; what was measured of embeddings,
images and rewritten prompts is taken from the record. What was never measured, because something stopped the request before, or
can no longer be opened, cannot be judged, and is counted so.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from limner.admission import Checked
from limner.app import App
from limner.audit.events import GENERATION_STEPS
from limner.audit.reading import RequestRecord, requests
from limner.audit.reading import request as recorded
from limner.audit.texts import find_texts
from limner.bound import BoundStep
from limner.database.timestamp import moment
from limner.errors import InvalidFile, UsageError
from limner.generation import Action, Caller, Decision, Generation, Request, Signal
from limner.policy import BoundPolicy, Policy, bind, strictest
from limner.policy.bundle import from_bundle
from limner.policy.walking import Measure, Measured, walk
from limner.trials.projects import measurer, policy_of

PAGE = 200  # requests read at once


class _Unmeasured(Exception):
    """A signal is wanted that is not to be had."""


@dataclass(frozen=True, slots=True)
class Judged:
    """What a bundle decides, and by which rules."""

    action: Action
    rules: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Change:
    """A decision that would change: `image` is `request/index`."""

    image: str
    before: Judged
    after: Judged


@dataclass(slots=True)
class Difference:
    """The outcome of a comparison: how many images were judged alike, which would change, and which could not be judged."""

    same: int = 0
    changes: list[Change] = field(default_factory=list)
    unjudged: list[str] = field(default_factory=list)


def find_policy(app: App, word: str) -> Policy:
    """A policy of the project, or `NAME@REVISION`: as it is now or as a record refers to it. Raises UsageError."""
    name, at, revision = word.partition("@")
    if not at:
        return policy_of(app, name)
    recorded = (from_bundle(text) for text in find_texts(app.database, "policy", revision))
    present = (app.policy_files.holding[name] for name in app.policy_files.holding.keys() & {name})
    found = {p.revision: p for p in (*recorded, *present) if p.name == name and p.revision.startswith(revision)}
    if len(found) > 1:
        raise UsageError(f"several revisions of policy {name!r} begin with {revision!r}", fix="write more of it")
    if not found:
        what = f"policy {name!r} has no revision {revision!r}, neither in use nor on the record"
        raise UsageError(what, fix="a record names the revision it was decided under: limner audit show REQUEST")
    return next(iter(found.values()))


def compare(app: App, before: Policy, after: Policy, since: str = "") -> Difference:
    """Judge the recorded requests under both. `since` is a date, or a time ago such as `7d`; all of them if empty."""
    difference = Difference()
    earliest = moment(since, ago=True) if since else ""
    for record in _records(app, earliest):
        _compare(app, record, before, after, difference)
    return difference


def _records(app: App, earliest: str) -> Iterator[RequestRecord]:
    """The closed requests, the newest first."""
    page = requests(app.database, limit=PAGE)
    while page:
        for summary in page:
            if summary.time < earliest:
                return
            if summary.closed:
                yield recorded(app.database, app.keys, summary.id)
        page = requests(app.database, limit=PAGE, before=page[-1].index)


def _compare(app: App, record: RequestRecord, before: Policy, after: Policy, difference: Difference) -> None:
    accepted = record.events[0].body
    checked = app.pipelines.get(accepted["pipeline"]["name"])
    for index in range(accepted["n"]):
        image = f"{record.id}/{index}"
        try:
            if checked is None:
                raise _Unmeasured
            one, other = (_judge(app, checked, record, index, policy) for policy in (before, after))
        except (_Unmeasured, InvalidFile):
            difference.unjudged.append(image)
            continue
        if one == other:
            difference.same += 1
        else:
            difference.changes.append(Change(image, one, other))


def _judge(app: App, checked: Checked, record: RequestRecord, index: int, policy: Policy) -> Judged:
    """Raises _Unmeasured where the policy asks for what is not to be had, InvalidFile where it does not suit the pipeline."""
    pipeline = checked.pipeline
    bound = bind(policy, pipeline.steps, pipeline=pipeline.name, file=pipeline.file, task=pipeline.task)
    request = _request(record, index)
    decisions = list(walk(bound, request, _answers(bound, record, index, request.prompt, measurer(app, pipeline))))
    return Judged(strictest(decisions), tuple(_rules(decisions)))


def _request(record: RequestRecord, index: int) -> Request:
    body, payloads = record.events[0].body, record.events[0].payloads
    prompt = payloads["prompt"]
    return Request(
        id=record.id,
        task=body["task"],
        pipeline=body["pipeline"]["name"],
        prompt=prompt.value if prompt.state == "open" else "",
        caller=Caller(record.caller or "", body["cohort"]),
        n=body["n"],
        seed=body["seeds"][index],
        parameters=body["parameters"],
    )


def _answers(bound: BoundPolicy, record: RequestRecord, index: int, prompt: str, measure: Measure) -> Measure:
    """A prompt filter before the first rewrite measures again, where the prompt is there; all else is as recorded."""
    steps = bound.course.steps
    rewrite = next((at for at, step in enumerate(steps) if "prompt" in step.writes), len(steps))
    again = {step.id for step in steps[:rewrite] if step.stage.gate == "prompt"} if prompt else set[str]()
    measured = _recorded(record, index)

    def answer(step: BoundStep, generation: Generation) -> Measured:
        if step.id in again:
            return measure(step, generation)
        if step.id not in measured or not step.emits.keys() <= measured[step.id].keys():
            raise _Unmeasured
        return [Signal(name, measured[step.id][name]) for name in step.emits]

    return answer


def _recorded(record: RequestRecord, index: int) -> Mapping[str, Mapping[str, Any]]:
    """The signals that each step measured of an image, by step."""
    summaries = [e.body["steps"] for e in record.events if e.kind == GENERATION_STEPS and e.body["index"] == index]
    return {step["step"]: step["signals"] for steps in summaries for step in steps if step["outcome"] == "done"}


def _rules(decisions: list[Decision]) -> Iterator[str]:
    return (rule for decision in decisions if decision.action != "allow" for rule in decision.rules)
