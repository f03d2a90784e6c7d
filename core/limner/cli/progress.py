"""Progress on the terminal: one line an image, drawn on stderr while a request runs."""

from __future__ import annotations

import threading
from pathlib import Path
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TaskID, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bars

from limner.files import save_atomically
from limner.result import ImageResult, Preview, Watcher

PREVIEWS = 3  # of each image, as in the image APIs people know


class Progress(Watcher):
    """A bar for each image, telling the step at work. Silent where stderr is not a terminal.

    With a folder for previews, they are written there as they are released: `0-1.png` is the first one of image 0.
    """

    def __init__(self, previews: Path | None = None) -> None:
        self._folder = previews
        self.previews = 0 if previews is None else PREVIEWS
        self.shown = 0  # previews that were released, whether or not they could be written
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

    def previewed(self, preview: Preview) -> None:
        """Write the preview. A folder that cannot be written to costs the previews and not the image."""
        assert self._folder is not None
        self.shown += 1
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            save_atomically(self._folder / f"{preview.index}-{preview.number}.{preview.file.format}", preview.file.data)
        except OSError as error:
            self._bars.console.print(f"a preview cannot be written: {error}", style="red")

    def ended(self, image: ImageResult) -> None:
        """Say the outcome."""
        with self._lock:
            task = self._tasks.get(image.index)
        if task is not None:
            self._bars.update(task, description=f"image {image.index}: {image.outcome}")
