"""Drawing from a model to measure it: the pipeline's own pixels, without gates, marks and record."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, ClassVar

import pytest
from house import house, plugin

import limner
from limner.app import App
from limner.audit.reading import requests
from limner.errors import PluginError, UsageError


@pytest.fixture
def app(tmp_path: Path) -> Iterator[App]:
    with house(tmp_path) as opened:
        yield opened


def test_neither_gates_nor_marks_nor_record_take_part(app: App):
    drawing = app.drawing()
    image = drawing.image("bad idea", 1)
    assert image is not None
    assert image.pillow().getpixel((0, 0)) != (255, 255, 255)
    assert requests(app.database) == ()


def test_a_step_that_fails_leaves_no_image(app: App):
    assert app.drawing().image("break", 2) is None


def test_what_is_drawn_is_what_a_request_of_that_seed_gets_before_marking(app: App):
    image = app.drawing().image("a field", 7)
    [released] = app.run(app.request("a field", seed=7)).images
    assert image is not None
    assert image.sha256() == released.pixels_sha256


def test_a_pipeline_that_is_not_there_is_not_drawn_from(app: App):
    with pytest.raises(UsageError, match="did you mean 'plain'"):
        app.drawing("plane")


class Night(limner.Step):
    """Draws the night, whatever it is asked for."""

    type: ClassVar[str] = "toy.night"
    runs_on: ClassVar[Any] = "cpu"

    @limner.hookimpl
    def decode(self, generations: Sequence[limner.Generation]) -> list[limner.Image]:
        import torch

        return [limner.Image(torch.full((3, 16, 16), -1.0)) for _ in generations]


def test_another_step_of_the_same_stage_may_stand_in(tmp_path: Path):
    with house(tmp_path, plugins=[plugin(Night)]) as app:
        image = app.drawing(instead={"toy.draw": "toy.night"}).image("a field", 7)
        assert image is not None
        assert image.pillow().getpixel((5, 5)) == (0, 0, 0)
        assert app.drawing(instead={"toy.draw": "toy.night"}).digest != app.drawing().digest == app.drawing().digest


def test_a_step_of_another_stage_may_not(app: App):
    with pytest.raises(UsageError, match=r"toy\.mark does the work of watermark and cannot stand in for toy\.draw"):
        app.drawing(instead={"toy.draw": "toy.mark"})
    with pytest.raises(PluginError, match=r"no step 'toy\.paint'"):
        app.drawing(instead={"toy.draw": "toy.paint"})
