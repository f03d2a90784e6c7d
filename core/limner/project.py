"""A project: the folder that holds pipelines.yaml and policies/, and where its state lives."""

from __future__ import annotations

import errno
import json
import os
import shlex
import shutil
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from limner.errors import ConfigurationError, UsageError
from limner.settings import Settings

PIPELINES = "pipelines.yaml"
POLICIES = "policies"
STATE = ".limner"


@dataclass(frozen=True, slots=True)
class Project:
    """`root` holds pipelines.yaml and policies/; `state` the database, images, leases and, by default, keys.

    `starter` is true where no pipelines.yaml was found and the one that comes with Limner is used.
    """

    root: Path
    state: Path
    keys: Path
    database_url: str
    starter: bool = False

    @property
    def pipelines(self) -> Path:
        """The path of pipelines.yaml."""
        return self.root / PIPELINES

    @property
    def policies(self) -> Path:
        """The path of the policies folder."""
        return self.root / POLICIES

    @property
    def restore_marker(self) -> Path:
        """The path of the file that is there while a restore is under way; see `limner.pending_restore`."""
        return self.state / "restore-under-way.json"

    def refuse_half_restored(self) -> None:
        """Raises ConfigurationError until a restore has ended: the backup still has what was erased or denied since."""
        if self.restore_marker.exists():
            what = "a restore is under way, or was interrupted: until it has ended, nothing is opened"
            fix = f"limner state restore {_backup_named_in(self.restore_marker)}"
            raise ConfigurationError(what, where=str(self.restore_marker), fix=fix)

    def refuse_nowhere(self) -> None:
        """Raises ConfigurationError where there is neither a project nor the state of one: nothing to read there."""
        if self.starter and not self.state.is_dir():
            fix = "run it in the project's folder, or set LIMNER_PROJECT to it, or LIMNER_STATE to where its state is"
            raise ConfigurationError("there is no project here, and no record", where=str(self.state.parent), fix=fix)

    def make_state(self) -> None:
        """Make the state folder, if it is not there. Raises ConfigurationError if it cannot be made or written."""
        try:
            self.state.mkdir(parents=True, exist_ok=True)
            if not os.access(self.state, os.W_OK | os.X_OK):
                raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        except OSError as error:
            what = f"there is nowhere to keep database and images: {error.strerror}"
            fix = "set LIMNER_STATE to a folder that can be written"
            raise ConfigurationError(what, where=str(self.state), fix=fix) from error


def _backup_named_in(marker: Path) -> str:
    try:
        return shlex.quote(json.loads(marker.read_bytes())["backup"])
    except (OSError, ValueError, KeyError, TypeError):
        return "DIR, the backup's folder"


def starter_folder() -> Path:
    """Where the starter pipelines.yaml and policies/ lie: inside the installed package, or at the top of a checkout."""
    packaged = Path(__file__).parent / "starter"
    return packaged if packaged.is_dir() else Path(__file__).parents[2]


def find_project(settings: Settings, start: Path | None = None) -> Project:
    """The project that LIMNER_PROJECT names, else the nearest one at or above `start`, else the starter one.

    The starter project keeps its state in `.limner` under `start`.
    """
    here = (start or Path.cwd()).resolve()
    if settings.project is not None and not (settings.project / PIPELINES).is_file():
        raise UsageError(f"{settings.project} has no {PIPELINES}", where="LIMNER_PROJECT", fix="limner init DIR makes one")
    root = settings.project or next((folder for folder in (here, *here.parents) if (folder / PIPELINES).is_file()), None)
    state = settings.state or (root or here) / STATE
    return Project(
        root=root or starter_folder(),
        state=state,
        keys=settings.keys or state / "keys",
        database_url=settings.database_url or f"sqlite:///{quote(str(state / 'limner.db'))}",
        starter=root is None,
    )


def create_project(folder: Path) -> list[Path]:
    """Copy the starter pipelines.yaml and policies/ into `folder`; returns what was written. Overwrites nothing.

    Raises UsageError where something is in the way, or the folder cannot be written.
    """
    source = starter_folder()
    files = [source / PIPELINES, *sorted(path for path in (source / POLICIES).rglob("*") if path.is_file())]
    targets = [folder / path.relative_to(source) for path in files]
    for target in targets:
        if os.path.lexists(target):
            raise UsageError(f"{target} is already there", fix="choose another folder; nothing was written")
    try:
        for path, target in zip(files, targets, strict=True):
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, target)
    except OSError as error:
        raise UsageError(f"{folder} cannot be written: {error.strerror}", fix="choose another folder") from error
    return targets
