"""Making an evidence pack: choosing what goes in, recording it, and writing it.

It is an export of the request's events, with the verifier, and beside it the record in plain JSON, the images that are kept,
and `index.html`. What of the payloads is opened is chosen; the others stay as commitments. Images that nobody is given (held,
withheld, in quarantine, recalled, or denied by now) are in it only if whoever makes it has chosen those too. The images are
read before anything is recorded, so that the event names exactly those that are inside, and those whose stored file is lost.
"""

from __future__ import annotations

import json
import tempfile
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from sqlalchemy import Connection, select

from limner.audit.administering import EVIDENCE, administered
from limner.audit.exporting import Opens, Selection, export
from limner.audit.reading import EventRecord, Payload, RequestRecord, request
from limner.audit.standing import Refused
from limner.audit.writer import AuditWriter
from limner.database.connection import Database
from limner.database.tables import images
from limner.errors import UsageError
from limner.evidence.page import page
from limner.evidence.pictures import Picture, pictures
from limner.images.store import FileLost, ImageStore, Loss
from limner.keys import Keys

EPOCH = (1980, 1, 1, 0, 0, 0)  # of every file in the zip: the same record gives the same pack


@dataclass(frozen=True, slots=True)
class Choice:
    """What goes into a pack: the payloads of these names, all if none is named; images that nobody is given, `withheld`.

    `redacted` opens no payload and leaves all images out.
    """

    opened: tuple[str, ...] = ()
    redacted: bool = False
    withheld: bool = False

    def opens(self, name: str) -> bool:
        """Whether a payload of this name is opened."""
        return not self.redacted and (not self.opened or name in self.opened)

    def takes(self, picture: Picture) -> bool:
        """Whether an image goes in."""
        return not self.redacted and (self.withheld or not picture.kept_back)


@dataclass(frozen=True, slots=True)
class Pack:
    """A pack that was made: its files by name, the images that were not chosen, and those that are lost from the store."""

    files: tuple[str, ...]
    left_out: tuple[Picture, ...]
    lost: Mapping[Picture, Loss]


def make_pack(
    database: Database,
    keys: Keys,
    store: ImageStore,
    writer: AuditWriter,
    request_id: str,
    path: Path,
    *,
    actor: str,
    choice: Choice,
) -> Pack:
    """Make the pack of a request into a zip; it is recorded who did, what was opened, and which images went in and did not.

    Raises UsageError if there is no such request, or a file in the way, Refused if an image was recalled or erased while the
    pack was made, AuditError if one cannot be looked at, and OSError; then there is none.
    """
    if path.exists():
        raise UsageError("there is something already", where=str(path), fix="name a file that is not there")
    request(database, keys, request_id)  # there, and readable: else nothing is recorded of a pack that cannot be made
    kept = pictures(database, request_id)
    chosen = [picture for picture in kept if choice.takes(picture)]
    files, lost = _read(database, store, chosen)
    event = administered(EVIDENCE, actor, _told(choice, files, lost), request_id=request_id)
    with tempfile.TemporaryDirectory(dir=path.parent) as folder:  # first: where none can be written, none is recorded
        writer.append([event], [_Standing(tuple(chosen))]).result()
        record = _shown(request(database, keys, request_id), choice.opens)
        left_out = {picture.id: _why(picture, lost) for picture in kept if picture not in files}
        pack = Path(folder) / "pack"
        export(database, keys, pack, selection=Selection(request=request_id), opens=choice.opens, evidence=event.id)
        (pack / "record.json").write_text(json.dumps(record.to_json(), indent=2, ensure_ascii=False), encoding="utf-8")
        (pack / "index.html").write_text(page(record, list(files), left_out), encoding="utf-8")
        _write_images(pack, files)
        draft = Path(folder) / "pack.zip"
        names = _zip(pack, draft)
        draft.rename(path)
    return Pack(tuple(names), tuple(picture for picture in kept if picture not in chosen), lost)


def _read(database: Database, store: ImageStore, chosen: Sequence[Picture]) -> tuple[dict[Picture, bytes], dict[Picture, Loss]]:
    """The files of images, and those that are lost."""
    files, lost = dict[Picture, bytes](), dict[Picture, Loss]()
    for picture in chosen:
        try:
            files[picture] = store.read(database, picture.id, as_reviewer=bool(picture.kept_back))
        except FileLost as error:
            lost[picture] = error.loss
    return files, lost


def _told(choice: Choice, files: Mapping[Picture, bytes], lost: Mapping[Picture, Loss]) -> dict[str, object]:
    """The body of the event."""
    return {
        "opened": list(choice.opened) or ("nothing" if choice.redacted else "everything"),
        "images": [picture.id for picture in files],
        "withheld": {picture.id: picture.kept_back for picture in files if picture.kept_back},
        "lost": {picture.id: loss for picture, loss in lost.items()},
    }


@dataclass(frozen=True, slots=True)
class _Standing:
    """The check, under the write lock, that images stand as they did when they were chosen: the event must stay true."""

    chosen: tuple[Picture, ...]

    def __call__(self, connection: Connection) -> None:
        query = select(images.c.id, images.c.state).where(images.c.id.in_([picture.id for picture in self.chosen]))
        now = {row.id: row.state for row in connection.execute(query)}
        for picture in self.chosen:
            if (state := now.get(picture.id, "gone")) != picture.state:
                raise Refused(f"it is {state} by now", where=f"image {picture.id}", fix="make the pack again")


def _shown(record: RequestRecord, opens: Opens) -> RequestRecord:
    """The record with only the chosen payloads open; the caller's name goes with the prompt."""
    events = tuple(replace(event, payloads=_closed(event, opens)) for event in record.events)
    return replace(record, events=events, caller=record.caller if opens("prompt") else None)


def _closed(event: EventRecord, opens: Opens) -> dict[str, Payload]:
    return {
        name: payload if opens(name) or payload.state != "open" else Payload("withheld")
        for name, payload in event.payloads.items()
    }


def _why(picture: Picture, lost: Mapping[Picture, Loss]) -> str:
    if picture in lost:
        return f"its stored file is {lost[picture]}"
    return picture.kept_back or "left out when the pack was made"


def _write_images(pack: Path, files: Mapping[Picture, bytes]) -> None:
    (pack / "images").mkdir()
    for picture, data in files.items():
        (pack / picture.name).write_bytes(data)


def _zip(pack: Path, target: Path) -> list[str]:
    files = sorted(path for path in pack.rglob("*") if path.is_file())
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in files:
            entry = zipfile.ZipInfo(path.relative_to(pack).as_posix(), EPOCH)
            archive.writestr(entry, path.read_bytes(), zipfile.ZIP_DEFLATED)
    return [path.relative_to(pack).as_posix() for path in files]
