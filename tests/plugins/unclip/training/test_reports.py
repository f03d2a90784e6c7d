"""Figures of a run, for people and for programs."""

from __future__ import annotations

import json
from io import StringIO
from pathlib import Path

from rich.console import Console

from limner_unclip.training.loop import Progress
from limner_unclip.training.reports import JsonLines, Terminal


def progress(step: int) -> Progress:
    return Progress(step=step, steps=40, loss=0.5, gradient=1.0, rate=1e-3, pictures_per_second=120.4)


def steps_in(path: Path) -> list[int]:
    return [json.loads(line)["step"] for line in path.read_text().splitlines()]


def test_lines_past_the_checkpoint_and_cut_off_ones_go(tmp_path: Path):
    path = tmp_path / "metrics" / "clip.jsonl"
    with JsonLines(path, 0) as lines:
        for step in (10, 20, 30):
            lines(progress(step))
    with path.open("a") as file:
        file.write('{"step": 3')
    with JsonLines(path, 20) as lines:
        assert steps_in(path) == [10, 20]
        lines(progress(25))
    assert steps_in(path) == [10, 20, 25]


def test_off_a_terminal_each_report_is_a_line():
    out = StringIO()
    with Terminal("clip", Console(file=out, force_terminal=False)) as bar:
        bar(progress(10))
    assert out.getvalue() == "clip: step 10 of 40, loss 0.5000, 120 pictures/s\n"


def test_on_a_terminal_a_bar_shows_loss_and_speed():
    out = StringIO()
    with Terminal("clip", Console(file=out, force_terminal=True, width=120)) as bar:
        bar(progress(10))
    assert "10/40" in out.getvalue()
    assert "loss 0.5000" in out.getvalue()
    assert "120 pictures/s" in out.getvalue()
