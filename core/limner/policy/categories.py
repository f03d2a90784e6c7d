"""Categories: what is at stake in a rule, and what becomes of work that is stopped for it.

The names that every policy may use are those of the moderation APIs that people know, and four that concern images. A policy
that speaks of others declares them, so that a misspelt one is found, and may say of each what becomes of its work:

    categories:
      emblems: {}
      sexual/minors: {keep: quarantine, days: 90, four_eyes: true}
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

MODERATION = (
    "harassment", "harassment/threatening", "hate", "hate/threatening", "illicit", "illicit/violent", "self-harm",
    "self-harm/instructions", "self-harm/intent", "sexual", "sexual/minors", "violence", "violence/graphic",
)  # fmt: skip
OF_IMAGES = ("political", "public-figures", "shocking", "trademarks")
KNOWN = frozenset((*MODERATION, *OF_IMAGES))
DAYS = 30  # that a quarantined image is kept where its category names no number


@dataclass(frozen=True, slots=True)
class Category:
    """What becomes of work that a rule of this category stops.

    `keep` is `quarantine` where a blocked image is kept, encrypted and for reviewers alone, for `days`; else it is not kept at
    all. With `four_eyes`, held work is released only when two people agree, neither of whom asked for it.
    """

    keep: Literal["none", "quarantine"] = "none"
    days: int = DAYS
    four_eyes: bool = False

    def as_json(self) -> dict[str, str | int | bool]:
        """The category as it is hashed into the policy's revision."""
        return {"keep": self.keep, "days": self.days, "four_eyes": self.four_eyes}
