"""What a model made of the concepts, and how surely the checker tells their sides apart on renders."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from limner_scenes.evaluation.concepts import Concept, Side
from limner_scenes.evaluation.prompts import Prompt
from limner_scenes.evaluation.rates import Rate
from limner_scenes.reader.reading import Reader
from limner_scenes.render import render

SIDE = 128
Asked = Sequence[tuple[Side, Prompt]]


@dataclass(frozen=True, slots=True)
class ConceptResult:
    """How often a picture is on the side asked for; and of renders, how many the checker finds on theirs, and not on others.

    `renders_kept_off` counts each render once for every side that it is not on.
    """

    name: str
    sides: dict[str, Rate]
    renders_found: Rate
    renders_kept_off: Rate

    @property
    def rate(self) -> Rate:
        """Over all sides."""
        return Rate(sum(rate.right for rate in self.sides.values()), sum(rate.of for rate in self.sides.values()))

    def as_json(self) -> dict[str, Any]:
        """The rates as plain data (Any: nested dictionaries of JSON values)."""
        checker = {"accepted": self.renders_found.as_json(), "refused": self.renders_kept_off.as_json()}
        sides = {name: rate.as_json() for name, rate in self.sides.items()}
        return {**self.rate.as_json(), "sides": sides, "checker": checker}


def concept_result(
    concept: Concept, asked: Asked, pictures: Sequence[NDArray[np.uint8] | None], reader: Reader
) -> ConceptResult:
    """Judge the pictures made for the prompts of a concept."""
    found: dict[str, list[bool]] = {side.name: [] for side in concept.sides}
    readings = iter(reader.read([picture for picture in pictures if picture is not None]))
    for (side, _), picture in zip(asked, pictures, strict=True):
        found[side.name].append(picture is not None and side.is_on(next(readings).things))
    sides = {name: Rate(sum(outcomes), len(outcomes)) for name, outcomes in found.items()}
    return ConceptResult(concept.name, sides, *_of_renders(concept, asked, reader))


def _of_renders(concept: Concept, asked: Asked, reader: Reader) -> tuple[Rate, Rate]:
    readings = reader.read([render(prompt.scene, SIDE) for _, prompt in asked])
    found = [side.is_on(reading.things) for (side, _), reading in zip(asked, readings, strict=True)]
    kept_off = [
        not other.is_on(reading.things)
        for (side, _), reading in zip(asked, readings, strict=True)
        for other in concept.sides
        if other is not side
    ]
    return Rate(sum(found), len(found)), Rate(sum(kept_off), len(kept_off))
