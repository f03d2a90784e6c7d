"""The evidence pack of one request: one zip with all that is recorded of it, proven, and a page for people to read.

It is an export of the request's events, with the verifier, and beside it the record in plain JSON, the images that are kept,
and `index.html`. What of the payloads is opened is chosen; the others stay as commitments.
"""

from __future__ import annotations

import html
import json
import tempfile
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any

from sqlalchemy import select

from limner.audit.events import IMAGE_OUTCOME, INPUT
from limner.audit.exporting import Opens, Selection, export
from limner.audit.reading import EventRecord, Payload, RequestRecord, request
from limner.database.connection import Database
from limner.database.tables import images
from limner.errors import LimnerError, UsageError
from limner.images.store import ImageStore
from limner.keys import Keys

EPOCH = (1980, 1, 1, 0, 0, 0)  # of every file in the zip: the same record gives the same pack


def write_evidence(
    database: Database, keys: Keys, store: ImageStore, request_id: str, path: Path, *, opens: Opens, with_images: bool = True
) -> list[str]:
    """Write the pack of a request; returns the names of the files in it.

    `opens` says which payloads are opened, by name. Raises UsageError if there is no such request, or a file in the way.
    """
    if path.exists():
        raise UsageError("there is something already", where=str(path), fix="name a file that is not there")
    record = _shown(request(database, keys, request_id), opens)
    with tempfile.TemporaryDirectory(dir=path.parent) as folder:
        pack = Path(folder) / "pack"
        export(database, keys, pack, selection=Selection(request=request_id), opens=opens)
        (pack / "record.json").write_text(json.dumps(record.to_json(), indent=2, ensure_ascii=False), encoding="utf-8")
        kept = _copy_images(database, store, request_id, pack) if with_images else []
        (pack / "index.html").write_text(_page(record, kept), encoding="utf-8")
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


def _copy_images(database: Database, store: ImageStore, request_id: str, pack: Path) -> list[str]:
    (pack / "images").mkdir()
    query = select(images.c.id, images.c.image, images.c.format).where(images.c.request_id == request_id)
    with database.reading() as connection:
        rows = connection.execute(query.order_by(images.c.image)).all()
    names = []
    for id, index, format in rows:
        try:
            data = store.read(database, id, as_reviewer=True)
        except LimnerError:
            continue  # erased: the page tells
        names.append(f"images/{index}-{id}.{format}")
        (pack / names[-1]).write_bytes(data)
    return names


def _zip(pack: Path, target: Path) -> list[str]:
    files = sorted(path for path in pack.rglob("*") if path.is_file())
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in files:
            entry = zipfile.ZipInfo(path.relative_to(pack).as_posix(), EPOCH)
            archive.writestr(entry, path.read_bytes(), zipfile.ZIP_DEFLATED)
    return [path.relative_to(pack).as_posix() for path in files]


def _page(record: RequestRecord, kept: list[str]) -> str:
    pictures = "".join(f'<figure><img src="{_text(name)}"><figcaption>{_text(name)}</figcaption></figure>' for name in kept)
    lost = [event.body["image"] for event in record.events if event.kind == IMAGE_OUTCOME and event.body["image"]]
    note = "" if len(kept) >= len(set(lost)) else "<p>Some images of this request are not in the pack: they were erased.</p>"
    sections = "".join(_section(event) for event in record.events)
    caller = record.caller or "not told"
    return PAGE.format(id=_text(record.id), caller=_text(caller), subject=record.subject, body=pictures + note + sections)


def _section(event: EventRecord) -> str:
    rows = [_row(name, value) for name, value in event.body.items() if value not in ("", None, [], {})]
    for name, payload in event.payloads.items():
        shown = payload.shown if payload.state == "open" else f"[{payload.state}]"
        rows.append(_row(name.removeprefix(INPUT) if name.startswith(INPUT) else name, shown))
    return f"<h2>{event.index}. {_text(event.kind)}</h2><p>{_text(event.time)}</p><table>{''.join(rows)}</table>"


def _row(name: str, value: Any) -> str:  # JSON
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, indent=1)
    return f"<tr><th>{_text(name)}</th><td><pre>{_text(text)}</pre></td></tr>"


def _text(text: str) -> str:
    """Text fit for the page: a prompt must not become markup, nor break the encoding."""
    return html.escape(text.encode("utf-8", "backslashreplace").decode("utf-8"))


PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Request {id}</title><style>
body {{ font: 16px/1.5 sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem }}
table {{ border-collapse: collapse }} th {{ text-align: left; vertical-align: top; padding-right: 1rem }}
pre {{ margin: 0; white-space: pre-wrap }} figure {{ display: inline-block; margin: 0 1rem 1rem 0 }} img {{ max-width: 16rem }}
</style></head><body>
<h1>Request {id}</h1>
<p>By {caller} (pseudonym <code>{subject}</code>).
The events below are those of the record; README.txt tells how to verify them.</p>
{body}
</body></html>
"""
