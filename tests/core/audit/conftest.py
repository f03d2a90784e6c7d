"""Requests to record."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from sqlalchemy import select

from limner.audit.event import Event
from limner.audit.events import Pinned, request_accepted
from limner.audit.texts import Text
from limner.audit.writer import AuditWriter
from limner.canonical import sha256_hex
from limner.database.connection import Database
from limner.database.tables import events
from limner.generation import Caller, Request

TEXTS = {kind: f'{{"text":"{kind}"}}'.encode() for kind in ("pipeline", "policy", "plugins")}
STORED = [Text.of(kind, text).store for kind, text in TEXTS.items()]
PINNED = Pinned(
    pipeline=sha256_hex(TEXTS["pipeline"]),
    policy="standard",
    policy_revision=sha256_hex(TEXTS["policy"]),
    parameters={"guidance_scale": 4.0},
    plugins=sha256_hex(TEXTS["plugins"]),
    versions={"limner": "0.1.0"},
    lease="lease1",
)


@pytest.fixture
def new_request() -> Callable[..., Request]:
    """Makes a request of `local:ada`."""

    def make(id: str = "r1", *, prompt: str = "a red circle", n: int = 1, **more: object) -> Request:
        return Request(id, "generate", "text-to-image", prompt, Caller("local:ada", "local"), n=n, **more)  # type: ignore[arg-type]

    return make


@pytest.fixture
def accept(writer: AuditWriter, new_request: Callable[..., Request]) -> Callable[..., Request]:
    """Makes a request and records that it was accepted."""

    def record(id: str = "r1", **more: object) -> Request:
        request = new_request(id, **more)
        writer.append([request_accepted(request, PINNED)], STORED).result(30)
        return request

    return record


@pytest.fixture
def recorded(database: Database) -> Callable[[], list[tuple[int, str]]]:
    """Gives index and kind of each event on the record."""

    def read() -> list[tuple[int, str]]:
        with database.reading() as connection:
            query = select(events.c.index, events.c.kind).order_by(events.c.index)
            return [(index, kind) for index, kind in connection.execute(query)]

    return read


@pytest.fixture
def note() -> Callable[..., Event]:
    """Makes an event of no request."""

    def make(kind: str = "note", **body: object) -> Event:
        return Event(kind, "", body)

    return make
