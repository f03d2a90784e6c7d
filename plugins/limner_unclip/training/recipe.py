"""Recipes: what `limner train` reads. One YAML file holds the settings of all stages, and so tells how a model was made."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from limner import read_yaml
from limner_unclip.training import sizes

Positive = Annotated[int, Field(ge=1)]
Share = Annotated[float, Field(ge=0, le=1)]
Channels = Annotated[tuple[Positive, ...], Field(min_length=1)]
Stage = Literal["clip", "ridge_prior", "prior", "direct_prior", "decoder", "upsampler"]


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    def _mistakes(self) -> list[str]:
        """What contradicts itself among values that are each right alone."""
        return []

    @model_validator(mode="after")
    def _agrees_with_itself(self) -> Self:
        if mistakes := self._mistakes():
            raise ValueError("; ".join(mistakes))
        return self


class Data(_Section):
    """Where captioned pictures come from, and how many are drawn ahead.

    `source` is a stream by its registered name, `folder` a folder of pictures with a metadata.jsonl, `tars` a glob of
    webdataset tars; a recipe has one of them. A pool of `pool` pictures is drawn ahead, and anew after every `renew` steps, or
    never for 0. A share of `held_out` pictures of a folder or of tars is never trained on. `convert` makes pictures in other
    colour modes RGB instead of refusing them.
    """

    source: str | None = None
    folder: str | None = None
    tars: str | None = None
    pool: Positive = 100_000
    renew: Annotated[int, Field(ge=0)] = 0
    held_out: Annotated[float, Field(ge=0, lt=1)] = 0.02
    convert: bool = False
    seed: int = 0

    def _mistakes(self) -> list[str]:
        given = [name for name in ("source", "folder", "tars") if getattr(self, name) is not None]
        told = f"names {' and '.join(given) or 'no source'}: give one of source, folder and tars"
        return [told] if len(given) != 1 else []


class Optimizing(_Section):
    """How one stage descends: AdamW, warm-up, then a cosine down to `final_rate` of the peak.

    `batch` is that of all processes together; `average` the most that the running average of the weights keeps at a step;
    `clip` the largest norm of a gradient.
    """

    steps: Positive
    batch: Positive
    rate: Annotated[float, Field(gt=0)] = 1e-3
    final_rate: Share = 0.03
    warm_up: Annotated[int, Field(ge=0)] = 100
    decay: Annotated[float, Field(ge=0)] = 0.01
    clip: Annotated[float, Field(gt=0)] = 1.0
    average: Annotated[float, Field(ge=0, lt=1)] = 0.999
    save_every: Positive = 500
    precision: Literal["float32", "bfloat16"] = "float32"
    seed: int = 0


class Clip(Optimizing):
    """Sizes of the two CLIP encoders; `picture` and `patch` are in pixels, `context` in tokens, with the two around a text.

    `facts` weighs the naming of a picture's facts, where its source knows them. `swaps` lists kinds of words (colours, say); a
    caption with two words of one kind gets a false twin with the two exchanged, which its picture has to be told from. `hues`
    is the share of a batch whose facts are to be named in turned hues too, so that what a thing is does not hang on the
    colours it had in training; the source must be able to turn them.
    """

    batch: Annotated[int, Field(ge=2)]
    width: Positive = 128
    layers: Positive = 3
    heads: Positive = 4
    dimension: Positive = 128
    context: Annotated[int, Field(ge=3)] = 32
    picture: Positive = 32
    patch: Positive = 4
    noise: Share = 0.15
    facts: Annotated[float, Field(ge=0)] = 0.25
    hues: Share = 0.0
    swaps: tuple[tuple[str, ...], ...] = ()

    def _mistakes(self) -> list[str]:
        return sizes.of_clip(self)


class Prior(Optimizing):
    """Size of the prior's Transformer, and how often its text is left out so that it can be guided."""

    layers: Positive = 4
    heads: Positive = 4
    drop_text: Share = 0.1


class RidgePrior(_Section):
    """The ridge regression from text to image embedding. `penalty` is relative to the mean variance of the text embeddings."""

    pictures: Positive = 20_000
    penalty: Annotated[float, Field(gt=0)] = 0.01


class DirectPrior(Optimizing):
    """Size of the one-step prior, and how much its contrastive loss counts beside the squared error (arXiv 2312.04655)."""

    layers: Positive = 4
    heads: Positive = 4
    width: Positive = 128
    contrast: Annotated[float, Field(ge=0)] = 0.2
    temperature: Annotated[float, Field(gt=0)] = 0.07

    def _mistakes(self) -> list[str]:
        return sizes.of_direct_prior(self)


class Decoder(Optimizing):
    """Shape of the decoder's U-Net, and how its conditions are worn down in training.

    `attention` says level by level whether the U-Net looks at the text there. `drop_embedding` and `drop_text` are the shares
    of pictures that lose either condition, each by its own chance, and `drop_both` the share that besides loses both at once.
    The defaults are those of the paper. `embedding_noise` is the most noise added to an image embedding, in standard deviations
    of each dimension; half of the pictures get some. `hues` is the share of a batch that is shown in turned hues, and drawn
    from the embedding of that alone: texts have no words for it. Timesteps weigh min(SNR + `snr_offset`, `snr_most`): without
    the offset that is min-SNR weighting (arXiv 2303.09556); with 1 it is that of v-prediction, which keeps the noisiest
    timesteps, where a small decoder settles what is in the picture.
    """

    picture: Positive = 32
    channels: Channels = (32, 64, 96, 96)
    attention: tuple[bool, ...] = (False, False, True, False)
    head: Positive = 32
    groups: Positive = 8
    time_dimension: Positive = 256
    extra_tokens: Positive = 4
    drop_both: Share = 0.0
    drop_embedding: Share = 0.1
    drop_text: Share = 0.5
    embedding_noise: Annotated[float, Field(ge=0)] = 0.0
    hues: Share = 0.0
    snr_offset: Annotated[float, Field(ge=0)] = 1.0
    snr_most: Annotated[float, Field(gt=0)] = 5.0

    def _mistakes(self) -> list[str]:
        return sizes.of_decoder(self)


class Upsampler(Optimizing):
    """Shapes of the upsampler's U-Nets, that of all steps and the slighter one of the last step, and what they learn on.

    `pool` pictures are drawn ahead here, fewer than elsewhere for they are large. `crop` is the side of the crops, in pixels of
    the large picture; `blur`, `grain` and `stain` are the most that a small picture is worn by.
    """

    picture: Positive = 128
    pool: Positive = 8_000
    crop: Positive = 64
    channels: Channels = (16, 16, 32)
    last_channels: Channels = (8, 16)
    groups: Positive = 2
    blur: Annotated[float, Field(ge=0)] = 1.0
    grain: Share = 0.12
    stain: Share = 0.15

    def _mistakes(self) -> list[str]:
        return sizes.of_upsampler(self)


class About(_Section):
    """What the model card says that no run can measure. Markdown."""

    summary: str = ""
    data: str = ""
    intended: tuple[str, ...] = ()
    limits: tuple[str, ...] = ()
    licence: str = ""


class Recipe(_Section):
    """All stages of one model. `run` is the folder for checkpoints, networks and the model, relative to the current one.

    The direct prior is trained where the recipe has a section for it.
    """

    name: str
    run: str
    data: Data
    clip: Clip
    ridge_prior: RidgePrior = RidgePrior()
    prior: Prior
    direct_prior: DirectPrior | None = None
    decoder: Decoder
    upsampler: Upsampler
    card: About = About()

    def _mistakes(self) -> list[str]:
        return sizes.across(self)


def load_recipe(path: Path) -> tuple[Recipe, Path]:
    """Read a recipe and the folder it runs in. Raises InvalidFile naming file, line and key of all mistakes at once."""
    recipe = read_yaml(path, Recipe)
    return recipe, Path(recipe.run).resolve()
