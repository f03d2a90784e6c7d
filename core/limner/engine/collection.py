"""Importing without the search for cyclic garbage.

What a library's import makes stays, by the hundred thousand objects; Python, seeing so many come, looks through all of them
again and again for what it might free. With torch, transformers and diffusers that is a seventh of the time to import them.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def uncollected() -> Iterator[None]:
    """Nothing is collected while the block runs. Where it was off before, by another block or its owner's wish, it stays so."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()
