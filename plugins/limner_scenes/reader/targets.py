"""What the network should say of a picture, and how far off it is."""

import math
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch.nn import functional

from limner_scenes.reader.network import GRID, LARGE, SLOTS, Seen, Vocabulary
from limner_scenes.reader.samples import Sample, Shown

_SPREAD = (0.7, 1.0)
_BETWEEN = 0.1
"""Things nearer than this share to the limit between the slots may be found in either."""
_BLURS_INTO = {"flat": "pixel art", "pixel art": "flat"}
"""Styles that cannot be told apart in few pixels."""


class Targets(NamedTuple):
    """For n pictures: `there` and `counts` (n, slots, grid, grid), how near a centre each cell is and whether that is asked.

    `cells` (m, 4) are the picture, slot, row and column of each cell next to a centre; `kind`, `colour` (m,), `place` (m, 2)
    and `scale` (m,) what should be said there; `style` and `setting` (n,), -1 where it is not asked.
    """

    there: torch.Tensor
    counts: torch.Tensor
    cells: torch.Tensor
    kind: torch.Tensor
    colour: torch.Tensor
    place: torch.Tensor
    scale: torch.Tensor
    style: torch.Tensor
    setting: torch.Tensor


def targets(samples: Sequence[Sample], vocabulary: Vocabulary, *, few_pixels: bool = False) -> Targets:
    """The targets for pictures; with `few_pixels` they are asked for no style that needs many."""
    there, counts = torch.zeros(len(samples), SLOTS, GRID, GRID), torch.ones(len(samples), SLOTS, GRID, GRID)
    rows: list[tuple[int, int, int, int]] = []
    told: list[tuple[int, int, float, float, float]] = []
    for number, sample in enumerate(samples):
        for thing in sample.things:
            slot = int(thing.scale >= LARGE)
            near = _nearness(thing, slot)
            there[number, slot] = torch.maximum(there[number, slot], near)
            if abs(math.log(thing.scale / LARGE)) < _BETWEEN:
                counts[number, 1 - slot] *= (near < 0.3).float()
            for row, column in _cells_around(thing):
                rows.append((number, slot, row, column))
                told.append(_said(thing, row, column, vocabulary))
    said = torch.tensor(told).reshape(-1, 5)
    style = [-1 if few_pixels and sample.style in _BLURS_INTO else vocabulary.styles.index(sample.style) for sample in samples]
    setting = [vocabulary.settings.index(sample.setting) for sample in samples]
    classes = said[:, 0].long(), said[:, 1].long()
    at = torch.tensor(rows, dtype=torch.long).reshape(-1, 4)
    return Targets(there, counts, at, *classes, said[:, 2:4], said[:, 4], torch.tensor(style), torch.tensor(setting))


def loss(seen: Seen, wanted: Targets) -> torch.Tensor:
    """How far what was seen is from what was to be: a focal loss for centres, cross entropies, and distances."""
    picture, slot, row, column = wanted.cells.T
    kind, colour, place = (part[picture, :, slot, row, column] for part in (seen.kind, seen.colour, seen.place))
    scale = seen.scale[picture, slot, row, column]
    named = functional.cross_entropy(kind, wanted.kind) + functional.cross_entropy(colour, wanted.colour)
    measured = functional.l1_loss(place, wanted.place) + functional.l1_loss(scale, wanted.scale)
    whole = functional.cross_entropy(seen.setting, wanted.setting) + _style_loss(seen.style, wanted.style)
    return _centre_loss(seen.there, wanted) + named + measured + 0.4 * whole


def _style_loss(style: torch.Tensor, wanted: torch.Tensor) -> torch.Tensor:
    asked = wanted >= 0
    total = functional.cross_entropy(style[asked], wanted[asked], reduction="sum")
    return total / max(1, int(asked.sum()))


def _centre_loss(logits: torch.Tensor, wanted: Targets) -> torch.Tensor:
    """The focal loss of CenterNet: cells near a centre count less as wrong than cells far from it."""
    here, gone = functional.logsigmoid(logits), functional.logsigmoid(-logits)
    centre = wanted.there > 0.999
    missed = -here * gone.exp().square() * centre
    invented = -gone * here.exp().square() * (1 - wanted.there) ** 4 * wanted.counts * ~centre
    return (missed.sum() + invented.sum()) / centre.sum().clamp_min(1)


def _nearness(thing: Shown, slot: int) -> torch.Tensor:
    """1 in the cell that holds the centre, falling off around it."""
    column, row = (min(GRID - 1, int(place * GRID)) for place in (thing.x, thing.y))
    at = torch.arange(GRID)
    square = (at[:, None] - row) ** 2 + (at[None, :] - column) ** 2
    return torch.exp(-square / (2 * _SPREAD[slot] ** 2))


def _cells_around(thing: Shown) -> list[tuple[int, int]]:
    """The four cells, or fewer at the edge, whose centres are nearest to the thing's."""
    column, row = (math.floor(place * GRID - 0.5) for place in (thing.x, thing.y))
    around = [(row + down, column + across) for down in (0, 1) for across in (0, 1)]
    return [(row, column) for row, column in around if 0 <= row < GRID and 0 <= column < GRID]


def _said(thing: Shown, row: int, column: int, vocabulary: Vocabulary) -> tuple[int, int, float, float, float]:
    kinds, colours = vocabulary.kinds, vocabulary.colours
    kind = kinds.index(thing.kind) if thing.kind else len(kinds)
    colour = colours.index(thing.colour) if thing.colour else len(colours)
    return kind, colour, thing.x * GRID - column - 0.5, thing.y * GRID - row - 0.5, math.log(thing.scale)
