"""What ends an image before its release."""

from __future__ import annotations

from traceback import extract_tb

from limner.errors import LimnerError
from limner.generation import Outcome


class ImageEnd(Exception):
    """The image ends here. `reason` is a word of ours, for the record; `error` tells the caller more."""

    def __init__(self, outcome: Outcome, reason: str = "", error: str = "") -> None:
        super().__init__(outcome)
        self.outcome: Outcome = outcome
        self.reason, self.error = reason, error


def unforeseen(error: Exception) -> ImageEnd:
    """The end of an image at an error that is no step's: its text and place for the caller, its kind for the record."""
    if isinstance(error, LimnerError):
        return ImageEnd("failed", type(error).__name__, str(error))
    at = extract_tb(error.__traceback__)[-1]
    return ImageEnd("failed", type(error).__name__, f"{at.filename}:{at.lineno}: raised {type(error).__name__}: {error}")
