"""Time as the database and the record write it."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from limner.errors import UsageError

FORM = "%Y-%m-%dT%H:%M:%S.%fZ"
UNITS = {"m": "minutes", "h": "hours", "d": "days"}
LONGEST = 36_500  # days: beyond it `never` is meant


def timestamp() -> str:
    """The time now: UTC to the microsecond, as `2026-11-22T16:41:43.123456Z`, which sorts as text."""
    return datetime.now(UTC).strftime(FORM)


def after(days: float) -> str:
    """The time in so many days; before now where they are negative."""
    return (datetime.now(UTC) + timedelta(days=days)).strftime(FORM)


def moment(written: str, *, ago: bool = False) -> str:
    """A time as people write it: `90m`, `12h` or `30d` from now (before it with `ago`), or a date or time in UTC.

    Raises UsageError for anything else.
    """
    if span := re.fullmatch(r"(\d{1,6})([mhd])", written):
        length = timedelta(**{UNITS[span[2]]: int(span[1])})
        if length <= timedelta(days=LONGEST):
            return (datetime.now(UTC) + (-length if ago else length)).strftime(FORM)
    try:
        found = datetime.fromisoformat(written)
    except ValueError:
        raise UsageError(f"{written!r} is no time", fix="write 90m, 12h, 30d, or a date such as 2027-01-31") from None
    return (found if found.tzinfo else found.replace(tzinfo=UTC)).astimezone(UTC).strftime(FORM)
