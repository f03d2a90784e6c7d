"""Numbers of things, as people say them."""

from __future__ import annotations


def counted(number: int, one: str, several: str = "") -> str:
    """`1 image`, `2 images`; `several` is the plural where it is not `one` and an s."""
    return f"{number} {one if number == 1 else several or f'{one}s'}"
