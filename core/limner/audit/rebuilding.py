"""The request that a record tells of, made again from it: to run what a reviewer has let through, or to check what was made.

Seeds, parameters and words are those of the record; only the id is new, for each run is a request of its own.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import uuid4

from limner.audit.events import INPUT, REQUEST_ACCEPTED
from limner.audit.reading import EventRecord, RequestRecord
from limner.errors import AuditError
from limner.generation import Caller, Input, Request, Role

ReadInput = Callable[[Role, bytes], Input]  # from the file as it was given: limner.images.inputs.read_input


def rebuild(record: RequestRecord, *, read_input: ReadInput, index: int | None = None) -> Request:
    """The recorded request under a new id; with `index`, for that image alone.

    `read_input` reads the files that were given with the request. Raises AuditError, saying what is gone, if any part of it was
    erased, altered or not kept.
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
        inputs=tuple(_input(record, accepted, given["role"], read_input) for given in body["inputs"]),
        output_format=body["output_format"],
    )


def given_files(record: RequestRecord) -> dict[Role, bytes]:
    """The input files as they were given, by role. Raises AuditError if one was erased, altered or not kept."""
    accepted = _accepted(record)
    return {given["role"]: _file(record, accepted, given["role"]) for given in accepted.body["inputs"]}


def _accepted(record: RequestRecord) -> EventRecord:
    for event in record.events:
        if event.kind == REQUEST_ACCEPTED:
            return event
    raise AuditError("its acceptance is not on the record", where=f"request {record.id}", fix="limner audit verify")


def _text(record: RequestRecord, accepted: EventRecord, name: str) -> str:
    return str(_opened(record, accepted, name, name.replace("_", " ")))


def _input(record: RequestRecord, accepted: EventRecord, role: Role, read_input: ReadInput) -> Input:
    return read_input(role, _file(record, accepted, role))


def _file(record: RequestRecord, accepted: EventRecord, role: Role) -> bytes:
    data: bytes = _opened(record, accepted, f"{INPUT}{role}", f"input {role}")
    return data


def _opened(record: RequestRecord, accepted: EventRecord, name: str, called: str) -> Any:  # text, or the bytes of a file
    payload = accepted.payloads.get(name)
    state = payload.state if payload else "not kept"
    if payload is None or state != "open":
        raise AuditError(f"its {called} is {state}", where=f"request {record.id}")
    return payload.value
