"""Holds: what waits for a reviewer, the input or the image of one generation."""

from __future__ import annotations

import json
from dataclasses import dataclass
from uuid import uuid4

from sqlalchemy import insert

from limner.audit.log import Change
from limner.database.tables import holds
from limner.database.timestamp import timestamp
from limner.generation import Gate


@dataclass(frozen=True, slots=True)
class Held:
    """Why something is held: at which gate, in which category, by which rules, and whether two people must release it."""

    gate: Gate
    category: str = ""
    rules: tuple[str, ...] = ()
    four_eyes: bool = False


def hold(request_id: str, index: int, held: Held) -> Change:
    """The change that puts image `index` on hold; commit it with the image's outcome `held`."""
    return insert(holds).values(
        id=uuid4().hex,
        request_id=request_id,
        image=index,
        gate=held.gate,
        state="waiting",
        time=timestamp(),
        category=held.category,
        rules=json.dumps(held.rules),
        four_eyes=held.four_eyes,
    )
