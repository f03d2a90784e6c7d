"""Recipes: what `limner train` reads. One YAML file holds the settings of all stages, and so tells how a model was made."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from limner import ConfigurationError

Positive = Annotated[int, Field(ge=1)]
Share = Annotated[float, Field(ge=0, le=1)]
Stage = Literal["clip", "prior", "decoder", "upsampler"]


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Data(_Section):
    """Where captioned pictures come from: a source by its registered name, and how many are drawn ahead."""

    source: str
    pool: Positive = 100_000
    seed: int = 0


class Optimizing(_Section):
    """How one stage descends: AdamW, warm-up, then a cosine down to `final_rate` of the peak."""

    steps: Positive
    batch: Positive
    rate: Annotated[float, Field(gt=0)] = 1e-3
    final_rate: Share = 0.03
    warm_up: Annotated[int, Field(ge=0)] = 100
    decay: Annotated[float, Field(ge=0)] = 0.01
    clip: Annotated[float, Field(gt=0)] = 1.0
    average: Annotated[float, Field(ge=0, lt=1)] = 0.999
    save_every: Positive = 500
    seed: int = 0


class Clip(Optimizing):
    """Sizes of the two CLIP encoders; `picture` and `patch` are in pixels. `facts` weighs the naming of a picture's facts."""

    width: Positive = 128
    layers: Positive = 3
    heads: Positive = 4
    dimension: Positive = 128
    context: Positive = 32
    picture: Positive = 32
    patch: Positive = 4
    noise: Share = 0.15
    facts: Annotated[float, Field(ge=0)] = 0.25


class Prior(Optimizing):
    """Size of the prior's Transformer, and how often its text is left out so that it can be guided."""

    layers: Positive = 4
    heads: Positive = 4
    drop_text: Share = 0.1


class Decoder(Optimizing):
    """Shape of the decoder's U-Net, and how its conditions are worn down in training.

    `attention` says level by level whether the U-Net looks at the text there. `drop_both`, `drop_embedding` and `drop_text` are
    the shares of pictures that lose both conditions or one. `embedding_noise` is the most noise added to an image
    embedding, in standard deviations of each dimension; half of the pictures get some.
    """

    picture: Positive = 32
    channels: tuple[Positive, ...] = (32, 64, 96, 96)
    attention: tuple[bool, ...] = (False, False, True, False)
    head: Positive = 32
    groups: Positive = 8
    time_dimension: Positive = 256
    extra_tokens: Positive = 4
    drop_both: Share = 0.08
    drop_embedding: Share = 0.05
    drop_text: Share = 0.2
    embedding_noise: Annotated[float, Field(ge=0)] = 0.4


class Upsampler(Optimizing):
    """Shapes of the upsampler's U-Nets, that of all steps and the slighter one of the last step, and what they learn on.

    `crop` is the side of the crops, in pixels of the large picture; `blur`, `grain` and `stain` are the most that a small
    picture is worn by.
    """

    picture: Positive = 128
    crop: Positive = 64
    channels: tuple[Positive, ...] = (16, 16, 32)
    last_channels: tuple[Positive, ...] = (8, 16)
    groups: Positive = 2
    blur: Annotated[float, Field(ge=0)] = 1.0
    grain: Share = 0.12
    stain: Share = 0.15


class Recipe(_Section):
    """All stages of one model. `run` is the folder for checkpoints and networks, relative to the current one."""

    name: str
    run: str
    data: Data
    clip: Clip
    prior: Prior
    decoder: Decoder
    upsampler: Upsampler


def load_recipe(path: Path) -> tuple[Recipe, Path]:
    """Read a recipe and the folder it runs in. Raises ConfigurationError naming file, line and key of all mistakes at once."""
    try:
        text = path.read_text("utf-8")
    except OSError as error:
        raise ConfigurationError(f"cannot read the recipe: {error.strerror}", where=str(path)) from error
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
        recipe = Recipe.model_validate(yaml.safe_load(text))
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise ConfigurationError(f"not valid YAML: {error.problem}", where=f"{path}:{line}") from error
    except ValidationError as error:
        raise ConfigurationError(_mistakes(path, node, error), fix="correct these lines of the recipe") from error
    return recipe, Path(recipe.run).resolve()


def _mistakes(path: Path, root: yaml.Node | None, error: ValidationError) -> str:
    found = ((mistake["loc"], mistake["msg"]) for mistake in error.errors())
    lines = (f"{path}:{_line(root, keys)}: {'.'.join(map(str, keys))}: {what}" for keys, what in found)
    return "the recipe has mistakes\n" + "\n".join(lines)


def _line(node: Any, keys: tuple[int | str, ...]) -> int:  # Any: PyYAML's nodes are untyped
    """The line of the value at a key path; of its nearest parent where the value is missing."""
    line = node.start_mark.line + 1 if node is not None else 1
    for key in keys:
        found = _child(node, key)
        if found is None:
            break
        key_node, node = found
        line = key_node.start_mark.line + 1
    return int(line)


def _child(node: Any, key: int | str) -> tuple[Any, Any] | None:
    if isinstance(node, yaml.MappingNode):
        return next(((k, v) for k, v in node.value if k.value == str(key)), None)
    if isinstance(node, yaml.SequenceNode) and isinstance(key, int) and key < len(node.value):
        return node.value[key], node.value[key]
    return None
