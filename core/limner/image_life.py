"""The life of one image: it is made, stored, its outcome recorded, and only then released."""

from __future__ import annotations

from collections.abc import Sequence

from limner.admission import Admitted
from limner.audit.log import Change
from limner.audit.standing import Refused
from limner.database.timestamp import after
from limner.errors import AuditError
from limner.generation import EncodedImage, Outcome
from limner.image_end import ImageEnd, unforeseen
from limner.images.encoding import encode
from limner.images.likeness import AddFingerprint
from limner.images.quarantine import AddQuarantine
from limner.images.store import State, StoredImage
from limner.making import Making, Services, Waiting
from limner.previewing import Previewing
from limner.recording import Ended, Record
from limner.result import ImageResult, Watcher
from limner.views import ReleaseView

Life = Waiting[ImageResult]


class ImageLife:
    """One image of one request. `run` is its life, as a generator over the futures it waits for."""

    def __init__(self, admitted: Admitted, index: int, services: Services, record: Record, watcher: Watcher) -> None:
        self._admitted, self._services, self._record, self._watcher = admitted, services, record, watcher
        show = Previewing(admitted, record, watcher).show
        self._making = Making(admitted, index, services, record, watcher, show)

    def run(self) -> Life:
        """From the prompt to the outcome. Whatever goes wrong ends this image alone."""
        try:
            return (yield from self._live())
        except AuditError as error:  # nothing leaves without an outcome on the record; as it closes, it gets one: failed
            return self._result("failed", error=str(error))

    def _live(self) -> Life:
        try:
            self._making.refuse(self._services.deny.of_request(self._admitted.request))
            yield from self._making.finish()
            stored = self._keep()
        except ImageEnd as end:
            return self._end(end)
        except Exception as error:
            return self._end(unforeseen(error))
        return self._release(stored)

    def _keep(self) -> StoredImage:
        """Write the file to the image store. Nobody can read it there before its outcome is durable."""
        file = self._making.generation.file
        assert file is not None
        return self._store(file, "held" if self._making.held else "released")

    def _store(self, file: EncodedImage, state: State) -> StoredImage:
        request = self._admitted.request
        return self._services.images.write(
            file.data,
            request.caller.subject,
            request_id=request.id,
            index=self._making.generation.index,
            pixels_sha256=self._making.pixels_sha256,
            state=state,
        )

    def _release(self, stored: StoredImage) -> ImageResult:
        """Make the outcome durable, and only then let the pixels go."""
        making, generation = self._making, self._making.generation
        assert generation.file is not None
        outcome: Outcome = "held" if making.held else "released"
        likeness = making.look().fingerprint
        ended = Ended(outcome, "", generation.file, making.pixels_sha256, stored.id, making.mark, likeness)
        try:
            self._record.outcome(generation, ended, [*stored.changes, AddFingerprint(stored.id, likeness)])
        except Refused:  # after any other error it may be recorded all the same, and the next start sweeps
            self._services.images.discard(stored)
            raise
        result = self._result(outcome, file=generation.file if outcome == "released" else None)
        if outcome == "released":
            self._services.lifecycle("after_release", release=self._release_view(generation.file))
        self._watcher.ended(result)
        return result

    def _end(self, end: ImageEnd) -> ImageResult:
        self._making.document()
        ended, changes = self._quarantine(end) or (Ended(end.outcome, end.reason, pixels_sha256=self._making.pixels_sha256), ())
        self._record.outcome(self._making.generation, ended, changes)
        result = self._result(end.outcome, error=end.error)
        self._watcher.ended(result)
        return result

    def _quarantine(self, end: ImageEnd) -> tuple[Ended, Sequence[Change]] | None:
        """Keep a blocked image for reviewers alone, as it is and without a mark: it never leaves. None where it is not kept."""
        generation = self._making.generation
        kept = self._admitted.policies[0].policy.quarantine(generation.decisions)
        if end.outcome != "withheld" or kept is None or generation.image is None:
            return None
        self._making.hash_pixels()
        file = encode(generation.image, "png")
        stored = self._store(file, "quarantined")
        name, category = kept
        ended = Ended(end.outcome, end.reason, file, self._making.pixels_sha256, stored.id)
        return ended, (*stored.changes, AddQuarantine(stored.id, name, after(category.days)))

    def _result(self, outcome: Outcome, *, file: EncodedImage | None = None, error: str = "") -> ImageResult:
        making, generation = self._making, self._making.generation
        return ImageResult(
            generation.index,
            generation.seed,
            outcome,
            generation.decisions,
            file,
            making.pixels_sha256,
            self._mark_id,
            error,
            making.misconfigured,
        )

    @property
    def _mark_id(self) -> int | None:
        return self._making.mark.id if self._making.mark else None

    def _release_view(self, file: EncodedImage) -> ReleaseView:
        generation = self._making.generation
        return ReleaseView(generation.request_id, generation.index, file.sha256, self._making.pixels_sha256, self._mark_id)
