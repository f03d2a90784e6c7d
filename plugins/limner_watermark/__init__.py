"""Marks on images: `watermark.visible` is the sign that people see, `watermark.invisible` the one that readers find."""

from __future__ import annotations

from collections.abc import Mapping

import limner


@limner.hookimpl
def register_steps() -> list[type[limner.Step]]:
    """The steps of this plugin."""
    from limner_watermark.invisible import Invisible
    from limner_watermark.visible import Visible

    return [Visible, Invisible]


@limner.hookimpl
def read_watermark(image: limner.Image, keys: Mapping[str, bytes]) -> list[limner.WatermarkReading]:
    """The invisible marks in an image from anywhere, made with any of the keys; turned and scaled copies come last."""
    from limner_watermark.pattern import pattern
    from limner_watermark.search import read_upright, search

    pillow = image.pillow()
    for look in (read_upright, search):
        for id, key in reversed(list(keys.items())):
            if found := look(pillow, pattern(key)):
                return [limner.WatermarkReading(mark.mark_id, id, mark.score) for mark in found]
    return []
