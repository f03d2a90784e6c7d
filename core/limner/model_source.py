"""Where a model comes from: a directory, or a hub id pinned to a commit. The form of the words alone tells which.

`owner/name` is a hub id and nothing else, so a directory that is not there never turns into a download; a relative directory
of that form is written `./owner/name`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from limner.errors import ConfigurationError, ModelError
from limner.yaml_problems import did_you_mean

INDEX = "model_index.json"
WHOLE_CONFIG = "config.json"  # of a directory of transformers, which is one model
KEYS = ("source", "revision", "space")

_HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*")
_COMMIT = re.compile(r"[0-9a-f]{40}")


@dataclass(frozen=True, slots=True)
class ModelSource:
    """One entry of `models:`. A directory is relative to the project's folder; `revision` is the full commit of a hub id.

    `space` declares the embedding space; empty to have it told by the text encoder's weights. A source that cannot be is
    refused with ConfigurationError.
    """

    name: str
    source: str
    revision: str = ""
    space: str = ""

    def __post_init__(self) -> None:
        if not self.source:
            raise ConfigurationError(
                "a model needs a `source`", where=self.where, fix="a directory, or a hub id and its revision"
            )
        if self.on_hub and not _COMMIT.fullmatch(self.revision):
            raise ConfigurationError(
                f"hub id {self.source} has {f'revision {self.revision!r}' if self.revision else 'no revision'}",
                where=self.where,
                fix=f"pin it: `revision: <the full commit, 40 hex digits>`; or write ./{self.source} if it is a directory",
            )
        if self.revision and not self.on_hub:
            raise ConfigurationError(
                f"{self.source!r} is a directory and has a revision",
                where=self.where,
                fix="leave `revision` out, or write the hub id as owner/name",
            )

    @classmethod
    def parse(cls, name: str, written: Mapping[str, str]) -> ModelSource:
        """From the mapping that a plugin registers or a pipelines.yaml holds."""
        for key, value in written.items():
            if key not in KEYS:
                raise ConfigurationError(f"unknown key {key!r}", where=f"model {name}", fix=did_you_mean(key, KEYS))
            if not isinstance(value, str):
                raise ConfigurationError(f"{key} is {value!r}, not text", where=f"model {name}")
        return cls(name, written.get("source", ""), written.get("revision", ""), written.get("space", ""))

    @property
    def on_hub(self) -> bool:
        """Whether `source` is a hub id."""
        return _HUB_ID.fullmatch(self.source) is not None

    @property
    def pin(self) -> str:
        """The commit of a hub id, as it stands for the files: `hub:owner/name@<commit>`."""
        return f"hub:{self.source}@{self.revision}"

    @property
    def where(self) -> str:
        """How errors name this model."""
        return f"model {self.name}"

    def local_directory(self, root: Path) -> Path:
        """The directory of a model that is not on the hub. Raises ModelError if there is no such model directory."""
        folder = (root / Path(self.source).expanduser()).resolve()
        if not folder.is_dir():
            raise ModelError(f"there is no directory {folder}", where=self.where, fix=f"mend `source: {self.source}`")
        return checked(self, folder)


def checked(source: ModelSource, folder: Path) -> Path:
    """`folder`, once it is seen to hold a model in the form of diffusers, or one of transformers."""
    if not (folder / INDEX).is_file() and not (folder / WHOLE_CONFIG).is_file():
        raise ModelError(
            f"{folder} holds no {INDEX}",
            where=source.where,
            fix=f"a model is a directory with {INDEX} and one folder for each component, or one network and its {WHOLE_CONFIG}",
        )
    return folder
