"""Where the extra is not installed, the message is the command that installs it."""

from __future__ import annotations

import sys

import pytest

from limner import ConfigurationError
from limner_unclip.training.extra import training_library
from limner_unclip.training.machine import new_accelerator


def test_a_missing_library_is_named_with_the_command(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "accelerate", None)
    with pytest.raises(ConfigurationError, match=r"training needs accelerate(.|\n)*pip install 'limner\[train\]'"):
        new_accelerator("cpu")


def test_a_library_that_is_there_is_given():
    assert training_library("json").dumps([1]) == "[1]"
