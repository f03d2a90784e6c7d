"""The step `clip.upload_concepts`: input images are looked at, each alone and all together with the prompt.

A neutral prompt and a neutral picture can ask together for what neither asks for alone: a portrait, and "on fire". So a file of
concepts may name `joint` ones, `burning-person: [person, fire]`, measured at this gate alone: as much as each of the parts is
either shown by an input image or told by the prompt, whichever tells which.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import limner
from limner_clip.gate import ConceptGate, ConceptOptions
from limner_clip.views import ImageEncoder, squares

if TYPE_CHECKING:
    import PIL.Image
    import torch

NO_UPLOAD = limner.ItemError("there is no input image to look at", fix="give the request an image, or leave this step out")
LOOKED_AT = ("image", "second")  # roles; a mask shows nothing


class UploadConcepts(ConceptGate):
    """Measures input images by each concept, and together with the prompt by joint ones; of several images the highest counts.

    A joint concept's score is the least, over its parts, of the higher of what images and prompt score for the part.
    """

    type = "clip.upload_concepts"
    max_batch = 4

    @classmethod
    def emits(cls, options: ConceptOptions, models: limner.ModelIndex) -> Mapping[str, limner.Range]:
        """One signal for each concept and each joint one."""
        return {**super().emits(options, models), **{f"clip.{name}": limner.Range(0.0, 1.0) for name in options.joint}}

    def load(self, models: limner.Models, device: torch.device, dtype: torch.dtype) -> None:
        """Encode the phrasings of all concepts, and load both encoders."""
        from limner_clip.zero_shot import TextEncoder

        super().load(models, device, dtype)
        self._images = ImageEncoder(models, self.options.model, device, dtype)
        self._texts = TextEncoder(models, self.options.model, device)

    @limner.hookimpl
    def filter_upload(self, generations: Sequence[limner.Generation]) -> list[list[limner.Signal] | limner.ItemError]:
        """The scores of the input images of each generation; an ItemError where there are none, or one is too long."""
        return [self._measure(generation) for generation in generations]

    def _measure(self, generation: limner.Generation) -> list[limner.Signal] | limner.ItemError:
        views: list[PIL.Image.Image] = []
        for image in (each.image for each in generation.inputs if each.role in LOOKED_AT):
            seen = squares(image)
            if isinstance(seen, limner.ItemError):
                return seen
            views += seen
        if not views:
            return NO_UPLOAD
        shown = self.signals(self.scores(self._images.embeddings(views)))
        return [*shown, *self._joint(shown, generation.prompt)] if self.options.joint else shown

    def _joint(self, shown: Sequence[limner.Signal], prompt: str) -> list[limner.Signal]:
        told = self.signals(self.scores(self._texts.windows(prompt)))
        either = {one.name: max(one.value, other.value) for one, other in zip(shown, told, strict=True)}
        joint: Mapping[str, Sequence[str]] = self.options.joint
        return [limner.Signal(f"clip.{name}", min(either[f"clip.{part}"] for part in parts)) for name, parts in joint.items()]
