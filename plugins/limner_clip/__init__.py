"""Zero-shot concept gates: how likely an embedding or an image shows a named concept, told by a model's own CLIP.

The steps `clip.embedding_concepts` and `clip.image_concepts` measure `clip.<concept>` for each concept of a file. What a
concept is, and how to write one, is told in `limner_clip.concepts`; how it is scored, in `limner_clip.zero_shot`. The built-in
concepts, those of the model `scenes`, lie in `limner_clip/concepts.yaml`. Policies hold the thresholds.
"""

from collections.abc import Sequence

import limner
from limner_clip.embedding import EmbeddingConcepts
from limner_clip.image import ImageConcepts


@limner.hookimpl
def register_steps() -> Sequence[type[limner.Step]]:
    """The two gates."""
    return [EmbeddingConcepts, ImageConcepts]
