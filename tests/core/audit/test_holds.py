from __future__ import annotations

from collections.abc import Callable

from sqlalchemy import select

from limner.audit.events import image_outcome
from limner.audit.holds import Held, hold
from limner.audit.writer import AuditWriter
from limner.database.connection import Database
from limner.database.tables import holds
from limner.generation import Request


def test_a_hold_waits_from_the_moment_the_outcome_is_recorded(
    database: Database, writer: AuditWriter, accept: Callable[..., Request]
) -> None:
    accept("r1", n=2)
    writer.append(
        [image_outcome("r1", 1, "held", reason="policy")], [hold("r1", 1, Held("image", "violence", ("a", "b"), True))]
    ).result(30)
    with database.reading() as connection:
        [row] = connection.execute(select(holds)).mappings()
    assert (row["request_id"], row["image"], row["gate"], row["state"]) == ("r1", 1, "image", "waiting")
    assert (row["category"], row["rules"], row["four_eyes"]) == ("violence", '["a", "b"]', True)
