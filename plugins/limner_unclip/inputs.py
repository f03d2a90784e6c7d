"""The images that a request brought with it."""

from __future__ import annotations

from limner import Generation, Image, UsageError


def brought(generation: Generation, role: str) -> Image:
    """The input image in this role. Raises UsageError where the request has none."""
    image = generation.input(role)
    if image is None:
        raise UsageError(f"the request has no input in the role {role!r}", fix="give one, or take this step out")
    return image
