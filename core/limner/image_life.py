"""The life of one image: its steps and gates in order, then encoded, attested, read back, stored, recorded and released."""

from __future__ import annotations

import logging
import math
import secrets
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import Future
from copy import copy
from dataclasses import replace
from datetime import UTC, datetime
from itertools import count
from traceback import extract_tb
from typing import Any

from limner.admission import Admitted
from limner.audit.log import Change
from limner.audit.standing import Refused
from limner.bound import BoundStep
from limner.database.timestamp import after
from limner.deny import DenyList
from limner.engine.interface import Engine, Previews, StepRun
from limner.errors import AuditError, Cancelled, ConfigurationError, LimnerError, StepError
from limner.generation import (
    Decision,
    DecisionView,
    EncodedImage,
    Generation,
    Image,
    Mark,
    Outcome,
    Provenance,
    ReleaseView,
    Request,
    StepView,
    WatermarkReading,
)
from limner.images.difference import psnr
from limner.images.encoding import decode, encode
from limner.images.enlarging import enlarged
from limner.images.fingerprint import fingerprint
from limner.images.likeness import AddFingerprint
from limner.images.quarantine import AddQuarantine
from limner.images.store import ImageStore, State, StoredImage
from limner.inbox import Inbox
from limner.policy import Category, strictest
from limner.recording import Ended, PreviewRecord, Record
from limner.result import ImageResult, Preview, Watcher

logger = logging.getLogger(__name__)

MEASURING_DEADLINE = 60.0  # seconds, for a check that names none: a gate that hangs must end, and not in an allow
WORKING_DEADLINE = 600.0  # seconds, for other steps that name none
LOSSLESS = ("png",)

Lifecycle = Callable[..., None]  # (hook name, **views): every plugin's hook, each apart, raises logged and counted
ReadMarks = Callable[[Image], Sequence[WatermarkReading]]
Life = Generator["Future[Any]", None, "ImageResult"]


class _Ends(Exception):
    """The image ends here, before release."""

    def __init__(self, outcome: Outcome, reason: str = "", error: str = "") -> None:
        super().__init__(outcome)
        self.outcome: Outcome = outcome
        self.reason, self.error = reason, error


class ImageLife:
    """One image of one request. `run` is its life, as a generator over the futures it waits for."""

    def __init__(
        self,
        admitted: Admitted,
        index: int,
        engine: Engine,
        record: Record,
        images: ImageStore,
        deny: DenyList,
        read_marks: ReadMarks,
        lifecycle: Lifecycle,
        watcher: Watcher,
    ) -> None:
        self._admitted, self._index, self._deny = admitted, index, deny
        self._engine, self._record, self._images = engine, record, images
        self._trail: Record | PreviewRecord = record  # where steps and decisions go
        self._read_marks, self._lifecycle, self._watcher = read_marks, lifecycle, watcher
        self._generation = _first(admitted.request, index)
        self._encoded = EncodedImage(b"", admitted.request.output_format)
        self._pixels_sha256 = ""
        self._psnr = math.inf  # of the marking
        self._mark: Mark | None = None  # once it is read back from the final file
        self._held = False
        self._misconfigured = False

    def run(self) -> Life:
        """From the prompt to the outcome. Whatever goes wrong ends this image alone."""
        try:
            return (yield from self._live())
        except AuditError as error:  # nothing leaves without an outcome on the record; as it closes, it gets one: failed
            return self._result("failed", error=str(error))

    def _live(self) -> Life:
        try:
            stored = yield from self._make()
        except _Ends as end:
            return self._end(end)
        except Exception as error:
            return self._end(_unforeseen(error))
        return self._release(stored)

    def _make(self) -> Generator[Future[Any], None, StoredImage]:
        """The image, finished, in the form in which it leaves, and kept."""
        self._refuse(self._deny.of_request(self._admitted.request))
        yield from self._finish()
        return self._keep()

    def _finish(self, behind: int | None = None) -> Generator[Future[Any], None, None]:
        """All steps, or those after one, until there is a file that has everything an image must have to leave."""
        for position, step in enumerate(self._admitted.pipeline.steps):
            if step.stage.name != "attest" and (behind is None or position > behind):
                yield from self._step(position, step)
        self._encode()
        yield from self._attest()
        self._refuse(self._deny.of_image(self._read_back()))

    def _step(self, position: int, step: BoundStep) -> Generator[Future[Any], None, None]:
        if step.stage.name == "watermark":
            self._hash_pixels()
        before = self._generation.image
        error = yield from self._submit(step)
        if step.cls.carries_mark_id and before is not None and self._generation.image is not None:
            self._psnr = psnr(before, self._generation.image)
        if error is None and "prompt" in step.writes:
            self._refuse(self._deny.of_prompt(self._generation.prompt))
        self._heed(self._judge(position, error))
        if error is not None and not step.measures:
            raise _Ends("failed", step.id, str(error))

    def _judge(self, position: int, error: StepError | None) -> list[Decision]:
        judged = (policy.judge(position, self._generation, self._admitted.request, error) for policy in self._admitted.policies)
        return [replace(decision, deny_revision=self._deny.revision) for decisions in judged for decision in decisions]

    def _refuse(self, denied: Decision | None) -> None:
        """Heed what the deny list says, if it says anything."""
        if denied is not None:
            self._heed([denied])

    def _submit(self, step: BoundStep) -> Generator[Future[Any], None, StepError | None]:
        """Run one step; returns the error it ended in, if any."""
        overrides = self._admitted.settled.overrides.get(step.id, {})
        generation = replace(self._generation, overrides=overrides)
        self._lifecycle("before_step", step=self._view(step))
        inbox = Inbox()
        future = self._engine.submit(
            self._admitted.pipeline.ref(step),
            generation,
            step.deadline or (MEASURING_DEADLINE if step.measures else WORKING_DEADLINE),
            lambda i, n: self._watcher.progressed(self._index, step.id, i, n),
            Previews(self._watcher.previews, inbox.put) if self._has_previews(step) else None,
        )
        future.add_done_callback(lambda _: inbox.end())
        yield from self._show_previews(inbox)
        return self._take(step, future)

    def _has_previews(self, step: BoundStep) -> bool:
        """Whether previews of this step are wanted, and may leave if they pass."""
        gated = self._admitted.policies[0].policy.previews == "gated"
        return gated and self._watcher.previews > 0 and step.stage.name == "decode" and not self._held

    def _show_previews(self, inbox: Inbox) -> Generator[Future[Any], None, None]:
        """Until the step ends, show what it has so far. Each preview is seen through before the image goes on."""
        for number in count(1):
            yield inbox.news()
            preview = inbox.take()
            if preview is not None:
                record = self._record.preview(number)
                yield from self._as_preview(preview, record)._show(number, record)
            elif inbox.ended:
                return

    def _as_preview(self, image: Image, record: PreviewRecord) -> ImageLife:
        """This life, with a preview in the place of its image, and a record apart."""
        life = copy(self)
        life._generation = self._generation.with_image(enlarged(image))
        life._trail = record
        life._pixels_sha256 = ""
        return life

    def _show(self, number: int, record: PreviewRecord) -> Generator[Future[Any], None, None]:
        """Let a preview leave as an image does: after every check, mark and attestation that the image itself will have.

        Whatever goes wrong, it is not shown, and the image goes on.
        """
        try:
            yield from self._finish(behind=self._admitted.policies[0].course.last_change("image"))
            if not self._held and self._generation.file is not None:
                record.released(self._index, self._generation.file, self._pixels_sha256)
                self._watcher.previewed(Preview(self._index, number, self._generation.file))
        except (_Ends, LimnerError) as why:
            logger.debug("preview %d of %s is not shown: %s", number, self._generation.id, why)
        except Exception:
            logger.exception("a preview failed, and is not shown")

    def _take(self, step: BoundStep, future: Future[StepRun]) -> StepError | None:
        try:
            run = future.result()
        except Cancelled as cancelled:
            self._trail.step_ended(self._index, step, cancelled, cancelled=True)
            raise _Ends("cancelled", step.id, str(cancelled)) from None
        except LimnerError as error:
            self._trail.step_ended(self._index, step, error)
            self._misconfigured |= isinstance(error, ConfigurationError) or isinstance(error.__cause__, ConfigurationError)
            self._lifecycle("on_step_error", step=self._view(step, error=_kind(error)))
            return error if isinstance(error, StepError) else StepError(error.what, where=error.where, fix=error.fix)
        self._trail.step(self._index, step, run)
        self._generation = run.generation
        self._lifecycle("after_step", step=self._view(step, run))
        return None

    def _heed(self, decisions: Sequence[Decision]) -> None:
        """Record decisions and do what the strictest of them says. What is held before an image exists goes no further."""
        if not decisions:
            return
        self._generation = replace(self._generation, decisions=(*self._generation.decisions, *decisions))
        for decision in decisions:
            self._trail.decision(self._generation, decision)
            self._lifecycle("after_decision", decision=self._decision_view(decision))
        action = strictest(decision for decision in decisions if not self._is_cleared(decision))
        if action == "block":
            raise _Ends("withheld")
        if action == "review":
            self._held = True
            if self._generation.image is None:
                raise _Ends("held")

    def _is_cleared(self, decision: Decision) -> bool:
        """Whether a reviewer has let through, as input, all that this decision would hold."""
        resumes = self._admitted.request.resumes
        cleared = resumes is not None and set(decision.rules) <= set(resumes.rules)
        return cleared and decision.action == "review" and decision.gate != "image"

    def _hash_pixels(self) -> None:
        image = self._generation.image
        if image is not None and not self._pixels_sha256:
            self._pixels_sha256 = image.sha256()

    def _encode(self) -> None:
        self._hash_pixels()
        image = self._generation.image
        assert image is not None  # a pipeline whose last value is not an image does not load
        request = self._admitted.request
        provenance = self._provenance()
        self._encoded = encode(image, request.output_format)
        self._generation = replace(self._generation, file=self._encoded, provenance=provenance)

    def _provenance(self) -> Provenance:
        """What an attestation may say of this image."""
        request, steps = self._admitted.request, self._admitted.pipeline.steps
        return Provenance(
            request.id,
            self._index,
            self._generation.mark_id if any(step.cls.carries_mark_id for step in steps) else None,
            request.task,
            datetime.now(UTC).isoformat(timespec="seconds"),
            tuple(action for step in steps if (action := _action(step, request))),
            self._generation.prompt if "prompt" in self._admitted.policies[0].policy.discloses else "",
        )

    def _attest(self) -> Generator[Future[Any], None, None]:
        for position, step in enumerate(self._admitted.pipeline.steps):
            if step.stage.name == "attest":
                yield from self._step(position, step)

    def _read_back(self) -> Image:
        """What the final file shows, opened as a viewer would: the marked image, whole, whatever was attached to it."""
        marked, file = self._generation.image, self._generation.file
        assert marked is not None
        assert file is not None
        seen = decode(file.data)
        lossless = file.format in LOSSLESS
        if seen.size != marked.size or (lossless and seen.sha256() != marked.sha256()):
            raise _Ends("failed", "read back", "the encoded file does not show the marked image")
        if file.data != self._encoded.data and seen.sha256() != decode(self._encoded.data).sha256():
            raise _Ends("failed", "read back", "the attested file does not show the image that was attested")
        self._mark = self._mark_in(seen)
        return seen

    def _mark_in(self, seen: Image) -> Mark | None:
        """The mark that a step of this pipeline put there, as a reader finds it: what cannot be read is no mark."""
        if not any(step.cls.carries_mark_id for step in self._admitted.pipeline.steps):
            return None
        for reading in self._read_marks(seen):
            if reading.mark_id == self._generation.mark_id:
                return Mark(reading.mark_id, reading.key_id, reading.score, self._psnr)
        raise _Ends("failed", "read back", "the image's mark cannot be read from the final file")

    def _keep(self) -> StoredImage:
        """Write the file to the image store. Nobody can read it there before its outcome is durable."""
        assert self._generation.file is not None
        return self._store(self._generation.file, "held" if self._held else "released")

    def _store(self, file: EncodedImage, state: State) -> StoredImage:
        request = self._admitted.request
        return self._images.write(
            file.data,
            request.caller.subject,
            request_id=request.id,
            index=self._index,
            pixels_sha256=self._pixels_sha256,
            state=state,
        )

    def _release(self, stored: StoredImage) -> ImageResult:
        """Make the outcome durable, and only then let the pixels go."""
        image, file = self._generation.image, self._generation.file
        assert image is not None
        assert file is not None
        outcome: Outcome = "held" if self._held else "released"
        likeness = fingerprint(image)
        ended = Ended(
            outcome,
            file=file,
            pixels_sha256=self._pixels_sha256,
            image_id=stored.id,
            mark=self._mark,
            fingerprint=likeness,
        )
        try:
            self._record.outcome(self._generation, ended, [*stored.changes, AddFingerprint(stored.id, likeness)])
        except Refused:  # after any other error it may be recorded all the same, and the next start sweeps
            self._images.discard(stored)
            raise
        result = self._result(outcome, file=file if outcome == "released" else None)
        if outcome == "released":
            self._lifecycle("after_release", release=self._release_view(file))
        self._watcher.ended(result)
        return result

    def _end(self, end: _Ends) -> ImageResult:
        ended = Ended(end.outcome, end.reason, pixels_sha256=self._pixels_sha256)
        changes: tuple[Change, ...] = ()
        if end.outcome == "withheld" and (category := self._quarantines()) is not None:
            ended, changes = self._quarantine(end, *category)
        self._record.outcome(self._generation, ended, changes)
        result = self._result(end.outcome, error=end.error)
        self._watcher.ended(result)
        return result

    def _quarantines(self) -> tuple[str, Category] | None:
        """The category whose blocked images are kept, with how; None where this one is not kept."""
        policy = self._admitted.policies[0].policy
        blocks = [decision for decision in self._generation.decisions if decision.action == "block"]
        names = [finding.category for decision in blocks for finding in decision.findings if finding.rule in decision.rules]
        kept = [(name, category) for name in names if (category := policy.category(name)).keep == "quarantine"]
        return max(kept, key=lambda each: each[1].days) if kept and self._generation.image is not None else None

    def _quarantine(self, end: _Ends, name: str, category: Category) -> tuple[Ended, tuple[Change, ...]]:
        """Keep a blocked image for reviewers alone, as it is and without a mark: it never leaves."""
        assert self._generation.image is not None
        self._hash_pixels()
        file = encode(self._generation.image, "png")
        stored = self._store(file, "quarantined")
        ended = Ended(end.outcome, end.reason, file, self._pixels_sha256, stored.id)
        return ended, (*stored.changes, AddQuarantine(stored.id, name, after(category.days)))

    def _result(self, outcome: Outcome, *, file: EncodedImage | None = None, error: str = "") -> ImageResult:
        generation = self._generation
        return ImageResult(
            self._index,
            generation.seed,
            outcome,
            generation.decisions,
            file,
            self._pixels_sha256,
            self._mark_id,
            error,
            self._misconfigured,
        )

    @property
    def _mark_id(self) -> int | None:
        return self._mark.id if self._mark else None

    def _view(self, step: BoundStep, run: StepRun | None = None, error: str = "") -> StepView:
        request = self._admitted.request
        if run is None:
            return StepView(request.id, self._index, request.pipeline, step.id, step.type, error=error)
        return StepView(
            request.id, self._index, request.pipeline, step.id, step.type, run.seconds, run.device, run.batch, error
        )

    def _decision_view(self, decision: Decision) -> DecisionView:
        return DecisionView(
            self._admitted.request.id,
            self._index,
            decision.gate,
            decision.action,
            decision.rules,
            decision.policy,
            decision.revision,
        )

    def _release_view(self, file: EncodedImage) -> ReleaseView:
        return ReleaseView(self._admitted.request.id, self._index, file.sha256, self._pixels_sha256, self._mark_id)


def _first(request: Request, index: int) -> Generation:
    """The generation before any step."""
    return Generation(
        request_id=request.id,
        index=index,
        seed=request.seed_of(index),
        prompt=request.prompt,
        raw_prompt=request.prompt,
        negative_prompt=request.negative_prompt,
        task=request.task,
        inputs=tuple(replace(given, file=b"") for given in request.inputs),
        mark_id=secrets.randbits(48),
        output_format=request.output_format,
    )


def _action(step: BoundStep, request: Request) -> str:
    """What a step did to the image, in the words of `Provenance`; empty if it did nothing to it."""
    if step.stage.name == "decode":
        return "create" if request.task == "generate" else "edit"
    if step.stage.name == "watermark":
        return "mark" if step.cls.carries_mark_id else "sign"
    return {"upscale": "upscale", "transform_image": "transform"}.get(step.stage.name, "")


def _kind(error: LimnerError) -> str:
    """What may be told of a step's error where no prompt may go: its kind, for its text may quote anything."""
    return type(error.__cause__ or error).__name__


def _unforeseen(error: Exception) -> _Ends:
    """The end of an image at an error that is no step's: its text and place for the caller, its kind for the record."""
    if isinstance(error, LimnerError):
        return _Ends("failed", type(error).__name__, str(error))
    at = extract_tb(error.__traceback__)[-1]
    return _Ends("failed", type(error).__name__, f"{at.filename}:{at.lineno}: raised {type(error).__name__}: {error}")
