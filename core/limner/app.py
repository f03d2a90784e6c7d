"""The application of one process: everything wired together from the project and the settings, each part made at first use.

Looking at pipelines, policies or the record loads neither torch nor a model; making an image does.
"""

from __future__ import annotations

import importlib.metadata
import json
import os
import pwd
import re
import secrets
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from functools import cache, cached_property
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal
from uuid import uuid4

from limner.admission import Checked
from limner.canonical import canonical
from limner.checking import check_all
from limner.errors import ConfigurationError, UsageError
from limner.generation import Caller, EncodedImage, Image, Input, Request, Task
from limner.models import ModelStore
from limner.models.ledger import Ledger
from limner.pipeline import declared_models, read_pipelines
from limner.pipeline.config import NAME
from limner.plugins.loading import load_plugins
from limner.plugins.registry import Registry
from limner.policy import Policy, PolicyFiles, read_policies
from limner.project import Project, find_project
from limner.readings import ManifestReading, WatermarkReading
from limner.settings import Settings
from limner.yaml_problems import did_you_mean

if TYPE_CHECKING:
    from limner.audit.leases import Lease, Leases
    from limner.audit.outside import HeadFolder
    from limner.audit.publishing import Publisher
    from limner.audit.writer import AuditWriter
    from limner.database.connection import Database
    from limner.deny import DenyList
    from limner.drawing import Drawing
    from limner.engine.local import LocalEngine
    from limner.images.store import ImageStore
    from limner.keyrings import KeyFolder
    from limner.keys import Keys
    from limner.orchestrator import Orchestrator
    from limner.plugins.report import PluginReport
    from limner.replaying import Replay
    from limner.result import Result, Watcher
    from limner.review import Desk

LIBRARIES = ("torch", "diffusers", "transformers", "pillow", "numpy")  # what pixels depend on
LOCAL_COHORT = "local"
CLOSING = (
    ("database", "close"),
    ("lease", "release"),
    ("publisher", "close"),
    ("writer", "close"),
    ("orchestrator", "join"),
    ("engine", "close"),
)


class App:
    """One process's Limner. A context manager; closing it ends what runs and writes what waits."""

    def __init__(self, settings: Settings, project: Project) -> None:
        self.settings, self.project = settings, project
        self.ends_restore = False  # set by the restore that is under way, to open what is half restored

    @classmethod
    def open(cls, folder: Path | None = None) -> App:
        """The application for the project at or above `folder` (the current one if absent), or the starter project."""
        settings = Settings.from_environment()
        return cls(settings, find_project(settings, folder))

    @classmethod
    def recorded(cls, folder: Path | None = None) -> App:
        """Likewise, for what a record is needed for: nothing is made where there is none.

        Raises ConfigurationError there, lest an empty record be begun and called whole.
        """
        app = cls.open(folder)
        app._require_record()
        return app

    def __enter__(self) -> App:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    @cached_property
    def registry(self) -> Registry:
        """The plugins."""
        return load_plugins(self.settings.plugins)

    @cached_property
    def models(self) -> ModelStore:
        """The models that plugins register and pipelines.yaml declares."""
        declared = declared_models(self.project.pipelines)
        return ModelStore({**declared, **self.registry.models}, root=self.project.root, kept=self.project.state / "derived")

    @cached_property
    def ledger(self) -> Ledger:
        """What models were fetched, with their licences and hashes."""
        return Ledger(self.project.state / "models.json")

    @cached_property
    def policy_files(self) -> PolicyFiles:
        """What the policy folders hold, mistakes included."""
        return read_policies([self.project.policies], self.registry.policies)

    @property
    def policies(self) -> Mapping[str, Policy]:
        """The policies by name. Raises InvalidFile with all that is wrong with them."""
        return self.policy_files.whole()

    @cached_property
    def pipelines(self) -> Mapping[str, Checked]:
        """The pipelines by name, each bound to its policies. Raises InvalidFile with all that is wrong in and between them."""
        file = read_pipelines(self.project.pipelines, self.registry, self.models)
        return check_all(file, self.policy_files, self.registry.step)

    @cached_property
    def database(self) -> Database:
        """The database, ready for use. SQLite is made or upgraded at first use. Raises ConfigurationError if half restored."""
        from limner.database.migration import open_database

        self.project.make_state()
        if not self.ends_restore:
            self.project.refuse_half_restored()
        return open_database(self.project.database_url)

    @cached_property
    def keys(self) -> Keys:
        """The keys that the record is written with."""
        from limner.database.subjects import open_keys

        return open_keys(self.project.keys, self.database)

    @cached_property
    def rings(self) -> KeyFolder:
        """The keys that steps use, and marks are read with."""
        from limner.keyrings import KeyFolder

        return KeyFolder(self.project.keys)

    def read_marks(self, image: Image) -> tuple[WatermarkReading, ...]:
        """The marks that the plugins find in an image from anywhere: look-up keys, to be confirmed against the record."""
        from limner.keyrings import MARKS

        return self.registry.read_watermarks(image, self.rings.ring(MARKS))

    def read_manifests(self, file: EncodedImage) -> tuple[ManifestReading, ...]:
        """The content credentials that the plugins find in a file from anywhere."""
        return self.registry.read_manifests(file, self.rings)

    @cached_property
    def images(self) -> ImageStore:
        """The encrypted image store."""
        from limner.images.store import ImageStore

        return ImageStore(self.project.state / "images", self.keys)

    @cached_property
    def deny(self) -> DenyList:
        """The deny list as this process sees it, never more than a second behind."""
        from limner.deny import DenyList
        from limner.deny.words import everywhere

        return DenyList(self.database, self.keys, everywhere(self.registry.find_terms))

    @cached_property
    def desk(self) -> Desk:
        """Where reviewers release and withhold what is held."""
        from limner.review import Desk

        return Desk(self.database, self.writer, self.keys, self.images, lambda *made: self.deny.of_made(*made))

    @cached_property
    def leases(self) -> Leases:
        """The leases of this installation."""
        from limner.audit.leases import leases_of

        return leases_of(self.database, self.project.state)

    @cached_property
    def lease(self) -> Lease:
        """This process's lease."""
        return self.leases.acquire()

    @cached_property
    def writer(self) -> AuditWriter:
        """The one writer of the record in this process."""
        from limner.audit.writer import AuditWriter

        return AuditWriter(self.database, self.keys, committed=self.publisher.committed)

    @cached_property
    def heads(self) -> HeadFolder:
        """The folder of heads in the state folder, outside the database."""
        from limner.audit.outside import HeadFolder

        return HeadFolder(self.project.state / "heads")

    @cached_property
    def publisher(self) -> Publisher:
        """What publishes heads: to the state folder, and to where LIMNER_HEADS says."""
        from limner.audit.outside import sinks
        from limner.audit.publishing import Publisher

        return Publisher(self.database, self.keys, sinks(self.heads, self.settings.heads))

    @cached_property
    def engine(self) -> LocalEngine:
        """Where steps run."""
        from limner.engine.local import LocalEngine

        return LocalEngine(
            self.registry.steps,
            self.models,
            devices=self.settings.devices,
            precision=self.settings.precision,
            keys=self.rings,
        )

    @cached_property
    def orchestrator(self) -> Orchestrator:
        """What runs requests. Its first use closes what dead processes left open."""
        from limner.audit.recovery import recover
        from limner.audit.texts import Text
        from limner.dropped_marks import record_dropped_marks
        from limner.orchestrator import Orchestrator
        from limner.recording import Recorder
        from limner.review.quarantine import expire

        pipelines = self.pipelines
        recover(self.database, self.writer, self.leases)
        self.images.sweep(self.database)
        expire(self.database, self.writer, self.images)
        record_dropped_marks(self.database, self.writer, pipelines, self.registry.steps)
        return Orchestrator(
            pipelines=pipelines,
            engine=self.engine,
            recorder=Recorder(self.writer, Text.of("plugins", canonical(self._plugins)), _ground(), self.lease),
            images=self.images,
            deny=self.deny,
            read_marks=self.read_marks,
            lifecycle=self.registry.lifecycle,
            longest_prompt=self.settings.longest_prompt,
        )

    @cached_property
    def _plugins(self) -> list[dict[str, Any]]:  # JSON
        """The plugins, with the hash of the code of each, as they are recorded."""
        return [{**report.to_json(), "sha256": self._source(report)} for report in self.registry.plugins]

    def _source(self, report: PluginReport) -> str:
        """The hash of a plugin's code: where its steps are, else what registers it."""
        from limner.plugins.source import source_sha256

        steps = [self.registry.steps[step.type] for step in report.steps if step.type in self.registry.steps]
        return source_sha256(steps[0].__module__ if steps else self.registry.modules.get(report.name, ""))

    def replay(self, request_id: str) -> Replay:
        """Draw the images of a recorded request again and compare them; see `limner.replaying`. It is itself recorded.

        Raises UsageError if there is no such request, AuditError if part of it was erased.
        """
        from limner.audit.administering import REPLAYED, administered
        from limner.audit.reading import request
        from limner.audit.texts import read_text
        from limner.replaying import Replayer

        record = request(self.database, self.keys, request_id)
        accepted = record.events[0].body
        pipeline = json.loads(read_text(self.database, accepted["pipeline"]["hash"]) or b"{}")
        plugins = json.loads(read_text(self.database, accepted["plugins"]) or b"[]")
        replayer = Replayer(self.engine, self.registry, self.models, self.project.root, _ground(), self._plugins)
        done = replayer.replay(record, pipeline, plugins, lambda id: self.images.read(self.database, id, as_reviewer=True))
        body = {"images": [image.to_json() for image in done.images], "changes": done.changes}
        self.writer.append([administered(REPLAYED, local_caller().subject, body, request_id=record.id)]).result()
        return done

    def request(
        self,
        prompt: str,
        *,
        task: Task = "generate",
        pipeline: str | None = None,
        n: int = 1,
        seed: int | None = None,
        negative_prompt: str = "",
        parameters: Mapping[str, Any] | None = None,
        inputs: Sequence[Input] = (),
        output_format: Literal["png", "jpeg", "webp"] = "png",
        caller: Caller | None = None,
    ) -> Request:
        """A request with a new id; a seed is drawn if none is given, the pipeline is the first one for the task."""
        return Request(
            id=uuid4().hex,
            task=task,
            pipeline=pipeline or self._first_pipeline(task, masked=any(given.role == "mask" for given in inputs)),
            prompt=prompt,
            caller=caller or local_caller(),
            n=n,
            seed=secrets.randbits(32) if seed is None else seed,
            negative_prompt=negative_prompt,
            parameters=dict(parameters or {}),
            inputs=tuple(inputs),
            output_format=output_format,
        )

    def run(self, request: Request, watcher: Watcher | None = None) -> Result:
        """Run a request to its end."""
        return self.orchestrator.run(request, watcher)

    def drawing(
        self, pipeline: str | None = None, *, model: str | None = None, instead: Mapping[str, str] | None = None
    ) -> Drawing:
        """The steps of a pipeline that make its image, for measuring them; the first that generates if none is named.

        `model` takes the place of the models it names, `instead` gives a step type for another. Neither gates nor marks run
        and nothing is recorded: it is for whoever runs this machine, and no server offers it.
        """
        from limner.drawing import drawing

        name = pipeline or self._first_pipeline("generate")
        if name not in self.pipelines:
            raise UsageError(f"no pipeline {name!r}", fix=did_you_mean(name, self.pipelines))
        chosen = self.pipelines[name].pipeline
        return drawing(chosen, self.engine, self.registry, self.models, model=model, instead=instead)

    def close(self) -> None:
        """End what runs, close its records, write what waits, give up the lease; each whatever becomes of the others."""
        made = self.__dict__
        with ExitStack() as closing:  # the last one in is the first one out
            for name, close in CLOSING:
                if name in made:
                    closing.callback(getattr(made.pop(name), close))

    def _require_record(self) -> None:
        from limner.database.connection import sqlite_file

        self.project.refuse_half_restored()
        file = sqlite_file(self.project.database_url)
        if file is not None and file.is_file():
            return
        self.project.refuse_nowhere()
        if file is not None:
            fix = "limner generate begins a record; if there is one elsewhere, set LIMNER_STATE or LIMNER_DATABASE_URL"
            raise ConfigurationError("nothing is recorded here yet", where=str(file), fix=fix)

    def _first_pipeline(self, task: Task, *, masked: bool = False) -> str:
        """The first of the file for the task, and for requests with a mask, or without one."""
        for name, checked in self.pipelines.items():
            if checked.pipeline.task == task and checked.masked == masked:
                return name
        mask = " with a mask" if masked else " without a mask" if task == "edit" else ""
        raise UsageError(f"no pipeline is for the task {task}{mask}", where=str(self.project.pipelines))


def local_caller(cohort: str | None = None) -> Caller:
    """Whoever runs this command: `local:<os user>`, in the cohort `local` or the one they ask as. Raises UsageError."""
    if cohort is not None and not re.match(NAME, cohort):
        fix = "a-z, 0-9, _ and -, a letter or digit first, as in `cohorts:` of pipelines.yaml"
        raise UsageError(f"{cohort!r} is not the name of a cohort", fix=fix)
    return Caller(f"local:{_os_user()}", cohort or LOCAL_COHORT)


def _os_user() -> str:
    """As the system knows the user: $USER may say anything. Some containers run under a number that has no name."""
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return str(os.getuid())


def _ground() -> dict[str, str]:
    """What pixels depend on besides what a request pins: versions, and the thread count that sameness on a CPU is for."""
    import torch

    from limner import __version__

    return {"limner": __version__, **_versions(), "torch threads": str(torch.get_num_threads())}


@cache
def _versions() -> dict[str, str]:
    """Of the libraries, which a running process cannot change: finding them out means to parse a page for each."""
    return {name: importlib.metadata.version(name) for name in LIBRARIES}
