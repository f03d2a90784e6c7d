"""Ctrl-C while a stage trains: the step under way is ended and saved, and nothing of the work is lost."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

from limner import LimnerError


class Stopped(LimnerError):
    """Someone stopped the training. Its last step is saved."""

    exit_code = 128 + signal.SIGINT


@contextmanager
def stopping(*, alone: bool) -> Iterator[Callable[[], bool]]:
    """While entered, a first Ctrl-C is only remembered, for whoever asks what this gives; a second one ends at once.

    One of several processes is ended at once by the first: if it left after a step of its own, the others would wait for it.
    """
    asked = False

    def remember(number: int, frame: FrameType | None) -> None:
        nonlocal asked
        asked = True
        signal.signal(signal.SIGINT, before)

    before = signal.signal(signal.SIGINT, remember) if alone else signal.getsignal(signal.SIGINT)
    try:
        yield lambda: asked
    finally:
        signal.signal(signal.SIGINT, before)
