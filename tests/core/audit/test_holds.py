from __future__ import annotations

from collections.abc import Callable

from sqlalchemy import select

from limner.audit.events import Held, image_outcome
from limner.audit.holds import hold
from limner.audit.writer import AuditWriter
from limner.database.connection import Database
from limner.database.tables import holds
from limner.generation import Request


def test_a_hold_waits_from_the_moment_the_outcome_is_recorded(
    database: Database, writer: AuditWriter, accept: Callable[..., Request]
) -> None:
    accept("r1", n=2)
    held = Held("image", "violence", ("a", "b"), True)
    event = image_outcome("r1", 1, "held", reason="policy", held=held)
    writer.append([event], [hold("r1", 1, held)]).result(30)
    told = {"hold": held.id, "gate": "image", "category": "violence", "rules": ["a", "b"], "four_eyes": True}
    assert event.body["held"] == told
    with database.reading() as connection:
        [row] = connection.execute(select(holds)).mappings()
    assert (row["request_id"], row["image"], row["gate"], row["state"]) == ("r1", 1, "image", "waiting")
    assert (row["category"], row["rules"], row["four_eyes"]) == ("violence", '["a", "b"]', True)
