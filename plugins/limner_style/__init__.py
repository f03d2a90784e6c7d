"""Style presets: words added to a prompt by name, so that creators pick a look and the record shows both prompts."""

from __future__ import annotations

from collections.abc import Sequence

import limner


@limner.hookimpl
def register_steps() -> Sequence[type[limner.Step]]:
    """The one step of this plugin."""
    from limner_style.preset import Preset

    return [Preset]
