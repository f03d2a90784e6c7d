"""The step `imageclf.safety_checker`: the scores behind diffusers' StableDiffusionSafetyChecker, which shows nobody but itself.

The checker compares an image's CLIP embedding with 17 concept vectors and 3 of special care, whose names its makers do not tell
(arXiv 2210.04610), subtracts a threshold from each cosine, and blackens the image where any of the 17 is above 0. Here the
differences are signals, and a policy decides. It has no concept of violence.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import limner
from limner_imageclf.views import views

if TYPE_CHECKING:
    import PIL.Image
    import torch

VERSION = 1  # of how a score is computed; part of the digest
CONCEPTS, SPECIAL = 17, 3
ADJUSTMENT = 0.01  # added to every concept where one of special care is above its threshold
OVER = limner.Range(-3.0, 3.0)  # a cosine minus a threshold


class SafetyCheckerOptions(limner.Options):
    """`model` is a directory in the form of diffusers with the components safety_checker and feature_extractor."""

    model: limner.ModelRef


class SafetyChecker(limner.Step):
    """Measures by how much the image is over each threshold: `imageclf.safety.concept-0` to `-16`, `.special-0` to `-2`.

    `imageclf.safety.concepts` and `.special` are the highest of each; the checker itself would blacken the image where the
    former is above 0. Of several views of an image the highest counts.
    """

    type = "imageclf.safety_checker"
    Options = SafetyCheckerOptions
    runs_on = "accelerator"
    max_batch = 16

    @classmethod
    def emits(cls, options: SafetyCheckerOptions, models: limner.ModelIndex) -> Mapping[str, limner.Range]:
        """The highest scores, and all of them."""
        return {f"imageclf.safety.{name}": OVER for name in _names()}

    @classmethod
    def digest(cls, options: SafetyCheckerOptions, models: limner.ModelIndex) -> str:
        """The hash of the model's files."""
        return hashlib.sha256(json.dumps([VERSION, models.digest(options.model)]).encode()).hexdigest()

    def load(self, models: limner.Models, device: torch.device, dtype: torch.dtype) -> None:
        """Load the checker and its processor."""
        self._checker: Any = models.component(self.options.model, "safety_checker")  # diffusers' models are untyped
        self._processor: Any = models.component(self.options.model, "feature_extractor")  # transformers' processors too
        self._device, self._dtype = device, dtype

    @limner.hookimpl
    def classify_image(self, generations: Sequence[limner.Generation]) -> list[list[limner.Signal] | limner.ItemError]:
        """The scores of each image; an ItemError for one too long to be looked at as a whole."""
        seen = [views(generation.image) for generation in generations]
        every = [view for each in seen if isinstance(each, list) for view in each]
        scores = iter(self._scored(every) if every else ())
        return [each if isinstance(each, limner.ItemError) else _signals([next(scores) for _ in each]) for each in seen]

    def _scored(self, images: Sequence[PIL.Image.Image]) -> list[list[float]]:
        """How far each image is over the thresholds of the concepts, then of those of special care."""
        import torch
        from torch.nn import functional

        pixels = self._processor(images=list(images), return_tensors="pt").pixel_values
        with torch.no_grad():
            pooled = self._checker.vision_model(pixels.to(self._device, self._dtype))[1]
            shown = functional.normalize(self._checker.visual_projection(pooled).float(), dim=-1)
            special = self._over(shown, self._checker.special_care_embeds, self._checker.special_care_embeds_weights)
            concepts = self._over(shown, self._checker.concept_embeds, self._checker.concept_embeds_weights)
            concepts = concepts + ADJUSTMENT * (special > 0).any(dim=1, keepdim=True)
        scores: list[list[float]] = torch.cat([concepts, special], dim=1).tolist()
        return scores

    def _over(self, shown: torch.Tensor, vectors: torch.Tensor, thresholds: torch.Tensor) -> torch.Tensor:
        from torch.nn import functional

        return shown @ functional.normalize(vectors.float(), dim=-1).T - thresholds.float()


def _names() -> tuple[str, ...]:
    concepts = (f"concept-{index}" for index in range(CONCEPTS))
    return ("concepts", "special", *concepts, *(f"special-{index}" for index in range(SPECIAL)))


def _signals(seen: Sequence[Sequence[float]]) -> list[limner.Signal]:
    highest = [max(row[place] for row in seen) for place in range(CONCEPTS + SPECIAL)]
    values = [max(highest[:CONCEPTS]), max(highest[CONCEPTS:]), *highest]
    return [limner.Signal(f"imageclf.safety.{name}", value) for name, value in zip(_names(), values, strict=True)]
