"""Image classifiers of others at the image gate: any image classifier of transformers, and Stable Diffusion's safety checker.

`{use: imageclf, with: {model: nsfw, labels: {nsfw: sexual}}}` measures `imageclf.sexual`; `imageclf.safety_checker` measures
what diffusers' checker blackens images for, and blackens none. Models are declared under `models:`.
"""

from __future__ import annotations

from collections.abc import Sequence

import limner


@limner.hookimpl
def register_steps() -> Sequence[type[limner.Step]]:
    """The classifier and the safety checker."""
    from limner_imageclf.classifier import ImageClassifier
    from limner_imageclf.safety_checker import SafetyChecker

    return [ImageClassifier, SafetyChecker]
