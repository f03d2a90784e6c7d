"""The reviewer's desk: releasing what is held, or withholding it. Each word is an event, with who spoke and why.

Releasing an image gives out the file as it was marked and attested when it was made. Releasing an input gives the request to
be run: a new one, from the recorded words, inputs and seed, that the same rules do not hold again. In a category of four eyes
the first to agree changes nothing yet; the second, who is someone else, releases, and neither may be who asked.

Withholding gives the image its outcome `withheld`, as a policy's block does; what settles an image on its outcome, a quota's
refund for one, follows from there.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any, Literal

from sqlalchemy import Connection, Update, insert, select, update

from limner.audit.erasing import erase
from limner.audit.event import Event, plain
from limner.audit.events import GENERATION_STEPS, IMAGE_OUTCOME, REVIEWED
from limner.audit.log import Change
from limner.audit.reading import RequestRecord, request
from limner.audit.rebuilding import rebuild
from limner.audit.scope import Scope
from limner.audit.standing import Refused
from limner.audit.writer import AuditWriter
from limner.database.connection import Database
from limner.database.tables import approvals, holds, images, subjects
from limner.database.timestamp import after, timestamp
from limner.errors import AuditError, UsageError
from limner.generation import Decision, Image, Outcome, Request, Resumed
from limner.images.encoding import decode
from limner.images.inputs import read_input
from limner.images.quarantine import AddQuarantine
from limner.images.store import ImageStore
from limner.keys import Keys
from limner.review.held import Hold, HoldState

Said = Literal["agree", "release", "withhold"]


@dataclass(frozen=True, slots=True)
class Verdict:
    """What came of a reviewer's word: `file` is the released image's, `resumed` the request of a released input, to be run."""

    hold: Hold
    said: Said
    file: bytes | None = None
    resumed: Request | None = None


@dataclass(frozen=True, slots=True)
class Desk:
    """Where holds are decided. Whoever acts is named by the caller, who has made sure of it.

    `refusal` is what the deny list says now of a request, of its prompt as steps have rewritten it, and of an image if there is
    one: since it was held something may have been denied, and no reviewer overrules that.
    """

    database: Database
    writer: AuditWriter
    keys: Keys
    images: ImageStore
    refusal: Callable[[Request, Sequence[str], Image | None], Decision | None]

    def release(self, hold: Hold, *, actor: str, reason: str) -> Verdict:
        """Let it through, or agree to that where it takes two.

        Raises UsageError where the actor may not, the hold is decided already, or the deny list refuses what is held or cannot
        be asked; a released input that was never run, since the process died, is given to be run again.
        """
        _check_reason(reason)
        record = request(self.database, self.keys, hold.request_id)
        if hold.state == "released" and hold.is_input:
            return self._unfinished(hold, record)
        _check_waiting(hold)
        if hold.four_eyes and not self._is_second(hold, actor):
            with suppress(_NotTheFirst):  # then somebody else has agreed in the meantime, and this is the second word
                self._append(hold, "agree", actor, reason, [self._first_agreement(hold, actor)])
                return Verdict(hold, "agree")
        if hold.is_input:
            resumed = self._undenied(hold, record, None)
            self._append(hold, "release", actor, reason, self._released(hold, actor), resumed_as=resumed.id)
            return Verdict(hold, "release", resumed=resumed)
        file = self.images.read(self.database, hold.image_id, as_reviewer=True)
        self._undenied(hold, record, decode(file))
        changes = [*self._released(hold, actor), _kept_as(hold, "released")]
        self._append(hold, "release", actor, reason, changes, _outcome(hold, record, "released"))
        return Verdict(hold, "release", file)

    def withhold(self, hold: Hold, *, actor: str, reason: str, quarantine_days: int | None = None) -> Verdict:
        """Keep it from leaving, for good.

        The image is erased, unless a legal hold keeps it, or kept in quarantine for so many days.
        """
        _check_reason(reason)
        _check_waiting(hold)
        record = request(self.database, self.keys, hold.request_id)
        changes: list[Change] = [_decided(hold, "withheld")]
        if hold.image_id and quarantine_days is not None:
            changes.append(_kept_as(hold, "quarantined"))
            changes.append(AddQuarantine(hold.image_id, hold.category, after(quarantine_days)))
        elif hold.image_id:
            changes.append(_still_held(hold).values(state="withheld"))
        self._append(hold, "withhold", actor, reason, changes, _outcome(hold, record, "withheld"))
        if hold.image_id and quarantine_days is None:
            image = Scope("image", hold.image_id, hold.request_id)
            erase(self.database, self.writer, image, actor=actor, reason="withheld", forget=self.images.forget)
        return Verdict(hold, "withhold")

    def _is_second(self, hold: Hold, actor: str) -> bool:
        """Whether somebody else has agreed already. Raises UsageError for who asked, and for who alone has agreed."""
        lookup = self.keys.lookup(actor)
        with self.database.reading() as connection:
            requester = connection.scalar(select(subjects.c.lookup).where(subjects.c.pseudonym == hold.subject))
            agreed = _agreed(connection, hold)
        if lookup == requester:
            raise UsageError("who asked for it may not release it", where=f"hold {hold.id}", fix="two others have to agree")
        if agreed == {lookup}:
            raise UsageError(_AGREED, where=f"hold {hold.id}", fix=_SOMEONE_ELSE)
        return bool(agreed)

    def _first_agreement(self, hold: Hold, actor: str) -> Change:
        """The change that notes who agreed first. Refuses where somebody has by now, or the hold is decided."""
        lookup = self.keys.lookup(actor)

        def change(connection: Connection) -> None:
            if connection.scalar(select(holds.c.state).where(holds.c.id == hold.id)) != "waiting":
                raise _decided_meanwhile(hold)
            agreed = _agreed(connection, hold)
            if lookup in agreed:  # the same person, in another window
                raise Refused(_AGREED, where=f"hold {hold.id}", fix=_SOMEONE_ELSE)
            if agreed:
                raise _NotTheFirst("another reviewer has agreed", where=f"hold {hold.id}")
            connection.execute(insert(approvals).values(hold_id=hold.id, reviewer=lookup, time=timestamp()))

        return change

    def _released(self, hold: Hold, actor: str) -> list[Change]:
        """The changes of a hold that is released: where it takes two, someone else must have agreed."""
        return [_decided(hold, "released"), *([_seconded(hold, self.keys.lookup(actor))] if hold.four_eyes else [])]

    def _undenied(self, hold: Hold, record: RequestRecord, image: Image | None) -> Request:
        """The held request, to be run on. Raises UsageError where the deny list refuses it, what it became, or its image."""
        where = f"hold {hold.id}"
        try:
            resumed, prompts = self._resumed(hold, record), _rewritten(hold, record)
        except AuditError as error:
            what = f"what was asked cannot be looked for on the deny list any more: {error.what}"
            raise UsageError(what, where=where, fix="withhold it") from error
        if (refused := self.refusal(resumed, prompts, image)) is None:
            return resumed
        if refused.error:
            raise UsageError(refused.error, where=where, fix="release it when that works again")
        entries = ", ".join(finding.rule for finding in refused.findings)
        what = f"what was held is on the deny list by now, at the {refused.gate}: {entries}"
        raise UsageError(what, where=where, fix="withhold it, or see limner deny list")

    def _resumed(self, hold: Hold, record: RequestRecord) -> Request:
        again = rebuild(record, read_input=read_input, index=hold.index)
        return replace(again, resumes=Resumed(hold.request_id, hold.index, hold.id, hold.rules))

    def _unfinished(self, hold: Hold, record: RequestRecord) -> Verdict:
        """A released input whose run never began. Raises UsageError where it did."""
        [resumed_as] = [e.body["resumed_as"] for e in record.events if _is_release(e.kind, e.body, hold)]
        try:
            request(self.database, self.keys, resumed_as)
        except UsageError:
            return Verdict(hold, "release", resumed=replace(self._resumed(hold, record), id=resumed_as))
        raise UsageError(f"it was released already, and runs as request {resumed_as}", where=f"hold {hold.id}")

    def _append(
        self, hold: Hold, said: Said, actor: str, reason: str, changes: Sequence[Change], *more: Event, resumed_as: str = ""
    ) -> None:
        body = {"hold": hold.id, "index": hold.index, "gate": hold.gate, "action": said, "reason": reason}
        body |= {"category": hold.category, "rules": hold.rules, "resumed_as": resumed_as}
        decided = Event(REVIEWED, hold.request_id, plain(body), subject=actor)
        self.writer.append([decided, *more], changes).result()


class _NotTheFirst(Refused):
    """Somebody else has agreed since it was looked."""


_AGREED, _SOMEONE_ELSE = "you have agreed already", "someone else has to agree as well"


def _decided_meanwhile(hold: Hold) -> Refused:
    return Refused("another reviewer has decided it", where=f"hold {hold.id}", fix=f"limner review show {hold.id}")


def _agreed(connection: Connection, hold: Hold) -> set[str]:
    """Who has agreed to a release, by the lookup values of their names."""
    return set(connection.scalars(select(approvals.c.reviewer).where(approvals.c.hold_id == hold.id)))


def _decided(hold: Hold, state: HoldState) -> Change:
    """The change of a hold that still waits. Refuses where another reviewer was quicker."""

    def change(connection: Connection) -> None:
        still = update(holds).where(holds.c.id == hold.id, holds.c.state == "waiting").values(state=state)
        if connection.execute(still).rowcount != 1:
            raise _decided_meanwhile(hold)

    return change


def _seconded(hold: Hold, reviewer: str) -> Change:
    """The check, under the write lock, that a release is the second word. Refuses where nobody else has agreed."""

    def change(connection: Connection) -> None:
        if not _agreed(connection, hold) - {reviewer}:
            raise Refused("nobody else has agreed", where=f"hold {hold.id}", fix=_SOMEONE_ELSE)

    return change


def _kept_as(hold: Hold, state: str) -> Change:
    """The change of a held image that is kept. Refuses where it is erased by now, or was recalled again after a restore."""

    def change(connection: Connection) -> None:
        if connection.execute(_still_held(hold).values(state=state)).rowcount != 1:
            raise Refused("its image was erased or recalled meanwhile", where=f"hold {hold.id}", fix="withhold it")

    return change


def _still_held(hold: Hold) -> Update:
    return update(images).where(images.c.id == hold.image_id, images.c.state == "held")


def _outcome(hold: Hold, record: RequestRecord, outcome: Outcome) -> Event:
    """The image's new outcome, with all that was recorded of the file when it was held."""
    held: Any = next(e.body for e in record.events if e.kind == IMAGE_OUTCOME and e.body["index"] == hold.index)  # JSON
    body = {name: value for name, value in held.items() if name != "held"}
    return Event(IMAGE_OUTCOME, hold.request_id, {**body, "outcome": outcome, "reason": "review"})


def _rewritten(hold: Hold, record: RequestRecord) -> list[str]:
    """The prompt after each rewrite. Raises AuditError where that was erased."""
    prompts = []
    for event in record.events:
        if event.kind == GENERATION_STEPS and event.body["index"] == hold.index and "rewrites" in event.payloads:
            rewrites = event.payloads["rewrites"]
            if rewrites.state != "open":
                raise AuditError(f"its rewritten prompt is {rewrites.state}", where=f"request {record.id}")
            prompts += [str(rewrite["after"]) for rewrite in rewrites.value]
    return prompts


def _is_release(kind: str, body: Any, hold: Hold) -> bool:  # JSON
    return kind == REVIEWED and body["hold"] == hold.id and body["action"] == "release"


def _check_reason(reason: str) -> None:
    if not reason.strip():
        raise UsageError("a reviewer's word needs a reason", where="--reason")


def _check_waiting(hold: Hold) -> None:
    if hold.state != "waiting":
        raise UsageError(f"it is {hold.state} already", where=f"hold {hold.id}", fix="limner review list shows what waits")
