"""Where a run's figures go: lines of JSON, TensorBoard, a bar on the terminal."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.progress import Progress as Bars

from limner_unclip.training.extra import training_library
from limner_unclip.training.loop import Progress, Report

CURVES = ("loss", "gradient", "rate", "pictures_per_second")


class JsonLines:
    """One JSON object a line. Lines past `step` are of steps that a killed run did not save: they go before it writes on."""

    def __init__(self, path: Path, step: int) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        kept = [line for line in _lines(path) if json.loads(line)["step"] <= step]
        path.write_text("".join(kept), "utf-8")
        self._file = path.open("a", encoding="utf-8", buffering=1)

    def __call__(self, progress: Progress) -> None:
        """Write a line."""
        self._file.write(json.dumps(asdict(progress)) + "\n")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._file.close()


class TensorBoard:
    """Curves for `tensorboard --logdir`; those past `step` are purged."""

    def __init__(self, folder: Path, step: int) -> None:
        training_library("tensorboard")
        from torch.utils.tensorboard import SummaryWriter

        self._writer: Any = SummaryWriter(folder, purge_step=step + 1)  # torch leaves it untyped

    def __call__(self, progress: Progress) -> None:
        """Add a point to each curve."""
        for name in CURVES:
            self._writer.add_scalar(name, getattr(progress, name), progress.step)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._writer.close()


class Terminal:
    """A bar with loss and speed on stderr; a line for each report where that is no terminal."""

    def __init__(self, stage: str, console: Console | None = None, *, shown: bool = True) -> None:
        self._stage, self._console, self._shown = stage, console or Console(stderr=True), shown
        self._bars = Bars(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("loss {task.fields[loss]}"),
            TextColumn("{task.fields[speed]} pictures/s"),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            console=self._console,
            disable=not (shown and self._console.is_terminal),
        )
        self._bar = self._bars.add_task(stage, total=None, loss="…", speed="…")

    def __call__(self, progress: Progress) -> None:
        """Move the bar."""
        loss, speed = f"{progress.loss:.4f}", f"{progress.pictures_per_second:.0f}"
        self._bars.update(self._bar, completed=progress.step, total=progress.steps, loss=loss, speed=speed)
        if not self._console.is_terminal:
            self.say(f"step {progress.step} of {progress.steps}, loss {loss}, {speed} pictures/s")

    def say(self, what: str) -> None:
        """Tell something of the stage, in a line of its own."""
        if self._shown:
            self._console.print(f"{self._stage}: {what}", highlight=False, soft_wrap=True)

    def __enter__(self) -> Self:
        self._bars.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._bars.stop()


@contextmanager
def reporting(run: Path, stage: str, step: int, also: Sequence[Report] | None) -> Iterator[Report]:
    """Write a stage's figures to its run's folder, and tell whoever else listens, from a step on.

    With None, as in all processes but the first, nothing is written.
    """
    if also is None:
        yield lambda progress: None
        return
    with ExitStack() as opened:
        listeners: list[Report] = [
            opened.enter_context(JsonLines(run / "metrics" / f"{stage}.jsonl", step)),
            opened.enter_context(TensorBoard(run / "tensorboard" / stage, step)),
            *also,
        ]

        def report(progress: Progress) -> None:
            for listener in listeners:
                listener(progress)

        yield report


def _lines(path: Path) -> list[str]:
    """The whole lines of a file; a last one that was cut off is none."""
    if not path.exists():
        return []
    return [line for line in path.read_text("utf-8").splitlines(keepends=True) if line.endswith("\n")]
