"""False twins of captions: the same words, two of them exchanged, so that what belongs to what decides.

A CLIP that only counts words takes "a red ball and a blue cube" for "a blue ball and a red cube" (arXiv 2210.01936).
"""

from __future__ import annotations

import re
from collections.abc import Sequence

Kinds = Sequence[Sequence[str]]


def false_twin(caption: str, kinds: Kinds) -> str | None:
    """The caption with the first two different words of one kind exchanged; None where no kind stands in it twice."""
    for kind in kinds:
        found = list(re.finditer(rf"\b({'|'.join(map(re.escape, kind))})\b", caption, re.IGNORECASE))
        other = next((match for match in found if match[0].lower() != found[0][0].lower()), None)
        if other is not None:
            return _exchanged(caption, found[0], other)
    return None


def _exchanged(text: str, first: re.Match[str], second: re.Match[str]) -> str:
    between = text[first.end() : second.start()]
    return text[: first.start()] + second[0] + between + first[0] + text[second.end() :]
