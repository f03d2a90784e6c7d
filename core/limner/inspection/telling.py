"""An inspection in plain words, a line each."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from limner.inspection.alteration import Comparison
from limner.inspection.inspecting import Found, Inspection, Verdict
from limner.inspection.records import Withdrawal
from limner.readings import ManifestReading, mark_text

WHOLE = 0.9  # of an image: what its edges and rounding leave of it
VERDICTS: Mapping[Verdict, str] = {
    "agreement": "made here: everything in it agrees",
    "altered": "ALTERED: made here, and changed since",
    "conflict": "CONFLICT: what is in it does not agree",
    "unconfirmed": "made here, by what it carries; there is no image left to compare it with",
    "unknown": "nothing in it leads to this record",
}
AGREES: Mapping[Verdict, str] = {"agreement": "everything in it agrees", "altered": "ALTERED since it was made"}
STATES: Mapping[str, str] = {
    "trusted": "hold, signed by this installation or an authority it trusts",
    "valid": "hold, signed by somebody this installation does not know",
    "invalid": "do not hold",
    "remote": "lie elsewhere and were not fetched",
}


def told(inspection: Inspection) -> tuple[str, ...]:
    """The lines: the verdict, the conflicts, the records, then each thing that was looked for."""
    return (_headline(inspection), *(f"  {line}" for line in _details(inspection)))


def _headline(inspection: Inspection) -> str:
    """The verdict; of an image that was withdrawn, also when and under which policy it was made, and why it was withdrawn."""
    if inspection.verdict in ("conflict", "unknown"):
        return VERDICTS[inspection.verdict]
    standing = inspection.found[0].standing
    made = f"made here {_on(standing.time)} under policy {standing.policy}"
    agrees = AGREES.get(inspection.verdict, "")
    if standing.erasure is not None:
        return f"{made}, erased {_withdrawn(standing.erasure)}; {agrees or 'there is no image left to compare it with'}"
    if standing.recall is not None:
        return f"{made}, recalled {_withdrawn(standing.recall)}; {agrees or 'it could not be compared with the kept image'}"
    return VERDICTS[inspection.verdict]


def _withdrawn(withdrawal: Withdrawal) -> str:
    return f"{_on(withdrawal.time)} ({withdrawal.reason or 'no reason is on the record'})"


def _on(time: str) -> str:
    return f"on {time[:10]}" if time else "at a time that is not on the record"


def _details(inspection: Inspection) -> Iterator[str]:
    if inspection.problem:
        yield inspection.problem
    yield from inspection.conflicts
    for found in inspection.found:
        yield from _record(found)
    if not inspection.manifests:
        yield "content credentials: none"
    for manifest in inspection.manifests:
        yield f"content credentials: {_credentials(manifest)}"
    if not inspection.marks:
        yield "mark: none found"
    for mark in inspection.marks:
        yield f"mark: {mark_text(mark.mark_id)}, made with key {mark.key_id}, {mark.score:.1f} standard deviations over chance"
    if inspection.distance is None:
        yield "likeness: nothing that is kept has a fingerprint like it"
    else:
        yield f"likeness: {inspection.distance} of 64 bits from the nearest image that is kept"


def _record(found: Found) -> Iterator[str]:
    standing = found.standing
    yield f"image {standing.index} of request {standing.request_id}: {standing.state}, found by {' and '.join(found.by)}"
    yield (
        f"  made {standing.time} by pipeline {standing.pipeline} under policy {standing.policy}"
        f" (revision {standing.policy_revision[:12]})"
    )
    if standing.erasure is not None:
        yield f"  erased {standing.erasure.time}: {standing.erasure.reason or 'no reason is on the record'}"
    if standing.recall is not None:
        yield f"  recalled {standing.recall.time}: {standing.recall.reason}"
    if found.comparison is not None:
        yield f"  {_comparison(found.comparison)}"


def _comparison(comparison: Comparison) -> str:
    if comparison.kind == "other":
        return "the image that was made looks different"
    part = f", {comparison.part:.0%} of it" if comparison.part < WHOLE else ""
    said = [f"it shows the image that was made{part}"]
    if comparison.box is not None:
        left, top, right, bottom = comparison.box
        where = f"x {left} to {right}, y {top} to {bottom} (pixels)"
        said.append(f"but for {comparison.share:.1%} of the picture, altered within {where}")
    if comparison.beyond:
        said.append(f"and {comparison.beyond:.0%} of the picture lies around it")
    return ", ".join(said)


def _credentials(manifest: ManifestReading) -> str:
    signer = f" ({manifest.signer})" if manifest.signer else ""
    problems = f": {', '.join(manifest.problems)}" if manifest.problems else ""
    return f"{STATES[manifest.state]}{signer}{problems}"
