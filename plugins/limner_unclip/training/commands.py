"""The work behind `limner train`: stages, from a recipe to networks in the run's folder, and the model made of them."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from limner import ConfigurationError
from limner_unclip.component_files import save_component
from limner_unclip.direct_network import DirectNetwork
from limner_unclip.training.clip import ClipTask, rescale
from limner_unclip.training.data.source import PictureSource, find_source
from limner_unclip.training.doctor.examination import examine
from limner_unclip.training.doctor.patient import FEWEST, Patient, can_examine
from limner_unclip.training.export import INDEX, ready_stages
from limner_unclip.training.loop import Report, Training
from limner_unclip.training.machine import find_device, new_accelerator
from limner_unclip.training.publish import ORIGIN, origin_of, publish
from limner_unclip.training.quiet import libraries_hushed
from limner_unclip.training.recipe import Data, Recipe, Stage, load_recipe
from limner_unclip.training.records import StageRun, drop_record, read_records, write_record
from limner_unclip.training.reports import Terminal, reporting
from limner_unclip.training.ridge_prior import fit_ridge_prior
from limner_unclip.training.stages import Place, Prepared, embedded_pool, frozen_clip, prepare
from limner_unclip.training.stopping import Stopped, stopping

log = logging.getLogger(__name__)

FindSource = Callable[[Data], PictureSource]
PICTURES = 200  # to examine a finished model with
SAVED: Mapping[Stage, tuple[str, ...]] = {
    "clip": ("text_encoder", "image_encoder"),
    "prior": ("prior",),
    "direct_prior": ("direct_prior",),
    "decoder": ("decoder", "text_proj"),
    "upsampler": ("super_res_first", "super_res_last"),
}


def stages_of(command: str, recipe: Recipe) -> Sequence[Stage]:
    """The stages of `limner train COMMAND`, in their order; `prior` stands for all priors of the recipe."""
    priors: list[Stage] = ["ridge_prior", "prior"]
    if recipe.direct_prior is not None:
        priors.append("direct_prior")
    by_command: Mapping[str, Sequence[Stage]] = {
        "clip": ["clip"],
        "prior": priors,
        "decoder": ["decoder"],
        "upsampler": ["upsampler"],
        "all": ["clip", *priors, "decoder", "upsampler"],
    }
    if command not in by_command:
        raise ConfigurationError(f"there is no stage {command!r}", fix=f"stages are {', '.join(by_command)}")
    return by_command[command]


def train(
    command: str, recipe: Path, *, device: str = "auto", every: int = 20, sources: FindSource = find_source
) -> Path | None:
    """Train the stages of a command, publish the model of what is trained so far, and return its directory.

    Stages that are done are passed over; `all` examines the model for its card. Of several processes only the first publishes;
    the others return None. Raises ConfigurationError for a faulty recipe, faulty data, an unknown device, or a stage whose
    forerunner is missing, TrainingDiverged where a loss is not finite, and Stopped after Ctrl-C.
    """
    session = Session(recipe, device=device, sources=sources)
    with libraries_hushed():
        for stage in stages_of(command, session.recipe):
            bar = Terminal(stage, shown=session.main)
            if session.is_done(stage):
                bar.say("is trained")
                continue
            with bar:
                bar.say("getting pictures ready")
                session.train(stage, [bar], every=every)
        return session.publish(examined=command == "all") if session.main else None


def find_patient(model: Path, *, recipe: Path | None, stream: str | None, pictures: int, device: str) -> Patient:
    """A model with the pictures to examine it with: of a recipe, of a stream, or of what the model says it was trained on.

    Raises ConfigurationError where there is no model, and where nothing tells of pictures or they are not here.
    """
    if not (model / INDEX).is_file():
        fix = "name the directory of a model, such as the one that `limner train` writes into its run's folder"
        raise ConfigurationError(f"is no model: it has no {INDEX}", where=str(model), fix=fix)
    given = load_recipe(recipe)[0].data if recipe else Data(source=stream) if stream else None
    source = find_source(given) if given else _source_of(model)
    return Patient(model, source, pictures=pictures, device=find_device(device))


def _source_of(model: Path) -> PictureSource:
    data = origin_of(model)
    if data is None:
        raise ConfigurationError("nothing tells what to examine it with", where=str(model), fix="give --recipe or --source")
    try:
        return find_source(data)
    except ConfigurationError as error:
        what = f"the pictures that it was trained on cannot be had: {str(error).splitlines()[0]}"
        fix = "call this from the folder it was trained in, or give --recipe or --source"
        raise ConfigurationError(what, where=str(model / ORIGIN), fix=fix) from error


class Session:
    """One call of `limner train`: the recipe, the run's folder and the processes that share the work."""

    def __init__(self, recipe: Path, *, device: str = "auto", sources: FindSource = find_source) -> None:
        self.recipe, self.run = load_recipe(recipe)
        accelerator = new_accelerator(device)
        self.place = Place(self.recipe, self.run, sources(self.recipe.data), accelerator)
        self.main = accelerator.is_main_process
        if self.main and not can_examine(self.place.source):
            held_out = self.place.source.held_out
            log.warning("%d pictures are held out, and examining the model takes %d: raise data.held_out", held_out, FEWEST)

    def train(self, stage: Stage, listeners: Sequence[Report] = (), *, every: int = 20) -> None:
        """Train one stage to its end, or on from its last checkpoint; write its networks and its record.

        `listeners` hear of every `every`-th step, beside the run's own metrics. Raises ConfigurationError for a stage whose
        forerunner is missing, TrainingDiverged where the loss is no longer finite, and Stopped after Ctrl-C.
        """
        if stage == "ridge_prior":
            self._fit_ridge()
        else:
            self._descend(stage, listeners, every)
        self.place.accelerator.wait_for_everyone()

    def is_done(self, stage: Stage) -> bool:
        """Whether a stage is trained to its end, by these very settings, on the CLIP that is there.

        Not where its checkpoint was removed, which is how it is trained anew.
        """
        record = read_records(self.run).get(stage)
        settings = getattr(self.recipe, stage)
        wanted = settings.model_dump(mode="json") if settings is not None else None
        there = stage == "ridge_prior" or self._checkpoint(stage).exists()
        done = record is not None and record.settings == wanted and there and stage in ready_stages(self.run)
        self.place.accelerator.wait_for_everyone()  # of several processes none may change yet what the others look at
        return done

    def publish(self, *, examined: bool) -> Path:
        """Write the model of what is trained so far; examined, with the doctor's findings on its card, if he can tell any."""
        folder = publish(self.recipe, self.run)
        if not examined or not can_examine(self.place.source):
            return folder
        patient = Patient(folder, self.place.source, pictures=PICTURES, device=self.place.device)
        return publish(self.recipe, self.run, examine(patient))

    def _descend(self, stage: Stage, listeners: Sequence[Report], every: int) -> None:
        prepared = prepare(stage, self.place)
        path, accelerator = self._checkpoint(stage), self.place.accelerator
        training = Training(prepared.task, prepared.settings, path, accelerator, foundation=prepared.foundation)
        with (
            reporting(self.run, stage, training.step, listeners if self.main else None) as report,
            stopping(alone=accelerator.num_processes == 1) as stopped,
        ):
            training.run(report, every=every, stopped=stopped)
        if training.step < prepared.settings.steps:
            what = f"stopped after step {training.step} of {prepared.settings.steps}, which is saved"
            raise Stopped(what, where=stage, fix="the same command goes on from there")
        with training.average.applied():
            if isinstance(prepared.task, ClipTask):
                rescale(prepared.task.networks, prepared.task.lessons.at(0))
            if self.main:
                drop_record(self.run, stage)
                for name in SAVED[stage]:
                    _save(prepared.task.networks[name], self.run / name)
                write_record(self.run, self._record(stage, training, prepared))

    def _checkpoint(self, stage: Stage) -> Path:
        return self.run / f"{stage}.safetensors"

    def _record(self, stage: Stage, training: Training, prepared: Prepared) -> StageRun:
        networks = (prepared.task.networks[name] for name in SAVED[stage])
        return StageRun(
            stage=stage,
            parameters=sum(parameter.numel() for network in networks for parameter in network.parameters()),
            steps=training.step,
            batch=prepared.settings.batch,
            minutes=training.seconds / 60,
            loss=training.loss,
            device=str(self.place.device),
            processes=self.place.accelerator.num_processes,
            data=self.place.source.described(),
            foundation=prepared.foundation,
            settings=prepared.settings.model_dump(mode="json"),
        )

    def _fit_ridge(self) -> None:
        if not self.main:
            return
        settings, encoders = self.recipe.ridge_prior, frozen_clip(self.place)
        lesson = embedded_pool(self.place, encoders)
        fit = fit_ridge_prior(settings, lesson, encoders, self.recipe.data.seed)
        sizes = {"text_dimension": fit.weight.shape[0], "image_dimension": fit.weight.shape[1]}
        save_component(self.run / "ridge_prior", "RidgePrior", sizes, {"weight": fit.weight, "bias": fit.bias})
        record = StageRun(
            stage="ridge_prior",
            parameters=fit.weight.numel() + fit.bias.numel(),
            steps=1,
            batch=min(settings.pictures, len(lesson.pool)),
            minutes=0.0,
            remark="in closed form",
            data=self.place.source.described(),
            foundation=encoders.digest,
            settings=settings.model_dump(mode="json"),
        )
        write_record(self.run, record)


def _save(network: Any, folder: Path) -> None:  # diffusers' and transformers' own saving is untyped
    if isinstance(network, DirectNetwork):
        save_component(folder, "DirectPrior", network.sizes.config(), network.state_dict())
    else:
        network.save_pretrained(folder)
