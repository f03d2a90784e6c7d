"""The page of an evidence pack: the record of a request for people to read, with the images that are in the pack."""

from __future__ import annotations

import html
import json
from collections.abc import Mapping, Sequence
from typing import Any

from limner.audit.events import DECISION, IMAGE_OUTCOME, INPUT, REVIEWED
from limner.audit.reading import EventRecord, Payload, RequestRecord
from limner.evidence.pictures import Picture
from limner.readings import mark_text


def page(record: RequestRecord, packed: Sequence[Picture], left_out: Mapping[str, str]) -> str:
    """The page as HTML. `packed` are the images in the pack; `left_out` says by id why one that is kept is not in it."""
    figures = "".join(_figure(picture) for picture in packed)
    made = {e.body["image"]: e.body["index"] for e in record.events if e.kind == IMAGE_OUTCOME and e.body["image"]}
    shown = {picture.id for picture in packed}
    missing = [(index, left_out.get(id, "erased")) for id, index in made.items() if id not in shown]
    notes = "".join(f"<p>Image {index} is not in the pack: {_text(why)}.</p>" for index, why in missing)
    sections = "".join(_section(event) for event in record.events)
    caller, body = record.caller or "not told", _gist(record) + figures + notes + sections
    return PAGE.format(id=_text(record.id), caller=_text(caller), subject=record.subject, body=body)


def _gist(record: RequestRecord) -> str:
    """What was asked, under which rules, and where each image stands, in a few lines; the events below say it in full."""
    asked = record.events[0]
    prompt = asked.payloads.get("prompt", Payload("erased"))
    pipeline, policy = asked.body["pipeline"], asked.body["policy"]
    told = {
        "asked for": prompt.value if prompt.state == "open" else f"[{prompt.state}]",
        "at": asked.time,
        "pipeline": f"{pipeline['name']}: texts/pipeline.{pipeline['hash']}.json",
        "policy": f"{policy['name']}: texts/policy.{policy['revision']}.json",
    }
    told |= {f"image {image.index}": image.told for image in record.images}
    for event in record.events:
        if event.kind == DECISION and event.body["action"] != "allow":
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
    rows = [_row(name, _readable(name, value)) for name, value in event.body.items() if value not in ("", None, [], {})]
    for name, payload in event.payloads.items():
        shown = payload.shown if payload.state == "open" else f"[{payload.state}]"
        rows.append(_row(name.removeprefix(INPUT) if name.startswith(INPUT) else name, shown))
    return f"<h2>{event.index}. {_text(event.kind)}</h2><p>{_text(event.time)}</p><table>{''.join(rows)}</table>"


def _readable(name: str, value: Any) -> Any:  # JSON
    """A value as people read it: a mark id as `limner inspect` finds it."""
    return mark_text(value) if name == "mark_id" and isinstance(value, int) else value


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
