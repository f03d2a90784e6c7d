"""An evaluation counts what a model made, each part by its own rule, and draws nothing twice."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from limner_scenes.evaluation.drawings import Drawings
from limner_scenes.evaluation.measuring import Evaluator, Wanted
from limner_scenes.evaluation.report import as_json
from limner_scenes.evaluation.tasks import TASKS
from limner_scenes.reader.reading import Reader
from limner_scenes.scene import Scene
from limner_scenes.worlds import PLAIN, SMALL

N = 4
ALL = Wanted(SMALL, prompts=N, ablation_prompts=6, concept_prompts=6)


def evaluator(wanted: Wanted, model: Any, reader: Reader, path: Path) -> Evaluator:
    return Evaluator(wanted, Drawings.open(path), lambda instead: model, reader)


def test_a_model_that_draws_what_it_is_asked_for_is_right_in_everything(renderer: Any, reader: Reader, tmp_path: Path) -> None:
    model = renderer(ALL)
    found = evaluator(ALL, model, reader, tmp_path / "drawings.jsonl").run()
    assert {(result.task.name, result.suite) for result in found.tasks} >= {(task.name, "seen") for task in TASKS}
    assert sum(result.rate.right for result in found.tasks) >= 0.95 * sum(result.rate.of for result in found.tasks)
    assert found.score("seen") == pytest.approx(1, abs=0.1)
    assert {result.name for result in found.concepts} == {"sameness", "numerosity", "adjacency"}
    assert all(result.rate.share > 0.8 for result in found.concepts)
    assert found.ablations.keys() == {"caption only", "text embedding as image embedding", "prior"}
    assert found.diversity is not None
    assert found.diversity.model == 0
    assert found.nearest is not None
    assert len(found.nearest.model) == N * len(TASKS)


def test_what_was_drawn_is_kept_and_an_evaluation_that_goes_on_finds_the_same(
    renderer: Any, reader: Reader, tmp_path: Path
) -> None:
    part = replace(ALL, parts=("colours",))
    first, again = renderer(ALL), renderer(ALL)
    before = evaluator(part, first, reader, tmp_path / "drawings.jsonl")
    assert before.missing() == 2 * N
    found = before.run()
    after = evaluator(part, again, reader, tmp_path / "drawings.jsonl")
    assert after.missing() == 0
    assert as_json(after.run()) == as_json(found)
    assert (len(first.drawn), again.drawn) == (2 * N, [])


def test_every_prompt_gets_its_fixed_seed_and_as_many_more_as_are_wanted(renderer: Any, reader: Reader, tmp_path: Path) -> None:
    wanted = replace(ALL, parts=("position",), suites=("seen",), seeds=2)
    model = renderer(wanted)
    evaluator(wanted, model, reader, tmp_path / "drawings.jsonl").run()
    assert [seed for _, seed in model.drawn] == [0, 1, 2, 3, 1000, 1001, 1002, 1003]


def test_colours_that_changed_places_are_counted_as_swaps(renderer: Any, reader: Reader, tmp_path: Path) -> None:
    wanted = replace(ALL, parts=("colour attribution", "two objects"), suites=("seen",))
    found = evaluator(wanted, renderer(wanted, exchanged), reader, tmp_path / "drawings.jsonl").run()
    two, attribution = found.tasks
    assert (two.rate.right, attribution.rate.right) == (N, 0)
    assert attribution.faults == {"binding": N}
    assert attribution.swaps is not None
    assert attribution.swaps.right == N


def exchanged(prompt: str, scene: Scene) -> Scene:
    first, second = scene.things
    return replace(scene, things=(replace(first, colour=second.colour), replace(second, colour=first.colour)))


def test_a_picture_that_did_not_come_counts_as_wrong(renderer: Any, reader: Reader, tmp_path: Path) -> None:
    wanted = replace(ALL, parts=("colours",), suites=("seen",))
    found = evaluator(wanted, renderer(wanted, lambda prompt, scene: None), reader, tmp_path / "drawings.jsonl").run()
    assert (found.tasks[0].rate.right, found.tasks[0].faults) == (0, {"no picture": N})


def test_each_way_without_the_prior_is_drawn_by_its_own_steps(renderer: Any, reader: Reader, tmp_path: Path) -> None:
    wanted = replace(ALL, parts=("ablations",), ablation_prompts=2)
    model, asked = renderer(wanted), []

    def artist(instead: Mapping[str, str]) -> Any:
        asked.append(instead.get("unclip.prior"))
        return replace(model, digest=str(instead))

    found = Evaluator(wanted, Drawings.open(tmp_path / "drawings.jsonl"), artist, reader).run()
    assert asked == ["unclip.no_embedding", "unclip.text_embedding", None]
    assert all(rate.of == 2 for rate in found.ablations.values())
    assert found.tasks == ()


def test_a_world_is_not_asked_for_what_it_does_not_have() -> None:
    names = {task.name for task, _ in replace(ALL, world=PLAIN).tasks}
    assert names == {"single object", "two objects", "colours", "position", "colour attribution", "settings"}
