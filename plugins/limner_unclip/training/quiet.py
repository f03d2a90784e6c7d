"""The libraries' own bars and reports, hushed: a run has its own."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def libraries_hushed() -> Iterator[None]:
    """While entered, transformers draws no bars and logs only errors."""
    from transformers.utils import logging as bars

    untyped: Any = bars  # transformers leaves it untyped
    logger = logging.getLogger("transformers")
    shown, level = untyped.is_progress_bar_enabled(), logger.level
    untyped.disable_progress_bar()
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(level)
        if shown:
            untyped.enable_progress_bar()
