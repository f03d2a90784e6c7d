"""The step `style.preset`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

from pydantic import Field, model_validator

import limner

PRESETS: Mapping[str, str] = {
    "none": "{prompt}",
    "sky": "{prompt} on a light blue background",
    "paper": "{prompt} on a beige background",
    "slate": "{prompt} on a grey background",
    "pencil": "{prompt}, as a pencil drawing",
    "watercolour": "{prompt}, as a watercolour",
}


class PresetOptions(limner.Options):
    """`preset` names one of the built-in presets or of `presets`, the operator's own: templates that hold `{prompt}`."""

    preset: str = "none"
    presets: Mapping[str, str] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _known(self) -> PresetOptions:
        for name, template in self.presets.items():
            if "{prompt}" not in template:
                raise ValueError(f"preset {name!r} must hold {{prompt}}, or the creator's words would be lost")
        if self.preset not in self.templates:
            raise ValueError(f"no preset {self.preset!r}; the presets are {', '.join(map(repr, self.templates))}")
        return self

    @property
    def templates(self) -> Mapping[str, str]:
        """All presets by name; the operator's own win."""
        return {**PRESETS, **self.presets}


class Preset(limner.Step):
    """Puts the prompt into the preset's template. A filter must stand behind it: what it adds is measured as well."""

    type: ClassVar[str] = "style.preset"
    Options = PresetOptions

    @limner.hookimpl
    def rewrite_prompt(self, generations: Sequence[limner.Generation]) -> list[str]:
        """The prompt inside its template."""
        return [self._dress(generation) for generation in generations]

    def _dress(self, generation: limner.Generation) -> str:
        options: PresetOptions = self.options_for(generation)
        return options.templates[options.preset].replace("{prompt}", generation.prompt)
