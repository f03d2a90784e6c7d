"""What a manifest says: that a machine made the image, what was done to it, and under which ids it stands on the record.

No prompt and nobody's name, unless the policy discloses the prompt. The soft binding names our watermark by its id, so that who
finds the mark in a stripped copy knows which manifest was its.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import limner

GENERATOR = "Limner"
PROVENANCE = "org.limner.provenance"
WATERMARK = "org.limner.watermark.1"  # names the algorithm of the soft binding
MADE_BY_A_MODEL = "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"
ACTIONS: Mapping[str, str] = {  # ours -> C2PA's
    "create": "c2pa.created",
    "edit": "c2pa.edited",
    "upscale": "c2pa.resized",
    "transform": "c2pa.edited",
    "mark": "c2pa.watermarked",
    "sign": "c2pa.edited",
}
DESCRIPTIONS: Mapping[str, str] = {"transform": "finished", "sign": "visible mark drawn"}


def manifest(provenance: limner.Provenance, version: str) -> dict[str, Any]:  # JSON
    """The manifest's definition, as c2pa's builder takes it. An edit's opening action comes from its intent."""
    assertions = [
        {"label": "c2pa.actions.v2", "data": {"actions": [_action(name, provenance) for name in provenance.actions]}},
        {"label": PROVENANCE, "data": _ids(provenance)},
    ]
    if provenance.mark_id is not None:
        blocks = [{"scope": {}, "value": f"{provenance.mark_id:012x}"}]
        assertions.append({"label": "c2pa.soft-binding", "data": {"alg": WATERMARK, "blocks": blocks}})
    return {
        "claim_generator_info": [{"name": GENERATOR, "version": version}],
        "title": f"{provenance.request_id}/{provenance.index}",
        "assertions": assertions,
    }


def _action(name: str, provenance: limner.Provenance) -> dict[str, Any]:  # JSON
    action = {"action": ACTIONS[name], "when": provenance.created}
    if name in ("create", "edit"):
        action["digitalSourceType"] = MADE_BY_A_MODEL
    if name in DESCRIPTIONS:
        action["description"] = DESCRIPTIONS[name]
    return action


def _ids(provenance: limner.Provenance) -> dict[str, Any]:  # JSON
    said: dict[str, Any] = {"request": provenance.request_id, "image": provenance.index, "created": provenance.created}
    if provenance.mark_id is not None:
        said["mark"] = f"{provenance.mark_id:012x}"
    if provenance.prompt:
        said["prompt"] = provenance.prompt
    return said
