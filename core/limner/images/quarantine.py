"""Quarantine: images that are kept though they may not leave, for reviewers alone, until their time is over."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, insert

from limner.database.tables import quarantine


@dataclass(frozen=True, slots=True)
class AddQuarantine:
    """The change that gives a kept image its time in quarantine; it commits after the image's own row."""

    image_id: str
    category: str
    until: str

    def __call__(self, connection: Connection) -> None:
        """Add the row. The connection must hold the write lock."""
        row = {"image_id": self.image_id, "category": self.category, "until": self.until}
        connection.execute(insert(quarantine).values(**row))
