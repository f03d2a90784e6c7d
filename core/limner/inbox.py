"""Where an image's life hears of two things at once: the previews of a step that is under way, and its end."""

from __future__ import annotations

import threading
from collections import deque
from concurrent.futures import Future
from typing import Any

from limner.generation import Image


class Inbox:
    """Previews, as the engine's threads put them in, until the step that makes them ends. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._images: deque[Image] = deque(maxlen=1)  # an older one that nobody has looked at is stale
        self._bell: Future[Any] = Future()
        self._ended = False

    def put(self, image: Image) -> None:
        """A preview."""
        with self._lock:
            self._images.append(image)
            self._ring()

    def end(self) -> None:
        """The step has ended."""
        with self._lock:
            self._ended = True
            self._ring()

    def news(self) -> Future[Any]:
        """A future that is done when there is a preview or the end to be had."""
        with self._lock:
            self._bell = Future()
            if self._images or self._ended:
                self._ring()
            return self._bell

    def take(self) -> Image | None:
        """The newest preview; None where there is none, and once the step has ended."""
        with self._lock:
            return self._images.popleft() if self._images and not self._ended else None

    @property
    def ended(self) -> bool:
        """Whether the step has ended."""
        return self._ended

    def _ring(self) -> None:
        if not self._bell.done():
            self._bell.set_result(None)
