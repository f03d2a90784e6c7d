"""Making sense of events as they are stored, of which somebody may have made nonsense."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from limner.errors import AuditError


@contextmanager
def as_recorded(index: int) -> Iterator[None]:
    """Reading one event, or what is in it. Raises AuditError where that is nothing that was ever recorded."""
    try:
        yield
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        fix = "limner audit verify tells what was changed"
        raise AuditError(f"event {index} is not as it was recorded, and cannot be read", fix=fix) from error
