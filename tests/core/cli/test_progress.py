"""The bars on a terminal."""

from __future__ import annotations

import io

import pytest

from limner.cli.progress import Progress
from limner.result import ImageResult


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def drawn(monkeypatch: pytest.MonkeyPatch, stderr: io.StringIO) -> str:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr("sys.stderr", stderr)
    with Progress() as progress:
        progress.progressed(0, "decoder", 3, 25)
        progress.progressed(1, "terms", 1, 1)
        progress.ended(ImageResult(1, 7, "withheld"))
        progress.ended(ImageResult(2, 8, "withheld"))  # one that nothing was told of
    return stderr.getvalue()


def test_a_terminal_shows_the_step_and_the_part_of_each_image(monkeypatch: pytest.MonkeyPatch):
    shown = drawn(monkeypatch, Terminal())
    assert "image 0: decoder" in shown
    assert "3/25" in shown
    assert "image 1: withheld" in shown


def test_a_file_or_a_pipe_gets_nothing(monkeypatch: pytest.MonkeyPatch):
    assert drawn(monkeypatch, io.StringIO()) == ""


def test_previews_are_written_as_they_come_and_cost_nothing_where_they_cannot(tmp_path):
    from limner.generation import EncodedImage
    from limner.result import Preview

    preview = Preview(1, 2, EncodedImage(b"bytes", "webp"))
    with Progress(tmp_path / "previews") as progress:
        assert progress.previews == 3
        progress.previewed(preview)
    assert (tmp_path / "previews" / "1-2.webp").read_bytes() == b"bytes"
    (tmp_path / "file").write_text("")
    with Progress(tmp_path / "file") as progress:
        progress.previewed(preview)
