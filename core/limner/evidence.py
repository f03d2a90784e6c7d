"""The evidence pack of one request: one zip with all that is recorded of it, proven, and a page for people to read.

It is an export of the request's events, with the verifier, and beside it the record in plain JSON, the images that are kept,
and `index.html`. What of the payloads is opened is chosen; the others stay as commitments. Images that nobody is given (held,
withheld, in quarantine, recalled, or denied by now) are in it only if whoever makes it has chosen those too.
"""

from __future__ import annotations

import html
import json
import tempfile
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from sqlalchemy import select

from limner.audit.events import DECISION, IMAGE_OUTCOME, INPUT, REVIEWED
from limner.audit.exporting import Opens, Selection, export
from limner.audit.reading import EventRecord, Payload, RequestRecord, request
from limner.database.connection import Database
from limner.database.tables import fingerprints, images
from limner.deny import listed
from limner.errors import LimnerError, UsageError
from limner.images.fingerprint import distance
from limner.images.likeness import ALIKE, unsigned
from limner.images.store import ImageStore
from limner.keys import Keys

EPOCH = (1980, 1, 1, 0, 0, 0)  # of every file in the zip: the same record gives the same pack


@dataclass(frozen=True, slots=True)
class Picture:
    """An image that is kept of a request. `kept_back` says why nobody is given it, and is empty where it is released."""

    id: str
    index: int
    format: str
    kept_back: str = ""

    @property
    def name(self) -> str:
        """The name of its file in a pack."""
        return f"images/{self.index}-{self.id}.{self.format}"


def pictures(database: Database, request_id: str) -> tuple[Picture, ...]:
    """The images that are kept of a request and not erased."""
    denied = [int(denial.value, 16) for denial in listed(database) if denial.kind == "image"]
    columns = (images.c.id, images.c.image, images.c.format, images.c.state, fingerprints.c.fingerprint)
    query = select(*columns).outerjoin(fingerprints, fingerprints.c.image_id == images.c.id).order_by(images.c.image)
    with database.reading() as connection:
        rows = connection.execute(query.where(images.c.request_id == request_id, images.c.wrapped_key.is_not(None))).all()
    return tuple(Picture(id, index, format, _kept_back(state, seen, denied)) for id, index, format, state, seen in rows)


def write_evidence(
    database: Database,
    keys: Keys,
    store: ImageStore,
    request_id: str,
    path: Path,
    *,
    opens: Opens,
    packed: Sequence[Picture] = (),
) -> list[str]:
    """Write the pack of a request; returns the names of the files in it.

    `opens` says which payloads are opened, by name; `packed`, of `pictures`, which images go in: of those that were released
    when they were chosen, one that is not any more stays out. Raises UsageError if there is no such request, or a file in the
    way.
    """
    if path.exists():
        raise UsageError("there is something already", where=str(path), fix="name a file that is not there")
    record = _shown(request(database, keys, request_id), opens)
    with tempfile.TemporaryDirectory(dir=path.parent) as folder:
        pack = Path(folder) / "pack"
        export(database, keys, pack, selection=Selection(request=request_id), opens=opens)
        (pack / "record.json").write_text(json.dumps(record.to_json(), indent=2, ensure_ascii=False), encoding="utf-8")
        shown = _copy_images(database, store, packed, pack)
        (pack / "index.html").write_text(_page(record, shown, pictures(database, request_id)), encoding="utf-8")
        draft = Path(folder) / "pack.zip"
        names = _zip(pack, draft)
        draft.rename(path)
    return names


def _shown(record: RequestRecord, opens: Opens) -> RequestRecord:
    """The record with only the chosen payloads open; the caller's name goes with the prompt."""
    events = tuple(replace(event, payloads=_closed(event, opens)) for event in record.events)
    return replace(record, events=events, caller=record.caller if opens("prompt") else None)


def _closed(event: EventRecord, opens: Opens) -> dict[str, Payload]:
    return {
        name: payload if opens(name) or payload.state != "open" else Payload("withheld")
        for name, payload in event.payloads.items()
    }


def _kept_back(state: str, seen: int | None, denied: Sequence[int]) -> str:
    if state != "released":
        return state
    alike = denied and (seen is None or any(distance(unsigned(seen), one) <= ALIKE for one in denied))
    return "denied" if alike else ""


def _copy_images(database: Database, store: ImageStore, packed: Sequence[Picture], pack: Path) -> list[Picture]:
    (pack / "images").mkdir()
    copied = []
    for picture in packed:
        try:
            data = store.read(database, picture.id, as_reviewer=bool(picture.kept_back))
        except LimnerError:
            continue  # erased, or called back, meanwhile: the page tells
        (pack / picture.name).write_bytes(data)
        copied.append(picture)
    return copied


def _zip(pack: Path, target: Path) -> list[str]:
    files = sorted(path for path in pack.rglob("*") if path.is_file())
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in files:
            entry = zipfile.ZipInfo(path.relative_to(pack).as_posix(), EPOCH)
            archive.writestr(entry, path.read_bytes(), zipfile.ZIP_DEFLATED)
    return [path.relative_to(pack).as_posix() for path in files]


def _page(record: RequestRecord, shown: Sequence[Picture], kept: Sequence[Picture]) -> str:
    figures = "".join(_figure(picture) for picture in shown)
    made = {e.body["image"]: e.body["index"] for e in record.events if e.kind == IMAGE_OUTCOME and e.body["image"]}
    standing = {picture.id: picture.kept_back or "left out when the pack was made" for picture in kept}
    packed = {picture.id for picture in shown}
    missing = [(index, standing.get(id, "erased")) for id, index in made.items() if id not in packed]
    notes = "".join(f"<p>Image {index} is not in the pack: {_text(why)}.</p>" for index, why in missing)
    sections = "".join(_section(event) for event in record.events)
    caller, body = record.caller or "not told", _gist(record) + figures + notes + sections
    return PAGE.format(id=_text(record.id), caller=_text(caller), subject=record.subject, body=body)


def _gist(record: RequestRecord) -> str:
    """What was asked, under which rules, and what became of each image, in a few lines; the events below say it in full."""
    asked = record.events[0]
    prompt = asked.payloads.get("prompt", Payload("erased"))
    pipeline, policy = asked.body["pipeline"], asked.body["policy"]
    told = {
        "asked for": prompt.value if prompt.state == "open" else f"[{prompt.state}]",
        "at": asked.time,
        "pipeline": f"{pipeline['name']}: texts/pipeline.{pipeline['hash']}.json",
        "policy": f"{policy['name']}: texts/policy.{policy['revision']}.json",
    }
    for event in record.events:
        if event.kind == IMAGE_OUTCOME:
            told[f"image {event.body['index']}"] = event.body["outcome"]
        elif event.kind == DECISION and event.body["action"] != "allow":
            what = f"{event.body['action']} at the {event.body['gate']} by {', '.join(event.body['rules'])}"
            told[f"event {event.index}"] = f"{what} ({event.body['mode']})"
        elif event.kind == REVIEWED:
            told[f"event {event.index}"] = f"a reviewer: {event.body['action']}, {event.body['reason']}"
    return f"<table>{''.join(_row(name, value) for name, value in told.items())}</table>"


def _figure(picture: Picture) -> str:
    name = _text(picture.name)
    why = f", {_text(picture.kept_back)}: not to be given out" if picture.kept_back else ""
    return f'<figure><img src="{name}"><figcaption>{name}{why}</figcaption></figure>'


def _section(event: EventRecord) -> str:
    rows = [_row(name, value) for name, value in event.body.items() if value not in ("", None, [], {})]
    for name, payload in event.payloads.items():
        shown = payload.shown if payload.state == "open" else f"[{payload.state}]"
        rows.append(_row(name.removeprefix(INPUT) if name.startswith(INPUT) else name, shown))
    return f"<h2>{event.index}. {_text(event.kind)}</h2><p>{_text(event.time)}</p><table>{''.join(rows)}</table>"


def _row(name: str, value: Any) -> str:  # JSON
    if isinstance(value, list) and value and all(isinstance(one, dict) for one in value):
        return f"<tr><th>{_text(name)}</th><td>{_table(value)}</td></tr>"
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, indent=1)
    return f"<tr><th>{_text(name)}</th><td><pre>{_text(text)}</pre></td></tr>"


def _table(rows: Sequence[dict[str, Any]]) -> str:  # JSON
    """Things of one kind, a row for each."""
    names = list(dict.fromkeys(name for row in rows for name in row))
    head = "".join(f"<th>{_text(name)}</th>" for name in names)
    body = "".join(f"<tr>{''.join(f'<td>{_cell(row.get(name))}</td>' for name in names)}</tr>" for row in rows)
    return f'<table class="list"><tr>{head}</tr>{body}</table>'


def _cell(value: Any) -> str:  # JSON
    if isinstance(value, dict):
        return "<br>".join(_text(f"{name} {inner}") for name, inner in value.items())
    return _text(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))


def _text(text: str) -> str:
    """Text fit for the page: a prompt must not become markup, nor break the encoding."""
    return html.escape(text.encode("utf-8", "backslashreplace").decode("utf-8"))


PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Request {id}</title><style>
body {{ font: 16px/1.5 sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem }}
table {{ border-collapse: collapse }} th {{ text-align: left; vertical-align: top; padding-right: 1rem }}
.list {{ font-size: 0.8rem }} .list td, .list th {{ border: 1px solid #ccc; padding: 0.1rem 0.4rem; vertical-align: top }}
pre {{ margin: 0; white-space: pre-wrap }} figure {{ display: inline-block; margin: 0 1rem 1rem 0 }} img {{ max-width: 16rem }}
</style></head><body>
<h1>Request {id}</h1>
<p>By {caller} (pseudonym <code>{subject}</code>).
The events below are those of the record; README.txt tells how to verify them.</p>
{body}
</body></html>
"""
