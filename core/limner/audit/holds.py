"""Holds: what waits for a reviewer, the input or the image of one generation."""

from __future__ import annotations

import json

from sqlalchemy import insert

from limner.audit.events import Held
from limner.audit.log import Change
from limner.database.tables import holds
from limner.database.timestamp import timestamp


def hold(request_id: str, index: int, held: Held) -> Change:
    """The change that puts image `index` on hold; commit it with the image's outcome `held`, which says the same."""
    return insert(holds).values(
        id=held.id,
        request_id=request_id,
        image=index,
        gate=held.gate,
        state="waiting",
        time=timestamp(),
        category=held.category,
        rules=json.dumps(held.rules),
        four_eyes=held.four_eyes,
    )
