"""Progress on the terminal: one line an image, drawn on stderr while a request runs."""

from __future__ import annotations

import threading
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TaskID, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bars

from limner.result import ImageResult, Watcher


class Progress(Watcher):
    """A bar for each image, telling the step at work. Silent where stderr is not a terminal."""

    def __init__(self) -> None:
        console = Console(stderr=True)
        self._bars = Bars(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            console=console,
            transient=True,
            disable=not console.is_terminal,
        )
        self._tasks: dict[int, TaskID] = {}
        self._lock = threading.Lock()

    def __enter__(self) -> Progress:
        self._bars.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._bars.stop()

    def progressed(self, index: int, step: str, i: int, n: int) -> None:
        """Move the image's bar; the description names the step."""
        with self._lock:
            if index not in self._tasks:
                self._tasks[index] = self._bars.add_task("")
        self._bars.update(self._tasks[index], description=f"image {index}: {step}", completed=i, total=n)

    def ended(self, image: ImageResult) -> None:
        """Say the outcome."""
        with self._lock:
            task = self._tasks.get(image.index)
        if task is not None:
            self._bars.update(task, description=f"image {image.index}: {image.outcome}")
