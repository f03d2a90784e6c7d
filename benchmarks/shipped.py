"""What the shipped pipeline asks of its steps, so that the peer is asked for the same."""

from __future__ import annotations

import yaml

from limner.project import PIPELINES, starter_folder

PIPELINE = "text-to-image"


def guidance(step_type: str) -> float:
    """The guidance of the shipped pipeline's one step of this type."""
    content = yaml.safe_load((starter_folder() / PIPELINES).read_text(encoding="utf-8"))
    steps = content["pipelines"][PIPELINE]["steps"]
    [found] = [step["with"]["guidance"] for step in steps if step["use"] == step_type]
    return float(found)


PRIOR_GUIDANCE, DECODER_GUIDANCE = guidance("unclip.prior"), guidance("unclip.decoder")
