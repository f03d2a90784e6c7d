"""The step `imageclf`: what an image classifier makes of the image."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field, StringConstraints

import limner
from limner_imageclf.views import views

if TYPE_CHECKING:
    import PIL.Image
    import torch

VERSION = 1  # of how a score is computed; part of the digest

Category = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_-]*$", max_length=60)]


class ClassifierOptions(limner.Options):
    """`labels` maps the model's labels to categories. `scores` are the model's own kind if left out."""

    model: limner.ModelRef
    labels: Annotated[Mapping[str, Category], Field(min_length=1)]
    scores: Literal["softmax", "sigmoid"] | None = None

    @property
    def categories(self) -> tuple[str, ...]:
        """The categories, each once."""
        return tuple(dict.fromkeys(self.labels.values()))


class ImageClassifier(limner.Step):
    """Measures `imageclf.<category>`, the probability of each category.

    That is the sum over its labels, or the highest where the model scores each label by itself. Of several views of an image
    (`limner_imageclf.views`) the highest score counts.
    """

    type = "imageclf"
    Options = ClassifierOptions
    runs_on = "accelerator"
    max_batch = 16

    @classmethod
    def emits(cls, options: ClassifierOptions, models: limner.ModelIndex) -> Mapping[str, limner.Range]:
        """One signal for each category."""
        return {f"imageclf.{category}": limner.Range(0.0, 1.0) for category in options.categories}

    @classmethod
    def digest(cls, options: ClassifierOptions, models: limner.ModelIndex) -> str:
        """The hash of the model's files, the labels and how they are scored."""
        said = [VERSION, options.model_dump(mode="json"), models.digest(options.model)]
        return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()

    def load(self, models: limner.Models, device: torch.device, dtype: torch.dtype) -> None:
        """Load the classifier and its processor, and check that it has the labels."""
        self._network: Any = models.component(self.options.model, "image_classifier")  # transformers' models are untyped
        self._processor: Any = models.component(self.options.model, "image_processor")  # likewise its processors
        config = self._network.config
        self._places = self._labelled({label: place for place, label in config.id2label.items()})
        own = "sigmoid" if config.problem_type == "multi_label_classification" or len(config.id2label) == 1 else "softmax"
        self._scores: str = self.options.scores or own
        self._device, self._dtype = device, dtype

    def _labelled(self, known: Mapping[str, int]) -> dict[str, list[int]]:
        labels: Mapping[str, str] = self.options.labels
        for label in labels:
            if label not in known:
                what, where = f"the classifier has no label {label!r}", f"model {self.options.model}"
                raise limner.ModelError(what, where=where, fix=f"its labels are {', '.join(map(repr, known))}")
        return {each: [known[label] for label, of in labels.items() if of == each] for each in self.options.categories}

    @limner.hookimpl
    def classify_image(self, generations: Sequence[limner.Generation]) -> list[list[limner.Signal] | limner.ItemError]:
        """The scores of each image; an ItemError for one too long to be looked at as a whole."""
        seen = [views(generation.image) for generation in generations]
        every = [view for each in seen if isinstance(each, list) for view in each]
        scores = iter(self._classified(every) if every else ())
        return [each if isinstance(each, limner.ItemError) else self._signals([next(scores) for _ in each]) for each in seen]

    def _classified(self, images: Sequence[PIL.Image.Image]) -> list[list[float]]:
        import torch

        pixels = self._processor(images=list(images), return_tensors="pt").pixel_values
        with torch.no_grad():
            logits = self._network(pixel_values=pixels.to(self._device, self._dtype)).logits.float()
        scores: list[list[float]] = (logits.sigmoid() if self._scores == "sigmoid" else logits.softmax(dim=-1)).tolist()
        return scores

    def _signals(self, seen: Sequence[Sequence[float]]) -> list[limner.Signal]:
        joined = max if self._scores == "sigmoid" else sum
        return [
            limner.Signal(f"imageclf.{category}", max(joined([row[place] for place in several]) for row in seen))
            for category, several in self._places.items()
        ]
