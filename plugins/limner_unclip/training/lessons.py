"""What a stage learns from, drawn ahead and drawn anew: a pool large enough to sample from, out of a stream without end."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar

Lesson = TypeVar("Lesson")


class Lessons(Generic[Lesson]):
    """Lessons by step: a new one every `renew` steps, or the same throughout where that is 0.

    A lesson's number follows from the step alone and `make` draws by number, so a resumed run learns from the same ones.
    """

    def __init__(self, make: Callable[[int], Lesson], renew: int = 0) -> None:
        self._make, self._renew = make, renew
        self._number = -1
        self._lesson: Lesson | None = None

    def at(self, step: int) -> Lesson:
        """The lesson of a step."""
        number = step // self._renew if self._renew else 0
        lesson = self._lesson
        if lesson is None or number != self._number:
            lesson = self._lesson = None  # its memory goes before the next one is drawn
            lesson = self._make(number)
            self._number, self._lesson = number, lesson
        return lesson
