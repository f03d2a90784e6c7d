"""Each side of a concept is asked for, found on renders of it, and not found on renders of the other."""

from __future__ import annotations

import pytest

from limner_scenes.evaluation.concept_results import concept_result
from limner_scenes.evaluation.concepts import CONCEPTS, Concept
from limner_scenes.reader.reading import Reader
from limner_scenes.render import render
from limner_scenes.splits import is_held_out
from limner_scenes.worlds import PLAIN, WHOLE

N = 12


@pytest.mark.parametrize("concept", CONCEPTS, ids=lambda concept: concept.name)
def test_the_sides_are_asked_for_equally_and_told_apart(concept: Concept, reader: Reader) -> None:
    asked = concept.prompts(WHOLE, N)
    assert all(is_held_out(prompt.text) for _, prompt in asked)
    result = concept_result(concept, asked, [render(prompt.scene, 128) for _, prompt in asked], reader)
    assert {rate.of for rate in result.sides.values()} == {N // len(concept.sides)}
    assert result.rate.share >= 0.7
    assert result.renders_kept_off.share >= 0.9


@pytest.mark.parametrize("concept", CONCEPTS, ids=lambda concept: concept.name)
def test_pictures_of_the_wrong_side_are_not_on_it(concept: Concept, reader: Reader) -> None:
    asked = concept.prompts(WHOLE, N)
    turned = [prompt.scene for _, prompt in (*asked[N // len(concept.sides) :], *asked[: N // len(concept.sides)])]
    result = concept_result(concept, asked, [render(scene, 128) for scene in turned], reader)
    assert result.rate.share <= 0.2


def test_a_picture_that_did_not_come_is_on_no_side(reader: Reader) -> None:
    asked = CONCEPTS[0].prompts(WHOLE, 4)
    assert concept_result(CONCEPTS[0], asked, [None] * 4, reader).rate.right == 0


def test_a_concept_that_a_world_cannot_show_is_not_asked_for() -> None:
    assert {concept.name for concept in CONCEPTS if concept.prompts(PLAIN, 4)} == {"open and closed"}
