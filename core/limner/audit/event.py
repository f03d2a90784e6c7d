"""One event of the record, before it is written: a body that stays for ever, and payloads that can be erased."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from random import getrandbits
from time import time_ns
from typing import Any

from limner.canonical import canonical, quoted

LARGEST_INTEGER = 2**53 - 1  # in size, that a JSON number carries exactly

VERSION, VARIANT = 7 << 76, 2 << 62  # the bits of a UUID that say how the others are to be read


def new_id() -> str:
    """A UUID of version 7 (RFC 9562) in hex: it begins with the time, so that events of one time are neighbours in an index.

    The time is told to 1/4096 ms (method 3 of section 6.2), and the rest only has to differ, so it is not asked of the system,
    which would let go of the interpreter's lock for each event.
    """
    milliseconds, rest = divmod(time_ns(), 1_000_000)
    fraction = rest * 4096 // 1_000_000
    return f"{milliseconds << 80 | VERSION | fraction << 64 | VARIANT | getrandbits(62):032x}"


@dataclass(frozen=True, slots=True)
class Event:
    """What happened.

    `body` is JSON and is kept in the clear: no prompt, no personal data. `payloads` are kept apart, encrypted for `subject`
    (the person they are about, by name) and only committed to in the body, under `commitments`. An event keeps its `id` when
    it is appended again, and is then recorded once.
    """

    kind: str
    request_id: str
    body: Mapping[str, Any]  # JSON
    payloads: Mapping[str, bytes] = field(default_factory=dict)
    subject: str = ""
    version: int = 1
    id: str = field(default_factory=new_id)

    def __post_init__(self) -> None:
        if self.payloads and not self.subject:
            raise ValueError(f"a {self.kind} event with payloads names the subject they are about")
        if "commitments" in self.body:
            raise ValueError("'commitments' in the body of an event is filled in from its payloads")


def canonical_body(event: Event) -> str | None:
    """The canonical text of an event's body, for `canonical_event`, so that it need not be written under the log's lock.

    None where that has to be: where payloads are still to be committed to, or the body cannot be written at all.
    """
    try:
        return None if event.payloads else canonical(dict(event.body)).decode()
    except ValueError:
        return None


def canonical_event(
    event: Event, *, time: str, pseudonym: str, commitments: Mapping[str, str], body: str | None = None
) -> bytes:
    """The event's bytes as they are recorded, hashed and never touched again.

    `body` is what `canonical_body` gave. Raises ValueError for what JSON cannot carry exactly.
    """
    if body is None:
        body = canonical({**event.body, "commitments": dict(commitments)} if commitments else dict(event.body)).decode()
    id, kind, request = quoted(event.id), quoted(event.kind), quoted(event.request_id)
    subject = f'"subject":{quoted(pseudonym)},' if pseudonym else ""
    envelope = f'"id":{id},"kind":{kind},"request":{request},{subject}"time":{quoted(time)},"version":{event.version}'
    return f'{{"body":{body},{envelope}}}'.encode()


def plain(value: Any) -> Any:  # anything JSON-like in, JSON that `canonical` takes out
    """The value as JSON that can be recorded exactly: what a JSON number cannot carry becomes text.

    NaN and infinities become "NaN", "Infinity" and "-Infinity"; integers past 2**53 their digits; lone surrogates escapes.
    """
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode("utf-8")
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int):
        return int(value) if abs(value) <= LARGEST_INTEGER else str(value)
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else _unbounded(value)
    if isinstance(value, Mapping):
        return {plain(str(key)): plain(inner) for key, inner in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, bytes | bytearray):
        return [plain(inner) for inner in value]
    raise TypeError(f"{type(value).__name__} is not recorded")


def _unbounded(value: float) -> str:
    if math.isnan(value):
        return "NaN"
    return "Infinity" if value > 0 else "-Infinity"


def text_payload(text: str) -> bytes:
    """A text's bytes as a payload. Whatever the command line let through survives, lone surrogates too."""
    return text.encode("utf-8", "surrogatepass")


def json_payload(value: Any) -> bytes:  # as `plain` takes
    """The canonical bytes of a JSON value as a payload."""
    return canonical(plain(value))
