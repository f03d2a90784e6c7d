"""Holds: what waits for a reviewer, the input or the image of one generation."""

from __future__ import annotations

from uuid import uuid4

from sqlalchemy import insert

from limner.audit.log import Change
from limner.database.tables import holds
from limner.generation import Gate


def hold(request_id: str, index: int, gate: Gate) -> Change:
    """The change that puts image `index` on hold at `gate`; commit it with the image's outcome `held`."""
    return insert(holds).values(id=uuid4().hex, request_id=request_id, image=index, gate=gate, state="waiting")
