"""What a request leaves on the record, in the order of its life.

Decisions and steps are handed over and not waited for while an image is made. Its outcome is: it is appended last, and nothing
is released before it, and every event before it, is durable.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Literal

from limner.admission import Admitted
from limner.audit import events
from limner.audit.appended import Appended
from limner.audit.event import Event
from limner.audit.events import Held, Pinned, StepSummary
from limner.audit.holds import hold
from limner.audit.leases import Lease
from limner.audit.log import Change
from limner.audit.texts import Text
from limner.audit.writer import AuditWriter, Slot
from limner.bound import BoundStep
from limner.engine.interface import StepRun
from limner.errors import LimnerError
from limner.generation import Decision, EncodedImage, Generation, Outcome, Request
from limner.readings import Mark


@dataclass(frozen=True, slots=True)
class Recorder:
    """Opens a record for each request of this process.

    `plugins` is the canonical list of plugins, `versions` those of Limner and the libraries it runs on, `lease` that of the
    process; `stored` are the texts that are known to be in the database.
    """

    writer: AuditWriter
    plugins: Text
    versions: Mapping[str, str]
    lease: Lease
    stored: set[Text] = field(default_factory=set)

    def open(self, admitted: Admitted) -> Record:
        """A record with room reserved for it. Raises AuditError if there is none: then the request is not accepted."""
        return Record(self, admitted, self.writer.reserve())


@dataclass(frozen=True, slots=True)
class Ended:
    """How an image ended. `reason` is a word of ours, never a text from outside; `file` the final file if it is kept.

    `image_id` is the file's name in the image store, `pixels_sha256` that of the pixels before marking, `mark` the mark that
    was read back from the file, `fingerprint` the perceptual hash of what it shows.
    """

    outcome: Outcome
    reason: str = ""
    file: EncodedImage | None = None
    pixels_sha256: str = ""
    image_id: str = ""
    mark: Mark | None = None
    fingerprint: int | None = None


@dataclass(slots=True)
class _ImageTrail:
    """What is known of one image so far: its steps, and the appends nobody has waited for."""

    steps: list[StepSummary] = field(default_factory=list)
    pending: list[Appended] = field(default_factory=list)
    reviews: list[Decision] = field(default_factory=list)


class Record:
    """The record of one request, a context manager: however the block ends, each image gets an outcome and it is closed."""

    def __init__(self, recorder: Recorder, admitted: Admitted, slot: Slot) -> None:
        self._recorder, self._admitted, self._slot = recorder, admitted, slot
        self._request = admitted.request
        self._trails = [_ImageTrail() for _ in range(self._request.n)]
        self._outcomes: dict[int, tuple[Outcome, Appended]] = {}
        self._started = time.monotonic()
        self._accepted: Appended | None = None
        self._closed: Appended | None = None  # the last image's outcome closes the record with it

    def __enter__(self) -> Record:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        with self._slot:
            if self._accepted is None or self._accepted.exception() is not None:
                return
            try:
                self._close(reason=kind.__name__ if kind else "")
            except LimnerError:
                if error is None:
                    raise  # else the first error tells more; the next start closes this record

    def accept(self, meanwhile: Callable[[], object] = lambda: None) -> None:
        """Record the intent, with all that the images depend on, and wait until it is durable.

        `meanwhile` is called while it is on its way to the disk.
        """
        recorder, admitted = self._recorder, self._admitted
        enforced, *shadow = (bound.policy for bound in admitted.policies)
        texts = {Text("pipeline", admitted.pipeline.hash, admitted.pipeline.canonical), recorder.plugins}
        texts |= {Text("policy", policy.revision, policy.canonical) for policy in (enforced, *shadow)}
        pinned = Pinned(
            pipeline=admitted.pipeline.hash,
            policy=enforced.name,
            policy_revision=enforced.revision,
            parameters=admitted.settled.values,
            plugins=recorder.plugins.hash,
            versions=recorder.versions,
            lease=recorder.lease.keep(),
            shadow_policy=shadow[0].name if shadow else "",
            shadow_revision=shadow[0].revision if shadow else "",
        )
        new = texts - recorder.stored
        self._accepted = recorder.writer.append([events.request_accepted(self._request, pinned)], [text.store for text in new])
        meanwhile()
        self._accepted.result()
        recorder.stored.update(new)

    def step(self, index: int, step: BoundStep, run: StepRun) -> None:
        """A step has answered for image `index`."""
        self._trails[index].steps.append(
            StepSummary(step.id, step.type, "done", run.seconds, run.device, run.precision, run.batch, run.signals)
        )

    def step_ended(self, index: int, step: BoundStep, error: LimnerError, *, cancelled: bool = False) -> None:
        """A step has failed for image `index`, or was cancelled."""
        outcome: Literal["cancelled", "failed"] = "cancelled" if cancelled else "failed"
        self._trails[index].steps.append(StepSummary(step.id, step.type, outcome, error=str(error)))

    def decision(self, generation: Generation, decision: Decision) -> None:
        """A decision about an image, as the signals then stood."""
        trail = self._trails[generation.index]
        if decision.action == "review":
            trail.reviews.append(decision)
        trail.pending.append(self._append([events.decision(self._request, generation, decision)]))

    def preview(self, index: int, number: int) -> PreviewRecord:
        """Where what concerns a preview of image `index` is recorded: apart, for it decides nothing about the image.

        What was decided of the image so far let the preview come this far, and has to be durable before it is shown.
        """
        return PreviewRecord(self._recorder.writer, self._request, number, self._trails[index].pending)

    def outcome(self, generation: Generation, ended: Ended, changes: Sequence[Change] = ()) -> None:
        """An image's outcome, with the changes that commit with it: handed over once all that came before it is durable.

        Returns when it is durable too; raises AuditError if any of it is not.
        """
        index, trail = generation.index, self._trails[generation.index]
        for earlier in trail.pending:
            earlier.result()
        held = self._held(trail.reviews) if ended.outcome == "held" and trail.reviews else None
        happened = [
            events.generation_steps(self._request, generation, trail.steps),
            events.image_outcome(
                self._request.id,
                index,
                ended.outcome,
                reason=ended.reason,
                file=ended.file,
                pixels_sha256=ended.pixels_sha256,
                mark=ended.mark,
                image_id=ended.image_id,
                fingerprint=ended.fingerprint,
                subject=self._request.caller.subject,
                held=held,
            ),
        ]
        if held:
            changes = [*changes, hold(self._request.id, index, held)]
        others = [self._recorded_outcome(other) for other in range(self._request.n) if other != index]
        is_last = None not in others
        if is_last:
            happened.append(self._closing([ended.outcome, *(outcome for outcome in others if outcome)]))
        appended = self._append(happened, changes)
        self._outcomes[index] = ended.outcome, appended
        if is_last:
            self._closed = appended
        appended.result()

    def _held(self, reviews: Sequence[Decision]) -> Held:
        """Why an image is held, by all decisions that asked for it; the last one says where and for what."""
        policy = self._admitted.policies[0].policy
        asking = [f for decision in reviews for f in decision.findings if f.rule in decision.rules]
        return Held(
            gate=reviews[-1].gate,
            category=reviews[-1].category,
            rules=tuple(dict.fromkeys(finding.rule for finding in asking)),
            four_eyes=any(policy.category(finding.category).four_eyes for finding in asking),
        )

    def _append(self, happened: Sequence[Event], changes: Sequence[Change] = ()) -> Appended:
        return self._recorder.writer.append(happened, changes)

    def _closing(self, outcomes: Sequence[Outcome], reason: str = "") -> Event:
        return events.request_closed(self._request.id, outcomes, seconds=time.monotonic() - self._started, reason=reason)

    def _close(self, reason: str) -> None:
        """Images without an outcome end as failed, or cancelled where the caller left, and nothing more comes."""
        if self._closed is not None and self._closed.exception() is None:
            return
        rest: Outcome = "cancelled" if reason == KeyboardInterrupt.__name__ else "failed"
        recorded = [self._recorded_outcome(index) for index in range(self._request.n)]
        missing = [index for index, outcome in enumerate(recorded) if outcome is None]
        ends = [events.image_outcome(self._request.id, index, rest, reason=reason) for index in missing]
        self._append([*ends, self._closing([outcome or rest for outcome in recorded], reason)]).result()

    def _recorded_outcome(self, index: int) -> Outcome | None:
        """The outcome an image has on the record, also where an interrupt kept us from waiting for it; None if it has none."""
        if index not in self._outcomes:
            return None
        outcome, appended = self._outcomes[index]
        return outcome if appended.exception() is None else None


class PreviewRecord:
    """The record of one preview: what was decided of it, and that it was shown. How its steps ran is not kept."""

    def __init__(self, writer: AuditWriter, request: Request, number: int, decided: Sequence[Appended]) -> None:
        self._writer, self._request, self._number = writer, request, number
        self._pending = list(decided)

    def step(self, index: int, step: BoundStep, run: StepRun) -> None:
        """As `Record.step`."""

    def step_ended(self, index: int, step: BoundStep, error: LimnerError, *, cancelled: bool = False) -> None:
        """As `Record.step_ended`."""

    def decision(self, generation: Generation, decision: Decision) -> None:
        """A decision about the preview."""
        happened = events.decision(self._request, generation, decision, self._number)
        self._pending.append(self._writer.append([happened]))

    def released(self, index: int, file: EncodedImage, pixels_sha256: str) -> None:
        """The preview is about to be shown. Returns when that, and all that was decided, is durable; raises AuditError."""
        shown = events.preview_released(self._request.id, index, self._number, file, pixels_sha256)
        for appended in (*self._pending, self._writer.append([shown])):
            appended.result()
