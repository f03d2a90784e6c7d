"""The request that a record tells of, made again from it: to run what a reviewer has let through, or to check what was made.

Seeds, parameters and words are those of the record; only the id is new, for each run is a request of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any
from uuid import uuid4

from limner.audit.events import REQUEST_ACCEPTED
from limner.audit.reading import EventRecord, RequestRecord
from limner.errors import AuditError
from limner.generation import Caller, Image, Input, Request

ReadInput = Callable[[str, str], Image]  # (role, hex SHA-256) -> the input image; raises AuditError if it is gone


def rebuild(record: RequestRecord, *, index: int | None = None, read_input: ReadInput | None = None) -> Request:
    """The recorded request under a new id; with `index`, for that image alone.

    `read_input` fetches the images that were given with the request. Raises AuditError, saying what is gone, if any part of it
    was erased, altered or not kept.
    """
    accepted = _accepted(record)
    body = accepted.body
    if index is not None and not 0 <= index < body["n"]:
        raise AuditError(f"request {record.id} has no image {index}", fix=f"it has {body['n']}, counted from 0")
    if record.caller is None:
        raise AuditError("whoever asked has been erased, and the request with them", where=f"request {record.id}")
    return Request(
        id=uuid4().hex,
        task=body["task"],
        pipeline=body["pipeline"]["name"],
        prompt=_text(record, accepted, "prompt"),
        caller=Caller(record.caller, body["cohort"]),
        n=body["n"] if index is None else 1,
        seed=body["seeds"][index or 0],
        negative_prompt=_text(record, accepted, "negative_prompt") if "negative_prompt" in accepted.payloads else "",
        parameters={name: value for name, value in body["parameters"].items() if value is not None},
        inputs=tuple(_input(record, given, read_input) for given in body["inputs"]),
        output_format=body["output_format"],
    )


def _accepted(record: RequestRecord) -> EventRecord:
    for event in record.events:
        if event.kind == REQUEST_ACCEPTED:
            return event
    raise AuditError("its acceptance is not on the record", where=f"request {record.id}", fix="limner audit verify")


def _text(record: RequestRecord, accepted: EventRecord, name: str) -> str:
    payload = accepted.payloads[name]
    if payload.state != "open":
        raise AuditError(f"its {name.replace('_', ' ')} is {payload.state}", where=f"request {record.id}")
    return str(payload.value)


def _input(record: RequestRecord, given: Mapping[str, Any], read_input: ReadInput | None) -> Input:  # JSON, as recorded
    if read_input is None:
        raise AuditError(f"the {given['role']} given with it is not kept", where=f"request {record.id}")
    return Input(given["role"], read_input(given["role"], given["sha256"]), given["sha256"])
