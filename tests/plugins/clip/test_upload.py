"""The gates that look at prompts and uploads, on a CLIP that was trained here and knows persons, houses, fire and water."""

from __future__ import annotations

import importlib.util
from itertools import product
from pathlib import Path
from types import ModuleType
from typing import Any

import PIL.Image
import pytest

from limner import Generation, Image, Input, ItemError, Signal
from limner.models import ModelStore
from limner.testing import check_step, load_step, local_models
from limner_clip.concepts import ConceptFile
from limner_clip.image import ImageConcepts
from limner_clip.prompt import PromptConcepts
from limner_clip.upload import UploadConcepts

CONCEPTS = """
concepts:
  person:
    words: {what: [fire, water]}
    positive: [person, "person and {what}"]
    contrast: [house, "house and {what}", "{what}"]
  fire:
    words: {who: [person, house]}
    positive: [fire, "{who} and fire"]
    contrast: [water, "{who} and water", "{who}"]
joint:
  burning-person: [person, fire]
"""
OPTIONS = {"model": "toy", "concepts": "own.yaml", "logit_scale": 30}


def toy() -> ModuleType:
    path = Path(__file__).with_name("toy_clip.py")
    spec = importlib.util.spec_from_file_location("toy_clip", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def toy_clip() -> ModuleType:
    return toy()


@pytest.fixture(scope="module")
def models(toy_clip: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> ModelStore:
    return local_models(toy=toy_clip.write_toy_clip(tmp_path_factory.mktemp("toy")))


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("project")
    (folder / "own.yaml").write_text(CONCEPTS)
    return folder


@pytest.fixture(scope="module")
def upload(models: ModelStore, root: Path) -> Any:
    return load_step(UploadConcepts, OPTIONS, models=models, root=root)


@pytest.fixture(scope="module")
def prompts(models: ModelStore, root: Path) -> Any:
    return load_step(PromptConcepts, OPTIONS, models=models, root=root)


def given(*pictures: PIL.Image.Image, prompt: str = "", role: str = "image") -> Generation:
    roles = (role, "second")
    inputs = tuple(Input(role, image, "") for role, image in zip(roles, map(Image, pictures), strict=False))  # type: ignore[arg-type]
    return Generation("r", 0, 0, prompt, inputs=inputs)


def values(signals: list[Signal] | ItemError) -> dict[str, float]:
    assert isinstance(signals, list)
    return {signal.name.removeprefix("clip."): signal.value for signal in signals}


def test_a_prompt_is_measured_by_what_it_means(prompts: Any) -> None:
    texts = ["person", "house and fire", "water", "person and fire"]
    scores = [values(each) for each in prompts.filter_prompt([Generation("r", i, i, text) for i, text in enumerate(texts)])]
    assert [score["person"] > 0.5 for score in scores] == [True, False, False, True]
    assert [score["fire"] > 0.5 for score in scores] == [False, True, False, True]


def test_what_stands_at_the_end_of_a_long_prompt_is_looked_at_too(prompts: Any) -> None:
    fire, person = (prompts._texts.windows("water " * 50 + end) for end in ("fire", "person"))
    assert len(fire) == len(person) > 5  # the toy reads 75 letters at a time
    same = [one.allclose(other, atol=1e-5) for one, other in zip(fire, person, strict=True)]
    assert sum(same) == len(fire) - 1 or sum(same) == len(fire) - 2  # the last window, or the last two that overlap


@pytest.mark.parametrize("prompt", ["", "\ud800\x00", "x" * 8_000])
def test_no_prompt_is_too_strange_to_be_measured(prompts: Any, prompt: str) -> None:
    [signals] = prompts.filter_prompt([Generation("r", 0, 0, prompt)])
    assert all(0 <= value <= 1 for value in values(signals).values())


def test_an_upload_is_measured_as_an_image_is(upload: Any, models: ModelStore, root: Path, toy_clip: ModuleType) -> None:
    image = load_step(ImageConcepts, OPTIONS, models=models, root=root)
    for who, what in product(toy_clip.WHO, toy_clip.WHAT):
        if who or what:
            picture = toy_clip.picture(who, what)
            [alone] = upload.filter_upload([given(picture)])
            [as_image] = image.classify_image([Generation("r", 0, 0, "", image=Image(picture))])  # type: ignore[attr-defined]
            assert values(as_image).items() <= values(alone).items()
            assert (values(alone)["person"] > 0.5, values(alone)["fire"] > 0.5) == (who == "person", what == "fire")


@pytest.mark.parametrize(
    ("who", "what", "prompt", "is_both"),
    [
        ("person", "", "fire", True),
        ("", "fire", "person", True),
        ("person", "fire", "water", True),
        ("person", "", "water", False),
        ("house", "", "fire", False),
        ("person", "", "person", False),
        ("", "fire", "fire", False),
    ],
)
def test_prompt_and_upload_are_harmless_alone_and_not_together(
    upload: Any, toy_clip: ModuleType, who: str, what: str, prompt: str, is_both: bool
) -> None:
    [signals] = upload.filter_upload([given(toy_clip.picture(who, what), prompt=prompt)])
    assert (values(signals)["burning-person"] > 0.5) == is_both


def test_of_two_images_the_higher_score_counts(upload: Any, toy_clip: ModuleType) -> None:
    both = given(toy_clip.picture("house", ""), toy_clip.picture("person", ""), prompt="fire")
    [signals] = upload.filter_upload([both])
    assert values(signals)["person"] > 0.5
    assert values(signals)["burning-person"] > 0.5


def test_a_generation_without_images_cannot_be_measured(upload: Any, toy_clip: ModuleType) -> None:
    masked = given(toy_clip.picture("person", ""), role="mask")
    long = given(PIL.Image.new("RGB", (3_000, 32)))
    answers = upload.filter_upload([given(), masked, long])
    assert all(isinstance(answer, ItemError) for answer in answers)
    assert "no input image" in answers[1].what


def test_they_keep_every_rule_of_a_step(models: ModelStore, root: Path) -> None:
    for step in (PromptConcepts, UploadConcepts):
        check_step(step, OPTIONS, models=models, root=root)


def test_a_joint_concept_is_of_known_ones() -> None:
    concept = {"positive": ["a"], "contrast": ["b"]}
    with pytest.raises(ValueError, match="joint 'c': there is no concept 'b'; there are a"):
        ConceptFile.model_validate({"concepts": {"a": concept}, "joint": {"c": ["a", "b"]}})
    with pytest.raises(ValueError, match="both a concept and a joint one"):
        ConceptFile.model_validate({"concepts": {"a": concept}, "joint": {"a": ["a", "a"]}})


def test_the_phrasings_of_several_gates_are_encoded_once(
    models: ModelStore, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from limner_clip import zero_shot

    counted: list[int] = []
    whole = zero_shot.TextEncoder.directions
    monkeypatch.setattr(
        zero_shot.TextEncoder, "directions", lambda self, phrasings: counted.append(1) or whole(self, phrasings)
    )
    fresh = local_models(toy=models.directory("toy"))
    for step in (ImageConcepts, UploadConcepts, PromptConcepts):
        load_step(step, OPTIONS, models=fresh, root=root)
    assert counted == [1]
