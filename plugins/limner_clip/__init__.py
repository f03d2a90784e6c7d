"""Zero-shot concept gates: how likely a prompt, upload, embedding or image shows a named concept, told by a model's own CLIP.

The steps `clip.prompt_concepts`, `clip.upload_concepts`, `clip.embedding_concepts` and `clip.image_concepts` measure
`clip.<concept>` for each concept of a file, by the same vectors; the upload's is measured together with the prompt too. What a
concept is, and how to write one, is told in `limner_clip.concepts`; how it is scored, in `limner_clip.zero_shot`. The built-in
concepts, those of the model `scenes`, lie in `limner_clip/concepts.yaml`. Policies hold the thresholds.
"""

from collections.abc import Sequence

import limner
from limner_clip.embedding import EmbeddingConcepts
from limner_clip.image import ImageConcepts
from limner_clip.prompt import PromptConcepts
from limner_clip.upload import UploadConcepts


@limner.hookimpl
def register_steps() -> Sequence[type[limner.Step]]:
    """The four gates."""
    return [PromptConcepts, UploadConcepts, EmbeddingConcepts, ImageConcepts]
