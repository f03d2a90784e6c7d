import numpy as np
import pytest

from limner_scenes.palette import COLOUR_RGB, GROUND_RGB
from limner_scenes.perceptual import oklab

TOLD_APART = 10


def test_every_colour_stands_out_from_every_other_and_from_every_ground() -> None:
    colours, grounds = oklab(list(COLOUR_RGB.values())), oklab(list(GROUND_RGB.values()))
    between = np.linalg.norm(colours[:, None] - colours, axis=-1)
    assert between[~np.eye(len(colours), dtype=bool)].min() > TOLD_APART
    assert np.linalg.norm(colours[:, None] - grounds, axis=-1).min() > TOLD_APART


def test_oklab_of_white_and_black_and_the_published_red() -> None:
    assert oklab([255, 255, 255]) == pytest.approx([100, 0, 0], abs=0.01)
    assert oklab([0, 0, 0]) == pytest.approx([0, 0, 0], abs=0.01)
    assert oklab([255, 0, 0]) == pytest.approx([62.796, 22.486, 12.585], abs=0.01)
