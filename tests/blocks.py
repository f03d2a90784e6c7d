"""A world of three colours, small enough to learn in a few steps: as a stream and a folder, with a recipe of tiny networks."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import PIL.Image
from numpy.typing import NDArray

COLOURS = {"red": (220, 30, 30), "green": (30, 200, 60), "blue": (40, 60, 220)}

RECIPE = """\
name: blocks
run: run
data: {source: blocks, pool: 48, seed: 3}
clip: {steps: 30, batch: 12, rate: 3.0e-3, warm_up: 3, save_every: 10, width: 16, layers: 1, heads: 2, dimension: 16,
       context: 20, picture: 16, patch: 8}
prior: {steps: 40, batch: 12, rate: 3.0e-3, warm_up: 3, save_every: 10, layers: 1, heads: 2}
direct_prior: {steps: 40, batch: 12, rate: 3.0e-3, warm_up: 3, save_every: 10, width: 16, layers: 1, heads: 2}
decoder: {steps: 20, batch: 6, rate: 3.0e-3, warm_up: 3, save_every: 10, picture: 16, channels: [8, 16],
          attention: [false, true], head: 8, groups: 4, time_dimension: 16, extra_tokens: 2}
upsampler: {steps: 20, batch: 4, pool: 6, rate: 3.0e-3, warm_up: 3, save_every: 10, picture: 32, crop: 16, channels: [8, 8],
            last_channels: [4, 8], groups: 4}
"""


class Drawn(NamedTuple):
    pictures: NDArray[np.uint8]
    captions: list[list[str]]
    shown: NDArray[np.int64]
    stated: NDArray[np.int64]
    group: int
    turns: None = None


class Blocks:
    """Plain pictures, each of one colour with a little noise; one caption names the colour, the other does not."""

    def words(self) -> Sequence[str]:
        return ["a", "block", *COLOURS]

    def draw(self, rng: np.random.Generator, n: int, side: int) -> Drawn:
        numbers = np.arange(n) % len(COLOURS)
        plain = np.array(list(COLOURS.values()))[numbers][:, None, None]
        pictures = np.clip(plain + rng.integers(-20, 21, (n, side, side, 3)), 0, 255).astype(np.uint8)
        captions = [[f"a {list(COLOURS)[number]} block", "a block"] for number in numbers]
        stated = np.stack([numbers, np.full(n, -1)], 1)[:, :, None]
        return Drawn(pictures, captions, numbers[:, None], stated, len(COLOURS))


def write_pictures(folder: Path, n: int = 48) -> None:
    """The blocks as a folder of pictures with a metadata.jsonl."""
    folder.mkdir()
    drawn = Blocks().draw(np.random.default_rng(0), n, 32)
    rows = []
    for number, (picture, captions) in enumerate(zip(drawn.pictures, drawn.captions, strict=True)):
        PIL.Image.fromarray(picture).save(folder / f"{number}.png")
        rows.append(json.dumps({"file_name": f"{number}.png", "text": captions}))
    (folder / "metadata.jsonl").write_text("\n".join(rows))


def write_recipe(folder: Path) -> Path:
    """The recipe for a folder of pictures beside it, with all paths in full."""
    text = RECIPE.replace("run: run", f"run: {folder}/run")
    path = folder / "blocks.yaml"
    path.write_text(text.replace("source: blocks, pool: 48", f"folder: {folder}/pictures, pool: 48, held_out: 0.25"))
    return path
