"""Marks on images. `watermark.visible` is the sign that people see: a row of coloured squares, or the operator's logo."""

from __future__ import annotations

import limner


@limner.hookimpl
def register_steps() -> list[type[limner.Step]]:
    """The steps of this plugin."""
    from limner_watermark.visible import Visible

    return [Visible]
