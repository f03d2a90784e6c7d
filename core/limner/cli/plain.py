"""Texts of strangers, fit for a terminal."""

from __future__ import annotations

import json


def plain(value: object) -> str:
    """A text, or a JSON value, in one line. What is no printable character is escaped: it must not write to the terminal."""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)
