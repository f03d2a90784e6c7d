"""`limner vary`, `edit` and `blend` as a person meets them, over a project with the toy plugin."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from PIL import Image

if TYPE_CHECKING:
    from tests.core.cli.conftest import Limner

STEP = "{use: toy.alter, as: alter, with: {masked: %s}}"
PIPELINE = """
  {name}:
    task: {task}
    policy: house
{parameters}    steps:
      - use: toy.words
      - {step}
      - use: toy.look
      - use: toy.mark
"""
WEIGHT = "    parameters:\n      {name}: {{sets: alter.weight, min: 0, max: 1}}\n"
TASKS = "".join(
    PIPELINE.format(name=name, task=task, step=STEP % masked, parameters=parameters)
    for name, task, masked, parameters in (
        ("masked", "edit", "true", ""),
        ("turned", "edit", "false", WEIGHT.format(name="theta")),
        ("varied", "vary", "false", WEIGHT.format(name="strength")),
        ("blended", "blend", "false", WEIGHT.format(name="weight")),
    )
)


@pytest.fixture(autouse=True)
def files(project: Path) -> None:
    """A project with a pipeline for every task, and images in it."""
    with (project / "pipelines.yaml").open("a") as pipelines:
        pipelines.write(TASKS)
    Image.new("RGB", (12, 8), (200, 150, 100)).save(project / "a.png")
    Image.new("RGB", (12, 8), (100, 150, 200)).save(project / "b.png")
    mask = Image.new("L", (12, 8))
    mask.paste(255, (6, 0, 12, 8))
    mask.save(project / "mask.png")


def told(limner: Limner, *words: str) -> tuple[int, dict[str, Any]]:
    done = limner(*words, "--json")
    return done.returncode, json.loads(done.stdout)


def pixels(path: Path) -> list[tuple[int, ...]]:
    with Image.open(path) as image:
        return [image.getpixel(at) for at in ((1, 4), (10, 4))]  # type: ignore[misc]


def test_variations_are_made_and_the_image_is_on_the_record(project: Path, limner: Limner) -> None:
    code, result = told(limner, "vary", "a.png", "-n", "2", "--strength", "0.25", "-o", "v.png")
    assert code == 0
    assert [image["path"] for image in result["images"]] == ["v-0.png", "v-1.png"]
    assert pixels(project / "v-0.png") == [(55, 105, 155)] * 2
    shown = json.loads(limner("audit", "show", result["request_id"], "--json").stdout)["events"][0]
    sha256 = hashlib.sha256((project / "a.png").read_bytes()).hexdigest()
    assert shown["body"]["inputs"] == [{"role": "image", "sha256": sha256}]
    assert shown["body"]["parameters"] == {"strength": 0.25}
    assert shown["payloads"]["input.image"]["value"]["sha256"] == sha256
    assert sha256 in limner("audit", "show", result["request_id"]).stdout


def test_an_edit_with_a_mask_takes_the_pipeline_that_reads_one(project: Path, limner: Limner) -> None:
    code, result = told(limner, "edit", "a.png", "a bright field", "--mask", "mask.png", "-o", "e.png")
    assert (code, result["pipeline"]) == (0, "masked")
    assert pixels(project / "e.png") == [(200, 150, 100), (55, 105, 155)]


def test_an_edit_by_texts_takes_the_other_and_both_texts_are_on_the_record(project: Path, limner: Limner) -> None:
    code, result = told(limner, "edit", "a.png", "--from", "a red ball", "--to", "a blue ball", "--theta", "0.5")
    assert (code, result["pipeline"]) == (0, "turned")
    accepted = json.loads(limner("audit", "show", result["request_id"], "--json").stdout)["events"][0]
    assert accepted["payloads"]["prompt"]["value"] == "a blue ball"
    assert accepted["payloads"]["negative_prompt"]["value"] == "a red ball"
    assert accepted["body"]["parameters"] == {"theta": 0.5}


def test_the_text_to_go_to_is_a_prompt_like_any_other(limner: Limner) -> None:
    code, result = told(limner, "edit", "a.png", "--to", "a bad thing")
    assert (code, result["images"][0]["outcome"]) == (3, "withheld")


def test_a_blend_goes_from_one_image_to_the_other(project: Path, limner: Limner) -> None:
    code, result = told(limner, "blend", "a.png", "b.png", "--steps", "3", "-o", "out/x.png")
    assert code == 0
    paths = [request["images"][0]["path"] for request in result["requests"]]
    assert paths == ["out/x-0.png", "out/x-1.png", "out/x-2.png"]
    assert [pixels(project / path)[0] for path in paths] == [(200, 150, 100), (150, 150, 150), (100, 150, 200)]


def test_a_blend_of_one_step_is_half_way(project: Path, limner: Limner) -> None:
    done = limner("blend", "a.png", "b.png", "--steps", "1", "-o", "x.png")
    assert done.returncode == 0
    assert "x-0.png" in done.stdout
    assert pixels(project / "x-0.png")[0] == (150, 150, 150)


def test_ctrl_c_between_two_steps_of_a_blend_ends_it(limner: Limner, monkeypatch: pytest.MonkeyPatch) -> None:
    from limner.cli import tasks

    run = tasks.run

    def cancelled(app: Any, request: Any, target: Any) -> Any:
        made = run(app, request, target)
        image = made.result.images[0]
        return type(made)(replace(made.result, images=(replace(image, outcome="cancelled"),)), {})

    monkeypatch.setattr(tasks, "run", cancelled)
    code, result = told(limner, "blend", "a.png", "b.png")
    assert code == 130
    assert len(result["requests"]) == 1


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["vary", "gone.png"], "gone.png: the file cannot be read"),
        (["vary", "pipelines.yaml"], "pipelines.yaml: the file is no image of a kind that is taken"),
        (["vary", "a.png", "--strength", "0.5", "--set", "strength=1"], "set twice"),
        (["edit", "a.png"], "a mask, or a text to go to"),
        (["edit", "a.png", "x", "--mask", "mask.png", "--to", "y"], "a mask, or a text to go to"),
        (["edit", "a.png", "--mask", "mask.png"], "has a prompt"),
        (["edit", "a.png", "x", "--mask", "mask.png", "--theta", "0.2"], "neither --from nor --theta"),
        (["edit", "a.png", "x", "--to", "y"], "leave the prompt out"),
        (["edit", "a.png", "x", "--mask", "small.png"], "the mask has 3 x 3 pixels, the image 12 x 8"),
        (["edit", "a.png", "x", "--mask", "mask.png", "--pipeline", "turned"], "the inputs are image, mask"),
        (["blend", "a.png", "b.png", "--pipeline", "varied"], "is for the task vary, not blend"),
        (["vary", "a.png", "--pipeline", "plain"], "is for the task generate, not vary"),
    ],
)
def test_a_wrong_call_is_refused_without_a_traceback(project: Path, limner: Limner, words: list[str], message: str) -> None:
    Image.new("L", (3, 3), 255).save(project / "small.png")
    done = limner(*words)
    assert done.returncode == 2
    assert message in done.stderr
    assert "Traceback" not in done.stderr


def test_where_no_pipeline_serves_the_task_it_says_so(project: Path, limner: Limner) -> None:
    path = project / "pipelines.yaml"
    path.write_text(path.read_text().partition("  masked:")[0])
    done = limner("edit", "a.png", "--to", "a field")
    assert (done.returncode, "no pipeline is for the task edit without a mask" in done.stderr) == (2, True)
    done = limner("edit", "a.png", "x", "--mask", "mask.png")
    assert "no pipeline is for the task edit with a mask" in done.stderr


@pytest.mark.parametrize(
    "words", [["vary", "a.png"], ["edit", "a.png", "--mask", "mask.png", "a cat"], ["blend", "a.png", "b.png", "--steps", "1"]]
)
def test_each_can_be_asked_as_one_of_a_cohort(limner: Limner, words: list[str]):
    assert limner(*words, "--cohort", "guests").returncode == 0
    assert [request["cohort"] for request in json.loads(limner("audit", "list", "--json").stdout)] == ["guests"]
