"""Text classifiers of others as prompt filters: any sequence classifier of transformers, and guard models that write a verdict.

`{use: textclf, with: {model: toxicity, labels: {toxic: harassment}}}` measures `textclf.harassment`; `textclf.guard` asks a
model of the kind of Llama Guard, which writes `safe`, or `unsafe` and the categories it sees. Models stand under `models:`.
"""

from __future__ import annotations

from collections.abc import Sequence

import limner


@limner.hookimpl
def register_steps() -> Sequence[type[limner.Step]]:
    """The classifier and the guard."""
    from limner_textclf.classifier import TextClassifier
    from limner_textclf.guard import Guard

    return [TextClassifier, Guard]
