"""Reading the manifest in a file from anywhere, ours or another's, whole or broken. Nothing is ever fetched."""

from __future__ import annotations

import io
import json
from functools import lru_cache
from typing import Any

import c2pa

import limner
from limner_c2pa.attest import RING
from limner_c2pa.manifest import PROVENANCE

REMOTE = "Remote: "  # begins what c2pa says of a manifest that it would have to fetch
UNTRUSTED = "signingCredential.untrusted"  # said by the state; every certificate that is not on a list has it
OFFLINE: dict[str, Any] = {  # JSON; both would let a stranger's file make this machine call on any address
    "verify": {"remote_manifest_fetch": False, "ocsp_fetch": False},
    "builder": {"thumbnail": {"enabled": False}},
}


@lru_cache(maxsize=4)
def context(anchors: str = "") -> Any:  # c2pa.Context, which has no types
    """c2pa's settings: offline, without thumbnails, trusting these certificates of authority (PEM)."""
    trust = {"trust": {"user_anchors": anchors}} if anchors else {}
    return c2pa.Context(c2pa.Settings.from_dict({**OFFLINE, **trust}))


def read(file: limner.EncodedImage, keys: limner.KeyRings) -> limner.ManifestReading | None:
    """The file's active manifest; None where it has none."""
    try:
        with c2pa.Reader(f"image/{file.format}", io.BytesIO(file.data), None, context(_anchors(keys))) as reader:
            return _reading(json.loads(reader.json()))
    except c2pa.C2paError.ManifestNotFound:
        return None
    except c2pa.C2paError as error:
        told = str(error)
        if told.startswith(REMOTE):
            return limner.ManifestReading("remote", problems=(f"not fetched from {told.rpartition(' ')[2]}",))
        return limner.ManifestReading("invalid", problems=(told,))


def _reading(store: dict[str, Any]) -> limner.ManifestReading:  # JSON
    manifest = store["manifests"][store["active_manifest"]]
    said: dict[str, Any] = next((part["data"] for part in manifest.get("assertions", []) if part["label"] == PROVENANCE), {})
    generators = manifest.get("claim_generator_info") or [{}]
    problems = [status["code"] for status in store.get("validation_status", [])]
    return limner.ManifestReading(
        state=str(store.get("validation_state", "invalid")).lower(),  # type: ignore[arg-type]  # c2pa's three states
        problems=tuple(problem for problem in problems if problem != UNTRUSTED),
        generator=str(generators[0].get("name", "")),
        signer=str((manifest.get("signature_info") or {}).get("common_name", "")),
        request_id=str(said.get("request", "")),
        index=_number(said.get("image")),
        mark_id=_number(said.get("mark"), base=16),
        created=str(said.get("created", "")),
    )


def _number(said: object, base: int = 10) -> int | None:
    """A number that a stranger's manifest may hold in any form."""
    try:
        return int(str(said), base)
    except ValueError:
        return None


def _anchors(keys: limner.KeyRings) -> str:
    """The certificates of authority of this installation's development credentials, where it has any."""
    from limner_c2pa.credentials import make_development

    bundles = keys.ring(RING, make_development).values()
    return "".join(bundle[bundle.rindex(b"-----BEGIN CERTIFICATE") :].decode() for bundle in bundles)
