"""A model under examination, and the pictures it is examined with: held out from its training, the same at every visit."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch

from limner import ConfigurationError, Embedding, Generation, Image, Models, Step, TextConditioning, local_models
from limner_unclip.training.data.source import Captioned, PictureSource
from limner_unclip.training.pool import Pool

NAME = "model"
FEWEST = 8
"""Of fewer pictures a figure says nothing."""
SEED = 20_220_413  # not one that a recipe is likely to have
CPU = torch.device("cpu")


class Patient:
    """A model's directory, opened on one device in float32, with `pictures` held-out pictures.

    Raises ModelError where a component is missing or broken, and ConfigurationError where too few pictures are held out.
    """

    def __init__(self, folder: Path, source: PictureSource, *, pictures: int, device: torch.device = CPU) -> None:
        if not can_examine(source):
            raise ConfigurationError(
                f"{source.held_out} pictures are held out, and examining a model takes {FEWEST}",
                where=str(folder),
                fix="give --recipe or --source with more",
            )
        self.folder, self.device = folder, device
        self.models: Models = local_models(**{NAME: folder}).bind(device, torch.float32)
        self._source, self._pictures = source, pictures

    def has(self, component: str) -> bool:
        """Whether the model has a component."""
        return (self.folder / component).is_dir()

    def step(self, cls: type[Step], **options: Any) -> Any:  # a loaded step of the class given, with its stage's hook
        """A step of the model, loaded."""
        step = cls(cls.Options.model_validate({"model": NAME, **options}))
        with torch.no_grad():
            step.load(self.models, self.device, torch.float32)
        return step

    @cached_property
    def side(self) -> int:
        """The side of its largest pictures, in pixels."""
        if self.has("super_res_first"):
            return int(self.models.config(NAME, "super_res_first")["sample_size"])
        return int(self.models.config(NAME, "image_encoder")["image_size"])

    @cached_property
    def drawn(self) -> Captioned:
        """The pictures with their captions."""
        return self._source.draw(np.random.default_rng(SEED), self._pictures, self.side, held_out=True)

    @cached_property
    def captions(self) -> list[str]:
        """The first wording of each picture."""
        return [texts[0] for texts in self.drawn.captions]

    @cached_property
    def truth(self) -> torch.Tensor:
        """Which captions (rows) are true of which pictures (columns), bool."""
        pool = Pool(self.drawn, self.models.component(NAME, "tokenizer"), CPU)
        rows = np.arange(len(pool))
        return torch.from_numpy(pool.truth(rows, np.zeros_like(rows)))

    @cached_property
    def images(self) -> torch.Tensor:
        """The pictures, (n, 3, side, side) in [-1, 1]."""
        return torch.from_numpy(self.drawn.pictures).permute(0, 3, 1, 2).float().div(127.5).sub(1)

    @cached_property
    def embeddings(self) -> torch.Tensor:
        """CLIP's embeddings of the pictures, (n, dimension)."""
        return self.embed(self.images)

    @cached_property
    def texts(self) -> list[TextConditioning]:
        """The captions, encoded."""
        from limner_unclip.text import Text

        answers: list[TextConditioning] = self.step(Text).encode_text(self.generations())
        return answers

    @cached_property
    def text_embeddings(self) -> torch.Tensor:
        """CLIP's embeddings of the captions, (n, dimension)."""
        return torch.stack([text.pooled for text in self.texts]).cpu()

    @cached_property
    def space(self) -> str:
        """The model's embedding space."""
        return self.models.space(NAME)

    def generations(self, prompts: Sequence[str] | None = None) -> list[Generation]:
        """A generation for each caption, or for each of other prompts; their seeds count from 0."""
        return [Generation("doctor", i, i, prompt) for i, prompt in enumerate(self.captions if prompts is None else prompts)]

    def embed(self, images: torch.Tensor) -> torch.Tensor:
        """CLIP's embeddings of pictures (n, 3, height, width) in [-1, 1]; (n, dimension)."""
        features = self.models.component(NAME, "feature_extractor")
        encoder = self.models.component(NAME, "image_encoder")
        pillows = [Image(image).pillow() for image in images]
        pixels = features(images=pillows, return_tensors="pt").pixel_values.to(self.device)
        with torch.no_grad():
            answer: torch.Tensor = encoder(pixels).image_embeds.float().cpu()
        return answer

    def embedding(self, vector: torch.Tensor) -> Embedding:
        """An embedding in the model's space."""
        return Embedding(vector, self.space)


def can_examine(source: PictureSource) -> bool:
    """Whether a source holds out enough pictures to examine a model with."""
    return source.held_out is None or source.held_out >= FEWEST
