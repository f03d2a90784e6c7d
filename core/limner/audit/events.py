"""The kinds of events that a request leaves, each built from the values it is about, and those that tables follow besides.

| kind | when | payloads |
|---|---|---|
| `request.accepted` | before any work | prompt, negative prompt, `input.<role>`: each input file |
| `decision` | at each gate | evidence, details, error |
| `generation.steps` | at the end of a generation | rewrites, errors |
| `preview.released` | before a preview is shown | |
| `image.outcome` | before release | fingerprint |
| `request.closed` | at the end | |
| `image.recalled` | when a released image is withdrawn | |

What may hold words of the prompt or of the caller is a payload, error texts of steps included. A field is only ever added to a
kind; what means something else gets a new version.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal
from uuid import uuid4

from limner.audit.event import Event, json_payload, plain, text_payload
from limner.generation import Decision, EncodedImage, Finding, Gate, Generation, Outcome, Request, Resumed, Signal
from limner.readings import Mark

REQUEST_ACCEPTED = "request.accepted"
DECISION = "decision"
DENY_ADDED = "deny.added"
DENY_REMOVED = "deny.removed"
GENERATION_STEPS = "generation.steps"
IMAGE_OUTCOME = "image.outcome"
IMAGE_RECALLED = "image.recalled"
PREVIEW_RELEASED = "preview.released"
QUARANTINE_EXPIRED = "quarantine.expired"
REQUEST_CLOSED = "request.closed"
REVIEWED = "review.decided"

TEXT_PAYLOADS = frozenset({"prompt", "negative_prompt"})
INPUT = "input."  # begins the name of a payload that is an input file; those of neither kind are canonical JSON


@dataclass(frozen=True, slots=True)
class Pinned:
    """What was fixed for a request when it was accepted, besides the request itself.

    `parameters` are the effective values, after defaulting. `plugins` is the hash of the list of plugins, `pipeline` and
    `policy_revision` those of their canonical texts; all three are found under their hash (`limner.audit.texts`). `versions`
    are of Limner and the libraries it runs on; `lease` is that of the process.
    """

    pipeline: str
    policy: str
    policy_revision: str
    parameters: Mapping[str, Any]  # JSON scalars
    plugins: str
    versions: Mapping[str, str]
    lease: str
    shadow_policy: str = ""
    shadow_revision: str = ""


@dataclass(frozen=True, slots=True)
class StepSummary:
    """How one step ran for one generation. `seconds` is the time in the step, waiting and loading excluded."""

    step: str
    type: str
    outcome: Literal["done", "failed", "cancelled"]
    seconds: float = 0.0
    device: str = ""
    precision: str = ""
    batch: int = 1
    signals: Sequence[Signal] = field(default_factory=tuple)
    error: str = ""


@dataclass(frozen=True, slots=True)
class Held:
    """Why something is held: at which gate, in which category, by which rules, and whether two people must release it."""

    gate: Gate
    category: str = ""
    rules: tuple[str, ...] = ()
    four_eyes: bool = False
    id: str = field(default_factory=lambda: uuid4().hex)


def request_accepted(request: Request, pinned: Pinned) -> Event:
    """The intent: all that is needed to make the same images again."""
    body = {
        "task": request.task,
        "cohort": request.caller.cohort,
        "pipeline": {"name": request.pipeline, "hash": pinned.pipeline},
        "policy": {"name": pinned.policy, "revision": pinned.policy_revision},
        "shadow_policy": {"name": pinned.shadow_policy, "revision": pinned.shadow_revision} if pinned.shadow_policy else None,
        "parameters": pinned.parameters,
        "n": request.n,
        "seeds": [request.seed_of(index) for index in range(request.n)],
        "inputs": [{"role": given.role, "sha256": given.sha256} for given in request.inputs],
        "output_format": request.output_format,
        "plugins": pinned.plugins,
        "versions": pinned.versions,
        "lease": pinned.lease,
        **({"resumes": _resumed(request.resumes)} if request.resumes else {}),
    }
    payloads = {"prompt": text_payload(request.prompt)}
    if request.negative_prompt:
        payloads["negative_prompt"] = text_payload(request.negative_prompt)
    payloads |= {f"{INPUT}{given.role}": given.file for given in request.inputs}
    return Event(REQUEST_ACCEPTED, request.id, plain(body), payloads, request.caller.subject)


def decision(request: Request, generation: Generation, decided: Decision, preview: int | None = None) -> Event:
    """A decision, whole, as it was made about `generation` with the signals it then had; about a preview of it, by number."""
    body = {
        "index": generation.index,
        "gate": decided.gate,
        "action": decided.action,
        "policy": decided.policy,
        "revision": decided.revision,
        "after_step": decided.after_step,
        "rules": decided.rules,
        "findings": [_finding(finding) for finding in decided.findings],
        "digests": decided.digests,
        "message": decided.message,
        "category": decided.category,
        "errored": bool(decided.error),
        "seconds": decided.seconds,
        "mode": decided.mode,
        "deny_revision": decided.deny_revision,
        **({"preview": preview} if preview is not None else {}),
    }
    payloads = {
        "evidence": _evidence(generation),
        "details": {finding.rule: finding.detail for finding in decided.findings if finding.detail},
        "error": decided.error,
    }
    return Event(DECISION, request.id, plain(body), _json_payloads(payloads), request.caller.subject)


def generation_steps(request: Request, generation: Generation, steps: Sequence[StepSummary]) -> Event:
    """How each step ran that one generation went through, and what became of its prompt."""
    body = {"index": generation.index, "steps": [_step(step) for step in steps]}
    payloads = {
        "rewrites": [{"step": r.step, "before": r.before, "after": r.after} for r in generation.rewrites],
        "errors": {step.step: step.error for step in steps if step.error},
    }
    return Event(GENERATION_STEPS, request.id, plain(body), _json_payloads(payloads), request.caller.subject)


def image_outcome(
    request_id: str,
    index: int,
    outcome: Outcome,
    *,
    reason: str = "",
    file: EncodedImage | None = None,
    pixels_sha256: str = "",
    mark: Mark | None = None,
    image_id: str = "",
    fingerprint: int | None = None,
    subject: str = "",
    held: Held | None = None,
) -> Event:
    """How one image ended.

    `reason` is a word or two of ours, such as a step's id, never a text from outside. `file` is the final file, where there is
    one, and `image_id` its name in the image store; `pixels_sha256` is of the pixels before marking. `mark` is the one that
    was read back from the file. `fingerprint` is the perceptual hash of what leaves, a payload about `subject`. `held` is what
    waits for a reviewer, where the outcome is `held`.
    """
    body = {
        "index": index,
        "outcome": outcome,
        "reason": reason,
        "file": _file(file) if file else None,
        "pixels_sha256": pixels_sha256,
        "mark_id": mark.id if mark else None,
        "mark": {"key": mark.key_id, "score": mark.score, "psnr": mark.psnr} if mark else None,
        "image": image_id,
        **({"held": _held(held)} if held else {}),
    }
    payloads = {} if fingerprint is None else {"fingerprint": json_payload(f"{fingerprint:016x}")}
    return Event(IMAGE_OUTCOME, request_id, plain(body), payloads, subject)


def preview_released(request_id: str, index: int, number: int, file: EncodedImage, pixels_sha256: str) -> Event:
    """A preview of an image leaves: `pixels_sha256` is of its pixels before marking."""
    body = {
        "index": index,
        "preview": number,
        "file": _file(file),
        "pixels_sha256": pixels_sha256,
    }
    return Event(PREVIEW_RELEASED, request_id, plain(body))


def request_closed(request_id: str, outcomes: Sequence[Outcome], *, seconds: float | None = None, reason: str = "") -> Event:
    """The end of a request: nothing more will come of it by itself. `seconds` is from acceptance, None where nobody knows."""
    body = {"outcomes": dict(Counter(outcomes)), "seconds": seconds, "reason": reason}
    return Event(REQUEST_CLOSED, request_id, plain(body))


def _file(file: EncodedImage) -> dict[str, Any]:  # JSON
    said = {"sha256": file.sha256, "format": file.format, "bytes": len(file.data)}
    return {**said, "manifest_sha256": file.manifest_sha256} if file.manifest_sha256 else said


def _held(held: Held) -> dict[str, Any]:  # JSON
    return {
        "hold": held.id,
        "gate": held.gate,
        "category": held.category,
        "rules": held.rules,
        "four_eyes": held.four_eyes,
    }


def _resumed(resumed: Resumed) -> dict[str, Any]:  # JSON
    return {"request": resumed.request_id, "index": resumed.index, "hold": resumed.hold, "rules": resumed.rules}


def _finding(finding: Finding) -> dict[str, Any]:  # JSON
    return {
        "rule": finding.rule,
        "result": finding.result,
        "action": finding.action,
        "mode": finding.mode,
        "category": finding.category,
        "message": finding.message,
        "values": finding.values,
        "thresholds": finding.thresholds,
        "margin": finding.margin,
        "severity": finding.severity,
    }


def _evidence(generation: Generation) -> dict[str, Any]:  # JSON
    """Where each signal was seen, as [start, end, what matched] in code points of the prompt that was measured."""
    return {
        f"{gate}:{name}": [[seen.start, seen.end, seen.matched] for seen in signal.evidence]
        for (gate, name), signal in generation.signals.items()
        if signal.evidence
    }


def _step(step: StepSummary) -> dict[str, Any]:  # JSON
    return {
        "step": step.step,
        "type": step.type,
        "outcome": step.outcome,
        "seconds": step.seconds,
        "device": step.device,
        "precision": step.precision,
        "batch": step.batch,
        "signals": {signal.name: signal.value for signal in step.signals},
    }


def _json_payloads(values: Mapping[str, Any]) -> dict[str, bytes]:  # JSON
    return {name: json_payload(value) for name, value in values.items() if value}
