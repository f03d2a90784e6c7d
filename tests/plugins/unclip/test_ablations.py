"""What stands in for a prior in a comparison: the caption alone, and the text embedding as if it were an image's."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from limner import Generation, Models
from limner.models import ModelStore
from limner.testing import check_step
from limner_unclip.ablations import NoEmbedding, TextEmbedding
from limner_unclip.decoder import Decoder
from limner_unclip.text import Text


def drawn_without_prior(step: Any, generation: Generation) -> tuple[torch.Tensor, Any]:
    [(embedding, text)] = step.sample_prior([generation])
    return embedding.vector, text


@pytest.mark.parametrize("step", [NoEmbedding, TextEmbedding])
def test_they_keep_the_rules_of_steps(store: ModelStore, step: Any) -> None:
    check_step(step, {"model": "tiny"}, models=store)


def test_the_caption_alone_comes_with_the_embedding_that_guidance_moves_away_from(
    load: Any, models: Models, generation: Any
) -> None:
    vector, text = drawn_without_prior(load(NoEmbedding), generation())
    null = models.component("tiny", "text_proj").learned_classifier_free_guidance_embeddings
    assert torch.equal(vector, null.flatten())
    [encoded] = load(Text).encode_text([generation()])
    assert torch.equal(text.tokens, encoded.tokens)


def test_the_text_embedding_points_as_the_text_does_and_is_as_long_as_an_images(
    load: Any, models: Models, generation: Any
) -> None:
    vector, text = drawn_without_prior(load(TextEmbedding), generation())
    prior = models.component("tiny", "prior")
    assert torch.cosine_similarity(vector, text.pooled, dim=0) == pytest.approx(1)
    assert vector.norm() ** 2 == pytest.approx(float((prior.clip_mean**2 + prior.clip_std**2).sum()), rel=1e-4)


@pytest.mark.parametrize("step", [NoEmbedding, TextEmbedding])
def test_a_decoder_takes_what_they_give(load: Any, generation: Any, step: Any) -> None:
    [(embedding, text)] = load(step).sample_prior([generation()])
    decoder = load(Decoder, steps=1)
    [image] = decoder.decode([generation(text=text).with_embedding(embedding)])
    assert torch.isfinite(image.tensor()).all()
