"""What priors and decoder learn from: a pool with its embeddings, which have to say something."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from limner import ConfigurationError
from limner_unclip.training.encoders import Embedded
from limner_unclip.training.records import read_records


def test_embeddings_that_do_not_vary_are_a_collapsed_clip():
    embeddings = torch.randn(10, 4)
    embeddings[:, 2] = 1.0
    with pytest.raises(ConfigurationError, match="do not vary in some dimensions"):
        _ = Embedded(pool=None, embeddings=embeddings).std  # type: ignore[arg-type]  # statistics look at no picture


def test_a_record_that_is_none_is_named(tmp_path: Path):
    (tmp_path / "stages").mkdir()
    (tmp_path / "stages" / "clip.json").write_text('{"stage": "clip"}')
    with pytest.raises(ConfigurationError, match="is not a stage's record") as caught:
        read_records(tmp_path)
    assert caught.value.where.endswith("clip.json")
