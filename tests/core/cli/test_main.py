"""What `limner` does before a command is chosen."""

from __future__ import annotations

from typing import Any

from limner import __version__


def test_the_version_needs_no_command(limner: Any) -> None:
    done = limner("--version")
    assert (done.returncode, done.stdout, done.stderr) == (0, f"limner {__version__}\n", "")
