"""What training needs beyond Limner itself: the extra `limner[train]`, and what to say where it is missing."""

from __future__ import annotations

from importlib import import_module
from types import ModuleType

from limner import ConfigurationError

INSTALL = "pip install 'limner[train]'"


def training_library(name: str) -> ModuleType:
    """A library of the extra `train`. Raises ConfigurationError with the command that installs it."""
    try:
        return import_module(name)
    except ModuleNotFoundError as error:
        raise ConfigurationError(f"training needs {name.partition('.')[0]}, which is not installed", fix=INSTALL) from error
