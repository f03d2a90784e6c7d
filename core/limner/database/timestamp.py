"""Time as the database and the record write it."""

from __future__ import annotations

from datetime import UTC, datetime


def timestamp() -> str:
    """The time now: UTC to the microsecond, as `2026-11-22T16:41:43.123456Z`, which sorts as text."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
