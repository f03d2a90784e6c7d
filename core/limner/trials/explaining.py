"""Why something was decided: each rule with the values it saw, from the record or for a prompt that is only tried."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from limner.app import App, local_caller
from limner.audit.events import DECISION
from limner.audit.reading import request as recorded
from limner.audit.texts import read_text
from limner.errors import UsageError
from limner.generation import Decision, Generation, Request, Signal
from limner.policy import Policy, Rule
from limner.policy.bundle import from_bundle
from limner.policy.walking import Measured, quiet, walk
from limner.trials.projects import measurer
from limner.yaml_problems import did_you_mean

Json = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Explained:
    """What was decided of one image, in order, each decision in the form of the record; and the rules that none judged."""

    index: int
    decisions: tuple[Json, ...]
    unjudged: tuple[Rule, ...]
    why_not: str


def explain_record(app: App, word: str) -> list[Explained]:
    """The decisions of a recorded request, `ID` or `ID/image`. Raises UsageError if there is none of this id."""
    id, _, index = word.partition("/")
    events = recorded(app.database, app.keys, id).events
    by_image: dict[int, list[Json]] = {}
    for event in events:
        if event.kind == DECISION:
            details = event.payloads.get("details")
            told: Json = details.value if details is not None and details.state == "open" else {}
            seen = event.payloads.get("evidence")
            spans: Json = seen.value if seen is not None and seen.state == "open" else {}
            by_image.setdefault(event.body["index"], []).append(_with_details(event.body, told, spans))
    chosen = {i: decisions for i, decisions in sorted(by_image.items()) if index in ("", str(i))}
    if not chosen:
        raise UsageError(f"nothing was decided of {word}", fix="limner audit show has the whole record")
    return [_explained(i, decisions, _policies(app, decisions), "not reached") for i, decisions in chosen.items()]


def explain_prompt(app: App, prompt: str, pipeline: str | None = None, cohort: str | None = None) -> Explained:
    """What the prompt gate would decide of a prompt, by the pipeline's own filters. Makes nothing, records nothing."""
    name = pipeline or next(iter(app.pipelines))
    if name not in app.pipelines:
        raise UsageError(f"no pipeline {name!r}", fix=did_you_mean(name, app.pipelines))
    checked = app.pipelines[name]
    measure = measurer(app, checked.pipeline)
    parameters = checked.pipeline.settle({}).values
    request = Request("try", checked.pipeline.task, name, prompt, local_caller(cohort), parameters=parameters)

    def answer(step: Any, generation: Generation) -> Measured:  # a BoundStep
        if step.stage.gate == "prompt":
            return measure(step, generation)
        return [Signal(name, value) for name, value in quiet(step).items()]

    bound = checked.policies_for(request.caller)
    decisions = [d for each in bound for d in walk(each, request, answer) if d.gate == "prompt"]
    denied = app.deny.of_request(request)
    said = [_said(decision) for decision in ([denied] if denied else []) + decisions]
    return _explained(0, said, [each.policy for each in bound], "nothing is made of a prompt that is only tried")


def _said(decision: Decision) -> Json:
    return {**asdict(decision), "rules": decision.rules}


def _with_details(body: Json, details: Json, spans: Json) -> Json:
    """A recorded decision with what of it can be erased: details of errors, and where in the prompt something was seen."""
    findings = [{**finding, "detail": details.get(finding["rule"], "")} for finding in body["findings"]]
    return {**body, "findings": findings, "evidence": spans}


def _policies(app: App, decisions: Sequence[Json]) -> list[Policy]:
    """The policies as they stood, from the texts that the record refers to."""
    revisions = dict.fromkeys(decision["revision"] for decision in decisions)
    texts = (read_text(app.database, revision) for revision in revisions)
    return [from_bundle(text) for text in texts if text is not None]


def _explained(index: int, decisions: Sequence[Json], policies: Iterable[Policy], why_not: str) -> Explained:
    judged = {(d["policy"], finding["rule"]) for d in decisions for finding in d["findings"]}
    unjudged = tuple(rule for policy in policies for rule in policy.rules if (policy.name, rule.id) not in judged)
    return Explained(index, tuple(decisions), unjudged, why_not)


def lines(explained: Explained) -> Iterator[str]:
    """The explanation as people read it."""
    for decision in explained.decisions:
        shadow = ", in shadow" if decision.get("mode") == "shadow" else ""
        policy = f"policy {decision['policy']} {decision['revision'][:12]}{shadow}"
        after = f" after {decision['after_step']}" if decision["after_step"] else ""
        about = f"preview {decision['preview']}, " if decision.get("preview") else ""
        yield f"{about}{decision['gate']}: {decision['action']}{after}  ({policy}, {decision['seconds'] * 1000:.2f} ms)"
        for finding in decision["findings"]:
            yield from _finding(finding)
        for signal, places in decision.get("evidence", {}).items():
            yield f"  seen for {signal}: " + ", ".join(f"{what!r} at {start}-{end}" for start, end, what in places)
    if explained.unjudged:
        yield f"not judged ({explained.why_not}, or nothing to judge in this pipeline):"
        yield from (f"  {rule.id}  at {rule.at}" for rule in explained.unjudged)


def _finding(finding: Json) -> Iterator[str]:
    result = {"pass": "passes", "fail": f"applies → {finding['action']}", "error": f"error → {finding['action']}"}[
        finding["result"]
    ]
    shadow = " (shadow)" if finding["mode"] == "shadow" else ""
    seen = ", ".join(f"{name} {value:g} ({finding['thresholds'].get(name, '')})" for name, value in finding["values"].items())
    margin = f"  margin {finding['margin']:+.4g}" if finding["margin"] is not None else ""
    category = f"  [{finding['category']}]" if finding["category"] else ""
    yield f"  {finding['rule']}  {result}{shadow}  {seen}{margin}{category}".rstrip()
    if finding.get("detail"):
        yield f"      {finding['detail']}"
