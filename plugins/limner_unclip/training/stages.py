"""The stages by name: of what each is made, what it needs, and which networks it leaves."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import numpy as np
import torch

from limner import ConfigurationError
from limner_unclip.training.clip import ClipTask
from limner_unclip.training.data.source import Captioned, PictureSource
from limner_unclip.training.decoder import DecoderTask
from limner_unclip.training.direct_prior import DirectPriorTask
from limner_unclip.training.encoders import Embedded, Encoders
from limner_unclip.training.lessons import Lessons
from limner_unclip.training.pool import Pictures, Pool
from limner_unclip.training.prior import PriorTask
from limner_unclip.training.recipe import Optimizing, Recipe, Stage
from limner_unclip.training.task import Task
from limner_unclip.training.upsampler import UpsamplerTask
from limner_unclip.training.vocabulary import write_tokenizer

if TYPE_CHECKING:
    from accelerate import Accelerator

log = logging.getLogger(__name__)

Lesson = TypeVar("Lesson")


@dataclass(frozen=True, slots=True)
class Place:
    """Where a stage runs: the recipe, the run's folder, the source of its pictures, the processes and their device."""

    recipe: Recipe
    run: Path
    source: PictureSource
    accelerator: Accelerator

    @property
    def device(self) -> torch.device:
        """This process's device."""
        device: torch.device = self.accelerator.device
        return device

    def draw(self, side: int, number: int = 0, pictures: int | None = None) -> Captioned:
        """The recipe's pool of pictures at one size: the first, or the `number`-th of those drawn anew."""
        data = self.recipe.data
        return self.source.draw(np.random.default_rng((data.seed, number)), pictures or data.pool, side)

    def lessons(self, make: Callable[[int], Lesson]) -> Lessons[Lesson]:
        """Lessons that are drawn anew as often as the recipe says."""
        return Lessons(make, self.recipe.data.renew)


@dataclass(frozen=True, slots=True)
class Prepared:
    """A stage ready to train: its task, its settings, and the hash of the frozen CLIP under it, if any."""

    task: Task
    settings: Optimizing
    foundation: str = ""


def prepare(stage: Stage, place: Place) -> Prepared:
    """Make a stage's networks and first lesson ready. Raises ConfigurationError where an earlier stage is missing."""
    return _PREPARE[stage](place)


def frozen_clip(place: Place) -> Encoders:
    """The run's CLIP. Raises ConfigurationError where there is none yet, or one of other sizes than the recipe's."""
    encoders = Encoders(place.run, place.device)
    wanted = place.recipe.clip
    for name, found, asked in (
        ("dimension", encoders.dimension, wanted.dimension),
        ("width", encoders.width, wanted.width),
        ("context", encoders.context, wanted.context),
        ("picture", encoders.picture, wanted.picture),
    ):
        if found != asked:
            raise ConfigurationError(
                f"the CLIP of this run has a {name} of {found}, the recipe asks for {asked}",
                where=str(place.run),
                fix=f"set clip.{name}: {found}, or train the clip stage anew in another run folder",
            )
    return encoders


def embedded_pool(place: Place, encoders: Encoders, number: int = 0) -> Embedded:
    """A pool of pictures at the size of CLIP, with their embeddings."""
    return encoders.embedded(Pool(place.draw(place.recipe.clip.picture, number), encoders.tokenizer, place.device))


def _clip(place: Place) -> Prepared:
    settings, folder = place.recipe.clip, place.run / "tokenizer"
    with place.accelerator.main_process_first():
        tokenizer = write_tokenizer(place.source.words(), settings.context, folder)

    def pool(number: int) -> Pool:
        drawn = Pool(place.draw(settings.picture, number), tokenizer, place.device, settings.swaps)
        if drawn.filled and number == 0 and place.accelerator.is_main_process:
            log.warning(
                "%d captions fill all %d tokens of clip.context: words after them are not read", drawn.filled, settings.context
            )
        return drawn

    return Prepared(ClipTask(settings, place.lessons(pool), tokenizer, place.device), settings)


def _prior(place: Place) -> Prepared:
    encoders, settings = frozen_clip(place), place.recipe.prior
    return Prepared(PriorTask(settings, _embedded(place, encoders), encoders), settings, encoders.digest)


def _direct_prior(place: Place) -> Prepared:
    settings = place.recipe.direct_prior
    if settings is None:
        raise ConfigurationError("the recipe has no section direct_prior", fix="add one, with steps and batch")
    encoders = frozen_clip(place)
    return Prepared(DirectPriorTask(settings, _embedded(place, encoders), encoders), settings, encoders.digest)


def _decoder(place: Place) -> Prepared:
    encoders, settings = frozen_clip(place), place.recipe.decoder
    return Prepared(DecoderTask(settings, _embedded(place, encoders), encoders), settings, encoders.digest)


def _upsampler(place: Place) -> Prepared:
    settings = place.recipe.upsampler

    def pictures(number: int) -> Pictures:
        return Pictures(place.draw(settings.picture, number, settings.pool), place.device)

    task = UpsamplerTask(settings, place.lessons(pictures), place.recipe.decoder.picture, place.device)
    return Prepared(task, settings)


def _embedded(place: Place, encoders: Encoders) -> Lessons[Embedded]:
    return place.lessons(lambda number: embedded_pool(place, encoders, number))


_PREPARE: Mapping[Stage, Callable[[Place], Prepared]] = {
    "clip": _clip,
    "prior": _prior,
    "direct_prior": _direct_prior,
    "decoder": _decoder,
    "upsampler": _upsampler,
}
