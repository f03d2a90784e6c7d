"""Work that waits for a person: what is held, what a reviewer says of it, and what is called back."""

from limner.review.desk import Desk, Verdict
from limner.review.held import Hold, find, waiting
from limner.review.recall import Recalled, matching, recall

__all__ = ["Desk", "Hold", "Recalled", "Verdict", "find", "matching", "recall", "waiting"]
