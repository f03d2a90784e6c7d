"""Fixtures that more than one part's tests use."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # so that a test can `import tiny_models`


@pytest.fixture(scope="session")
def karlo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny Karlo-style directory, to read and never to write."""
    from tiny_models import write_karlo

    return write_karlo(tmp_path_factory.mktemp("karlo"))
