"""The work behind `limner train`: each stage, from a recipe to networks in the run's folder."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from limner import ConfigurationError
from limner_unclip.training.clip import ClipTask, rescale
from limner_unclip.training.decoder import DecoderTask
from limner_unclip.training.encoders import Encoders
from limner_unclip.training.loop import Report, Task, Training
from limner_unclip.training.pool import Pictures, Pool
from limner_unclip.training.prior import PriorTask
from limner_unclip.training.recipe import Optimizing, Recipe, Stage, load_recipe
from limner_unclip.training.source import Captioned, PictureSource, find_source
from limner_unclip.training.upsampler import UpsamplerTask
from limner_unclip.training.vocabulary import write_tokenizer

FindSource = Callable[[str], PictureSource]
SAVED = {
    "clip": ("text_encoder", "image_encoder"),
    "prior": ("prior",),
    "decoder": ("decoder", "text_proj"),
    "upsampler": ("super_res_first", "super_res_last"),
}
UPSAMPLER_SHARE = 0.05
"""Of the pool; large pictures take sixteen times the memory and are needed only as crops."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a stage runs: the recipe, the run's folder, the source of its pictures and the device."""

    recipe: Recipe
    run: Path
    source: PictureSource
    device: torch.device

    def draw(self, side: int, share: float = 1.0) -> Captioned:
        """The recipe's pool of pictures at one size, or a share of it."""
        data = self.recipe.data
        return self.source.draw(np.random.default_rng(data.seed), int(data.pool * share), side)


def train(
    stage: Stage,
    recipe_path: Path,
    report: Report,
    *,
    device: str = "auto",
    every: int = 100,
    sources: FindSource = find_source,
) -> Path:
    """Train one stage to its end, or on from its last checkpoint; write its networks and return the run's folder.

    `report` hears of every `every`-th step. `device` is auto, cuda, mps or cpu.

    Raises ConfigurationError for a faulty recipe, an unknown source or device, or a stage whose forerunner is missing, and
    TrainingDiverged where the loss is no longer finite.
    """
    if stage not in STAGES:
        raise ConfigurationError(f"there is no stage {stage!r}", fix=f"stages are {', '.join(STAGES)}")
    recipe, run = load_recipe(recipe_path)
    place = Place(recipe, run, sources(recipe.data.source), find_device(device))
    task, settings = STAGES[stage](place)
    training = Training(task, settings, run / f"{stage}.safetensors")
    training.run(report, every=every)
    with training.average.applied():
        _finish(stage, task, run)
    return run


def find_device(name: str) -> torch.device:
    """A device by name; `auto` is the accelerator if there is one, else the CPU. Raises ConfigurationError for any other."""
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
    try:
        return torch.empty(0, device=name).device
    except (RuntimeError, AssertionError) as error:
        raise ConfigurationError(f"cannot use device {name!r}", fix="choose auto, cpu, mps or cuda") from error


def _clip(place: Place) -> tuple[Task, Optimizing]:
    settings = place.recipe.clip
    tokenizer = write_tokenizer(place.source.words(), settings.context, place.run / "tokenizer")
    pool = Pool(place.draw(settings.picture), tokenizer, place.device)
    return ClipTask(settings, pool, tokenizer, place.device), settings


def _prior(place: Place) -> tuple[Task, Optimizing]:
    encoders, pool = _frozen_clip(place)
    return PriorTask(place.recipe.prior, pool, encoders.images(pool), encoders), place.recipe.prior


def _decoder(place: Place) -> tuple[Task, Optimizing]:
    settings = place.recipe.decoder
    if settings.picture != place.recipe.clip.picture:
        raise ConfigurationError("clip.picture and decoder.picture differ", fix="train both on pictures of one size")
    encoders, pool = _frozen_clip(place)
    return DecoderTask(settings, pool, encoders.images(pool), encoders), settings


def _upsampler(place: Place) -> tuple[Task, Optimizing]:
    settings = place.recipe.upsampler
    pictures = Pictures(place.draw(settings.picture, UPSAMPLER_SHARE), place.device)
    return UpsamplerTask(settings, pictures, place.recipe.decoder.picture), settings


def _frozen_clip(place: Place) -> tuple[Encoders, Pool]:
    encoders = Encoders(place.run, place.device)
    return encoders, Pool(place.draw(place.recipe.clip.picture), encoders.tokenizer, place.device)


STAGES: Mapping[str, Callable[[Place], tuple[Task, Optimizing]]] = {
    "clip": _clip,
    "prior": _prior,
    "decoder": _decoder,
    "upsampler": _upsampler,
}


def _finish(stage: Stage, task: Task, run: Path) -> None:
    if isinstance(task, ClipTask):
        rescale(task.networks, task.pool)
    for name in SAVED[stage]:
        network: Any = task.networks[name]  # diffusers' and transformers' own saving is untyped
        network.save_pretrained(run / name)
