"""Drawings are kept as they come; whatever broke the run off, it goes on where it stopped."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as PillowImage

from limner import Image, UsageError
from limner_scenes.evaluation.drawings import Drawings

ASKED = [("a red cat", 0), ("a blue car", 1), ("nothing", 2)]


@dataclass
class Noise:
    """Draws noise of its seed; nothing where that is asked for, and no more than so many pictures."""

    digest: str = "noise"
    stamina: int = 100
    size: tuple[int, int] = (32, 32)
    drawn: list[str] = field(default_factory=list)

    def image(self, prompt: str, seed: int) -> Image | None:
        if len(self.drawn) == self.stamina:
            raise KeyboardInterrupt
        self.drawn.append(prompt)
        pixels = np.random.default_rng(seed).integers(0, 256, (*self.size, 3)).astype(np.uint8)
        return None if prompt == "nothing" else Image(PillowImage.fromarray(pixels))


def test_an_interrupted_run_goes_on_where_it_stopped(tmp_path: Path) -> None:
    path = tmp_path / "made" / "drawings.jsonl"
    with pytest.raises(KeyboardInterrupt):
        list(Drawings.open(path).draw(Noise(stamina=2), ASKED))
    rested = Noise()
    pictures = [drawn.picture for drawn in Drawings.open(path).draw(rested, ASKED)]
    assert rested.drawn == ["nothing"]
    assert pictures[2] is None
    assert pictures[0] is not None
    assert np.array_equal(pictures[0], next(Drawings.open(path).draw(Noise(), ASKED)).picture)


def test_a_line_cut_short_is_drawn_again(tmp_path: Path) -> None:
    path = tmp_path / "drawings.jsonl"
    list(Drawings.open(path).draw(Noise(), ASKED))
    path.write_bytes(path.read_bytes()[:-20])
    again = Noise()
    assert len(list(Drawings.open(path).draw(again, ASKED))) == 3
    assert again.drawn == ["nothing"]
    assert Drawings.open(path).missing(Noise(), ASKED) == 0


def test_another_model_prompt_or_seed_is_another_drawing(tmp_path: Path) -> None:
    drawings = Drawings.open(tmp_path / "drawings.jsonl")
    list(drawings.draw(Noise(), ASKED))
    assert drawings.missing(Noise(digest="other"), ASKED) == 3
    assert drawings.missing(Noise(), [("a red cat", 1), ("a red cat", 0), ("a red fish", 0)]) == 2


def test_each_new_drawing_is_told_and_none_that_was_kept(tmp_path: Path) -> None:
    drawings, told = Drawings.open(tmp_path / "drawings.jsonl"), []
    for asked in (ASKED[:2], ASKED):
        list(drawings.draw(Noise(), asked, lambda: told.append(1)))
    assert len(told) == 3


@pytest.mark.parametrize("size", [(16, 16), (64, 32)])
def test_pictures_that_the_checker_cannot_read_are_refused_at_the_first(tmp_path: Path, size: tuple[int, int]) -> None:
    artist = Noise(size=size)
    with pytest.raises(UsageError, match="the checker reads square ones of 32 at least"):
        list(Drawings.open(tmp_path / "drawings.jsonl").draw(artist, ASKED))
    assert len(artist.drawn) == 1
