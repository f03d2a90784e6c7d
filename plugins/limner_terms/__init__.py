"""A prompt filter by word lists: the step `terms` tells which categories of listed terms a prompt holds, and where.

Built-in lists lie in `limner_terms/lists/`; an operator adds others in the same form. What counts as a match is told in
`limner_terms.matching`, how a prompt is read through its disguises in `limner_terms.readings`.
"""

from __future__ import annotations

from collections.abc import Sequence

import limner


@limner.hookimpl
def register_steps() -> Sequence[type[limner.Step]]:
    """The one step of this plugin."""
    from limner_terms.step import Terms

    return [Terms]


@limner.hookimpl
def find_terms(text: str, terms: Sequence[str]) -> Sequence[int]:
    """Denied terms, through the same readings of a prompt as the lists."""
    from limner_terms.denied import find

    return find(text, terms)
