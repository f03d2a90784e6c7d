"""How an image is made: its steps and gates in order, then encoded, attested and read back.

An image and a preview of it are made alike, so both are a `Making`. Only an ImageLife stores, records the outcome, releases.
"""

from __future__ import annotations

import math
import secrets
import time
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import Future
from copy import copy
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from limner.admission import Admitted
from limner.bound import BoundStep
from limner.deny import DenyList
from limner.engine.interface import Engine, Previews, StepRun
from limner.errors import Cancelled, ConfigurationError, LimnerError, StepError
from limner.generation import Decision, EncodedImage, Generation, Image
from limner.image_end import ImageEnd
from limner.images.difference import psnr
from limner.images.encoding import encode
from limner.images.fingerprint import fingerprint
from limner.images.store import ImageStore
from limner.inbox import Inbox
from limner.policy import strictest
from limner.provenance import provenance
from limner.reading_back import read_back, reading_of
from limner.readings import Mark, WatermarkReading
from limner.recording import PreviewRecord, Record
from limner.result import Watcher
from limner.views import DecisionView, StepView

MEASURING_DEADLINE = 60.0  # seconds, for a check that names none: a gate that hangs must end, and not in an allow
WORKING_DEADLINE = 600.0  # seconds, for other steps that name none
HEAD_START = 50e-6  # seconds; one thread runs Python at a time, and this one would keep the step from beginning

T = TypeVar("T")
Waiting = Generator[Future[Any], None, T]  # work that yields the futures it waits for
Lifecycle = Callable[..., None]  # (hook name, **views): every plugin's hook, each apart, raises logged and counted
ReadMarks = Callable[[Image], Sequence[WatermarkReading]]


@dataclass(frozen=True, slots=True)
class Services:
    """What all images of a process are made with."""

    engine: Engine
    images: ImageStore
    deny: DenyList
    read_marks: ReadMarks
    lifecycle: Lifecycle


@dataclass(frozen=True, slots=True)
class Look:
    """How a marked image looks: its perceptual hash, and how far the mark moved the pixels, in decibels."""

    fingerprint: int
    psnr: float


class Making:
    """One image on its way through its pipeline; what it cannot go beyond raises ImageEnd.

    `pixels_sha256` is that of the pixels before marking, once there are any; `mark` the mark as it was read back from the final
    file; `held` says that a reviewer must look at it; `misconfigured`, that a step lacked what a file or the environment names.
    """

    def __init__(
        self,
        admitted: Admitted,
        index: int,
        services: Services,
        trail: Record | PreviewRecord,
        watcher: Watcher,
        show: Callable[[Making, Image], Waiting[None]],
    ) -> None:
        """`trail` is where steps and decisions are recorded; `show` sees a preview of this image through."""
        self._admitted, self._services, self._trail = admitted, services, trail
        self._watcher, self._show = watcher, show
        self.generation = Generation.of(admitted.request, index, mark_id=secrets.randbits(48))
        self.pixels_sha256 = ""
        self.mark: Mark | None = None
        self.held = False
        self.misconfigured = False
        self._undocumented: list[tuple[Generation, Decision]] = []  # decisions not yet handed to the record
        self._marking: tuple[Image, Image] | None = None  # before and after the mark that carries its id
        self._look: Look | None = None

    def of_preview(self, preview: Image, trail: PreviewRecord) -> Making:
        """This making as it stands, with a preview in the place of its image, and a record apart."""
        making = copy(self)
        making.generation = self.generation.with_image(preview)
        making.pixels_sha256 = ""
        making._undocumented, making._look = [], None
        making._trail = trail
        return making

    def refuse(self, denied: Decision | None) -> None:
        """Heed what the deny list says, if it says anything."""
        if denied is not None:
            self._heed([denied])

    def finish(self, behind: int | None = None) -> Waiting[None]:
        """All steps, or those after one, until there is a file that has everything an image must have to leave."""
        steps = self._admitted.pipeline.steps
        for position, step in enumerate(steps):
            if step.stage.name != "attest" and (behind is None or position > behind):
                yield from self._step(position, step)
        encoded = self._encode()
        for position, step in enumerate(steps):
            if step.stage.name == "attest":
                yield from self._step(position, step)
        self.refuse(self._services.deny.of_image(self._read_back(encoded)))
        self.document()

    def document(self) -> None:
        """Hand the record what was decided. A step that was let through begins first; all else is handed over at once."""
        undocumented, self._undocumented = self._undocumented, []
        for generation, decision in undocumented:
            self._trail.decision(generation, decision)

    def hash_pixels(self) -> None:
        """Remember what the image shows, if there is one, before anything marks it."""
        image = self.generation.image
        if image is not None and not self.pixels_sha256:
            self.pixels_sha256 = image.sha256()

    def look(self) -> Look:
        """What the record tells of the marked image, found out once."""
        if self._look is None:
            image = self.generation.image
            assert image is not None
            self._look = Look(fingerprint(image), psnr(*self._marking) if self._marking else math.inf)
        return self._look

    def _step(self, position: int, step: BoundStep) -> Waiting[None]:
        before = self.generation.image
        error = yield from self._submit(step)
        if step.cls.carries_mark_id and before is not None and self.generation.image is not None:
            self._marking = before, self.generation.image
        if error is None and "prompt" in step.writes:
            self.refuse(self._services.deny.of_prompt(self.generation.prompt))
        self._heed(self._judge(position, error))
        if error is not None and not step.measures:
            raise ImageEnd("failed", step.id, str(error))

    def _submit(self, step: BoundStep) -> Waiting[StepError | None]:
        """Run one step; returns the error it ended in, if any."""
        overrides = self._admitted.settled.overrides.get(step.id)
        generation = replace(self.generation, overrides=overrides) if overrides else self.generation
        self._services.lifecycle("before_step", step=self._view(step))
        inbox = Inbox() if self._has_previews(step) else None
        future = self._services.engine.submit(
            self._admitted.pipeline.ref(step),
            generation,
            step.deadline or (MEASURING_DEADLINE if step.measures else WORKING_DEADLINE),
            lambda i, n: self._watcher.progressed(generation.index, step.id, i, n),
            Previews(self._watcher.previews, inbox.put) if inbox else None,
        )
        self._meanwhile(step)
        if inbox is None:
            yield future
        else:
            future.add_done_callback(lambda _: inbox.end())
            yield from self._await_end(inbox)
        return self._take(step, future)

    def _meanwhile(self, step: BoundStep) -> None:
        """What the step needs not wait for, done while it is at work."""
        time.sleep(HEAD_START)
        self.document()
        if step.stage.name == "watermark":
            self.hash_pixels()
        elif step.stage.name == "attest":
            self.look()

    def _has_previews(self, step: BoundStep) -> bool:
        """Whether previews of this step are wanted, and may leave if they pass."""
        gated = self._admitted.policies[0].policy.previews == "gated"
        return gated and self._watcher.previews > 0 and step.stage.name == "decode" and not self.held

    def _await_end(self, inbox: Inbox) -> Waiting[None]:
        """Until the step ends, show what it has so far. Each preview is seen through before the image goes on."""
        while True:
            yield inbox.news()
            preview = inbox.take()
            if preview is not None:
                yield from self._show(self, preview)
            elif inbox.ended:
                return

    def _take(self, step: BoundStep, future: Future[StepRun]) -> StepError | None:
        index = self.generation.index
        try:
            run = future.result()
        except Cancelled as cancelled:
            self._trail.step_ended(index, step, cancelled, cancelled=True)
            raise ImageEnd("cancelled", step.id, str(cancelled)) from None
        except LimnerError as error:
            self._trail.step_ended(index, step, error)
            self.misconfigured |= isinstance(error, ConfigurationError) or isinstance(error.__cause__, ConfigurationError)
            self._services.lifecycle("on_step_error", step=self._view(step, error=_kind(error)))
            return error if isinstance(error, StepError) else StepError(error.what, where=error.where, fix=error.fix)
        self._trail.step(index, step, run)
        self.generation = run.generation
        self._services.lifecycle("after_step", step=self._view(step, run))
        return None

    def _judge(self, position: int, error: StepError | None) -> list[Decision]:
        judged = [
            decision
            for policy in self._admitted.policies
            for decision in policy.judge(position, self.generation, self._admitted.request, error)
        ]
        deny_revision = self._services.deny.revision if judged else ""
        return [replace(decision, deny_revision=deny_revision) for decision in judged]

    def _heed(self, decisions: Sequence[Decision]) -> None:
        """Record decisions and do what the strictest of them says. What is held before an image exists goes no further."""
        if not decisions:
            return
        self.generation = replace(self.generation, decisions=(*self.generation.decisions, *decisions))
        for decision in decisions:
            self._undocumented.append((self.generation, decision))
            self._services.lifecycle("after_decision", decision=DecisionView.of(self.generation, decision))
        action = strictest(decision for decision in decisions if not self._is_cleared(decision))
        if action != "allow":
            self.document()
        if action == "block":
            raise ImageEnd("withheld")
        if action == "review":
            self.held = True
            if self.generation.image is None:
                raise ImageEnd("held")

    def _is_cleared(self, decision: Decision) -> bool:
        """Whether a reviewer has let through, as input, all that this decision would hold."""
        resumes = self._admitted.request.resumes
        cleared = resumes is not None and set(decision.rules) <= set(resumes.rules)
        return cleared and decision.action == "review" and decision.gate != "image"

    def _encode(self) -> EncodedImage:
        self.hash_pixels()
        image = self.generation.image
        assert image is not None  # a pipeline whose last value is not an image does not load
        encoded = encode(image, self._admitted.request.output_format)
        self.generation = replace(self.generation, file=encoded, provenance=provenance(self._admitted, self.generation))
        return encoded

    def _read_back(self, encoded: EncodedImage) -> Image:
        """What the final file shows, with the mark that a step of this pipeline put there."""
        image, file = self.generation.image, self.generation.file
        assert image is not None
        assert file is not None
        seen = read_back(image, encoded, file)
        if self._admitted.pipeline.carries_mark_id:
            reading = reading_of(self.generation.mark_id, self._services.read_marks(seen))
            self.mark = Mark(reading.mark_id, reading.key_id, reading.score, self.look().psnr)
        return seen

    def _view(self, step: BoundStep, run: StepRun | None = None, error: str = "") -> StepView:
        request = self._admitted.request
        what = request.id, self.generation.index, request.pipeline, step.id, step.type
        return StepView(*what, error=error) if run is None else StepView(*what, run.seconds, run.device, run.batch, error)


def _kind(error: LimnerError) -> str:
    """What may be told of a step's error where no prompt may go: its kind, for its text may quote anything."""
    return type(error.__cause__ or error).__name__
