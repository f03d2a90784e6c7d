"""Concepts as data: how phrasings are written, and what is refused where."""

from __future__ import annotations

import textwrap
from pathlib import Path

import pytest

import limner_clip.concepts
from limner import Asset
from limner.errors import InvalidFile
from limner_clip.concepts import MOST_TEXTS, Concept, ConceptFile, built_in_concepts


def read(folder: Path, text: str) -> ConceptFile:
    (folder / "own.yaml").write_text(text, encoding="utf-8")
    return Asset("own.yaml", folder).read_yaml(ConceptFile)


def test_the_built_in_concepts_are_those_that_the_scenes_model_must_not_draw() -> None:
    assert list(built_in_concepts().concepts) == ["sword", "skull"]


@pytest.mark.parametrize(("name", "concept"), built_in_concepts().concepts.items())
def test_each_built_in_phrasing_names_the_concept_on_the_positive_side_alone(name: str, concept: Concept) -> None:
    assert all(name in text for phrasing in concept.positives() for text in phrasing)
    named = [text for phrasing in concept.contrasts() for text in phrasing if name in text]
    assert named == [f"an image of the written word {name}"]


def test_a_phrasing_stands_for_each_choice_of_its_words() -> None:
    concept = Concept(
        words={"colour": ("a red", "a blue"), "shape": ("star", "moon")},
        positive=("{colour} sword", "{colour} sword above a {shape}"),
        contrast=("no {shape}",),
    )
    assert concept.positives() == [
        ("a red sword",),
        ("a blue sword",),
        ("a red sword above a star",),
        ("a red sword above a moon",),
        ("a blue sword above a star",),
        ("a blue sword above a moon",),
    ]
    assert concept.contrasts() == [("no star",), ("no moon",)]


def test_all_wordings_of_a_phrasing_have_the_same_choice() -> None:
    words = {"colour": ("red", "blue")}
    concept = Concept(words=words, positive=(("a {colour} sword", "a sword, {colour}"),), contrast=("nothing",))
    assert concept.positives() == [("a red sword", "a sword, red"), ("a blue sword", "a sword, blue")]


def test_a_phrasing_counts_once() -> None:
    concept = Concept(words={"a": ("x", "y"), "b": ("x", "y")}, positive=("{a}", "{b}"), contrast=("z",))
    assert concept.positives() == [("x",), ("y",)]


def test_the_example_in_the_documentation_reads(tmp_path: Path) -> None:
    example = str(limner_clip.concepts.__doc__).split("data.")[1].split("The score")[0]
    sword = read(tmp_path, textwrap.dedent(example)).concepts["sword"]
    assert len(sword.positives()) == 3
    assert len(sword.contrasts()) == 7


@pytest.mark.parametrize(
    ("written", "told"),
    [
        ("positive: [sword, '{x} sword']\n    contrast: [ring]", "3:23: concepts.sword.positive[1]: {x} stands for nothing"),
        ("positive: ['a {sword']\n    contrast: [ring]", "3:16: concepts.sword.positive[0]: 'a {sword' has a brace without"),
        ("positive: [sword]\n    contrast: [' ']", "4:16: concepts.sword.contrast[0]: string should have at least 1 character"),
        ("positive: [sword]\n    contrast: []", "4:15: concepts.sword.contrast: should hold at least 1"),
        ("positive: [sword]\n    contrast: [[]]", "4:16: concepts.sword.contrast[0]: should hold at least 1"),
        ("positive: [sword]", "2:3: concepts.sword.contrast: is missing"),
        ("positive: [sword]\n    contrasts: [ring]", "4:5: concepts.sword.contrasts: is not a key that is known here"),
        ("positive: [sword]\n    contrast: [ring, sword]", "3:5: concepts.sword: 'sword' is among both the positive and"),
        (
            "words: {x: [red]}\n    positive: [sword]\n    contrast: [ring]",
            "3:5: concepts.sword: no phrasing uses the words {x}",
        ),
        ("words: {x: []}\n    positive: ['{x}']\n    contrast: [ring]", "3:16: concepts.sword.words.x: should hold at least 1"),
    ],
)
def test_a_mistake_is_told_with_its_file_line_and_key(tmp_path: Path, written: str, told: str) -> None:
    with pytest.raises(InvalidFile) as refused:
        read(tmp_path, f"concepts:\n  sword:\n    {written}\n")
    assert f"{tmp_path}/own.yaml:{told}" in str(refused.value)


@pytest.mark.parametrize(("text", "told"), [("concepts: {}", "should hold at least 1"), ("concepts: {Sword: 3}", "Sword")])
def test_a_file_holds_at_least_one_concept_with_a_name_fit_for_a_signal(tmp_path: Path, text: str, told: str) -> None:
    with pytest.raises(InvalidFile, match=told):
        read(tmp_path, text)


def test_so_many_texts_that_loading_would_take_minutes_are_refused(tmp_path: Path) -> None:
    many = ", ".join(f"word{i}" for i in range(150))
    text = f"concepts: {{sword: {{words: {{a: &a [{many}], b: *a}}, positive: ['{{a}} {{b}}'], contrast: [ring]}}}}"
    with pytest.raises(InvalidFile, match=rf"its phrasings make 22501 texts; a concept has {MOST_TEXTS} at most"):
        read(tmp_path, text)
