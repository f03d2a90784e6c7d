"""What a step lacks is the operator's to mend: it ends in exit code 4, at a gate too, and never in an allow."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import pytest
from house import POLICY, house, plugin

import limner
from limner.cli.outcome import exit_code

PIPELINES = """\
limner: 1
pipelines:
  p:
    task: generate
    policy: house
    steps:
      - use: toy.words
      {first}- {{use: toy.draw, as: draw}}
      {then}- use: toy.look
      - use: toy.mark
"""


class Finish(limner.Step):
    """Its model is gone by the time it loads."""

    type: ClassVar[str] = "toy.finish"

    def load(self, models: Any, device: Any, dtype: Any) -> None:
        raise limner.ModelError("its weights are gone", where="model karlo", fix="limner models fetch karlo")

    @limner.hookimpl
    def transform_image(self, generations: Any) -> list[Any]:
        return [generation.image for generation in generations]


class Check(limner.Step):
    """A check whose model is gone."""

    type: ClassVar[str] = "toy.check"
    load = Finish.load  # type: ignore[assignment]

    @classmethod
    def emits(cls, options: Any, models: Any) -> Mapping[str, limner.Range]:
        return {"toy.checked": limner.Range()}

    @limner.hookimpl
    def filter_prompt(self, generations: Any) -> list[Any]:
        return [[limner.Signal("toy.checked", 0.0)] for _ in generations]


class Late(limner.Step):
    """Finds out at work that the value is another model's."""

    type: ClassVar[str] = "toy.late"

    @limner.hookimpl
    def transform_image(self, generations: Any) -> list[Any]:
        raise limner.ModelError("of another model")


@pytest.mark.parametrize(
    ("step", "first", "then", "outcome"),
    [
        (Finish, "", "- use: toy.finish\n      ", "failed"),
        (Late, "", "- use: toy.late\n      ", "failed"),
        (Check, "- use: toy.check\n      ", "", "withheld"),
    ],
)
def test_what_stands_in_a_file_is_told_by_the_exit_code(
    tmp_path: Path, step: type[limner.Step], first: str, then: str, outcome: str
) -> None:
    rules = POLICY + "  - {id: checked, at: prompt, signal: toy.checked, at_least: 1.0, then: block}\n"
    with house(
        tmp_path,
        pipelines=PIPELINES.format(first=first, then=then),
        policies={"house": rules if step is Check else POLICY},
        plugins=[plugin(step)],
    ) as app:
        result = app.run(app.request("a field"))
    [image] = result.images
    assert (image.outcome, image.misconfigured) == (outcome, True)
    assert exit_code(result) == 4


def test_a_step_that_breaks_is_no_fault_of_a_file(tmp_path: Path) -> None:
    with house(tmp_path) as app:
        result = app.run(app.request("break the brush"))
    assert not result.images[0].misconfigured
    assert exit_code(result) == 1
