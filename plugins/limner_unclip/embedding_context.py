"""Image embedding and text in one, as the decoder wants them."""

from __future__ import annotations

from typing import Any

import torch

from limner import Embedding
from limner_unclip.conditioning import Conditioning


def embedding_context(text_proj: Any, embedding: Embedding, text: Conditioning) -> Conditioning:  # UnCLIPTextProjModel
    """The embedding as extra context tokens before the text's, and added to the text embedding (DALL·E 2, section 2.1).

    Under guidance it stands beside its own negative, or else the null embedding that the model learned.
    """
    vector = embedding.vector.to(text.vector)
    null = text_proj.learned_classifier_free_guidance_embeddings if embedding.negative is None else embedding.negative
    context, class_embedding = text_proj(
        image_embeddings=torch.stack([null.to(vector), vector]) if text.guided else vector[None],
        prompt_embeds=text.vector,
        text_encoder_hidden_states=text.tokens,
        do_classifier_free_guidance=False,
    )
    extra = context.shape[1] - text.tokens.shape[1]
    mask = torch.cat([text.mask.new_ones(len(text.mask), extra), text.mask], dim=1)
    return Conditioning(context, mask, class_embedding)
