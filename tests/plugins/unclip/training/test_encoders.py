"""What priors and decoder learn from: a pool with its embeddings, which have to say something."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from limner import ConfigurationError
from limner_unclip.training.direct_prior import new_direct_prior
from limner_unclip.training.encoders import Embedded, Encoders
from limner_unclip.training.prior import new_prior
from limner_unclip.training.recipe import DirectPrior, Prior
from limner_unclip.training.records import read_records

CPU = torch.device("cpu")


def test_embeddings_that_do_not_vary_are_a_collapsed_clip():
    embeddings = torch.randn(10, 4)
    embeddings[:, 2] = 1.0
    with pytest.raises(ConfigurationError, match="do not vary in some dimensions"):
        _ = Embedded(pool=None, embeddings=embeddings).std  # type: ignore[arg-type]  # statistics look at no picture


def test_heads_that_do_not_divide_the_width_are_named(trained: Path):
    encoders = Encoders(trained / "run", CPU)
    with pytest.raises(ConfigurationError, match=r"prior\.heads is 3, which does not divide the 16 dimensions"):
        new_prior(Prior(steps=1, batch=1, heads=3), encoders)
    with pytest.raises(ConfigurationError, match=r"direct_prior\.heads is 3, which does not divide its width of 16"):
        new_direct_prior(DirectPrior(steps=1, batch=1, heads=3, width=16), encoders)


def test_a_record_that_is_none_is_named(tmp_path: Path):
    (tmp_path / "stages").mkdir()
    (tmp_path / "stages" / "clip.json").write_text('{"stage": "clip"}')
    with pytest.raises(ConfigurationError, match="is not a stage's record") as caught:
        read_records(tmp_path)
    assert caught.value.where.endswith("clip.json")
