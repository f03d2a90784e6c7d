"""The captions of one picture, as a line of metadata.jsonl or a member of a tar writes them."""

from __future__ import annotations

from typing import Any


def captions_of(text: Any) -> tuple[str, ...]:  # whatever JSON has under the key
    """The captions in `text`: one string, or a list of some. Raises ValueError for anything else, and for an empty caption."""
    captions = (text,) if isinstance(text, str) else tuple(text) if isinstance(text, list) else ()
    if not captions or not all(isinstance(caption, str) and caption.strip() for caption in captions):
        raise ValueError("needs a caption, or a list of captions, that are not empty")
    return tuple(caption.strip() for caption in captions)
