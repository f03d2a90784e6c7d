"""What an attestation may say of an image: the facts of its making, without personal data."""

from __future__ import annotations

from datetime import UTC, datetime

from limner.admission import Admitted
from limner.bound import BoundStep
from limner.generation import Generation, Provenance, Request


def provenance(admitted: Admitted, generation: Generation) -> Provenance:
    """The provenance of an image that has been through every step but the attestation."""
    request, pipeline = admitted.request, admitted.pipeline
    return Provenance(
        request.id,
        generation.index,
        generation.mark_id if pipeline.carries_mark_id else None,
        request.task,
        datetime.now(UTC).isoformat(timespec="seconds"),
        tuple(action for step in pipeline.steps if (action := _action(step, request))),
        generation.prompt if "prompt" in admitted.policies[0].policy.discloses else "",
    )


def _action(step: BoundStep, request: Request) -> str:
    """What a step did to the image, in the words of `Provenance`; empty if it did nothing to it."""
    if step.stage.name == "decode":
        return "create" if request.task == "generate" else "edit"
    if step.stage.name == "watermark":
        return "mark" if step.cls.carries_mark_id else "sign"
    return {"upscale": "upscale", "transform_image": "transform"}.get(step.stage.name, "")
