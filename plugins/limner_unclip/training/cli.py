"""`limner train`: the stages, one by one or all, and what becomes of them: the model, its health, its priors compared."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from limner_unclip.training.doctor.patient import Patient

Recipe = Annotated[Path, typer.Option("--recipe", metavar="FILE", help="The recipe, a YAML file.")]
Device = Annotated[str, typer.Option(help="auto, cuda, mps or cpu.")]
Every = Annotated[int, typer.Option(min=1, help="Report every so many steps.")]
Model = Annotated[Path, typer.Argument(metavar="DIR", help="The model's directory.", exists=True, file_okay=False)]
DataOf = Annotated[Path | None, typer.Option("--recipe", metavar="FILE", help="Take the pictures that this recipe holds out.")]
Stream = Annotated[str | None, typer.Option("--source", metavar="NAME", help="Take pictures from this stream.")]
Pictures = Annotated[int, typer.Option(min=8, help="How many pictures to examine with, if so many are held out.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]

COMMANDS = {
    "clip": "Train the CLIP that the other stages stand on: text and image encoder.",
    "prior": "Train the priors, from text to image embedding: by diffusion, in closed form, and in one step.",
    "decoder": "Train the decoder, from image embedding and text to a small image.",
    "upsampler": "Train the upsampler, from a small image to a large one.",
    "all": "Train all stages in their order, examine the model and write its card.",
}


def add(cli: typer.Typer) -> None:
    """Add the command group `train`."""
    group = typer.Typer(no_args_is_help=True, help="Train an unCLIP model, stage by stage; each goes on where it stopped.")
    for command, what in COMMANDS.items():
        group.command(command, help=what)(_trainer(command))
    group.command("export")(export)
    group.command("doctor")(doctor)
    group.command("priors")(priors)
    cli.add_typer(group, name="train")


def _trainer(command: str) -> Callable[[Path, str, int], None]:
    def train_stage(recipe: Recipe, device: Device = "auto", every: Every = 20) -> None:
        from limner_unclip.training.commands import train

        if (folder := train(command, recipe, device=device, every=every)) is not None:
            typer.echo(f"the model as it stands is in {folder}\nnext: limner train doctor {folder}")

    return train_stage


def export(
    recipe: Recipe, to: Annotated[Path, typer.Option("--to", metavar="DIR", help="The model's directory to be written.")]
) -> None:
    """Write the trained networks as one directory in the form of diffusers."""
    from limner_unclip.training.export import export as write
    from limner_unclip.training.quiet import libraries_hushed
    from limner_unclip.training.recipe import load_recipe

    _, run = load_recipe(recipe)
    with libraries_hushed():
        typer.echo(f"wrote {write(run, to)}")


def doctor(
    model: Model,
    recipe: DataOf = None,
    source: Stream = None,
    pictures: Pictures = 200,
    device: Device = "cpu",
    json: Json = False,
) -> None:
    """Say stage by stage what is healthy in a model, and the likely cause of what is not.

    Exits with 1 where something is not.
    """
    from limner_unclip.training.doctor.examination import examine
    from limner_unclip.training.doctor.tables import findings_json, findings_table, show

    findings = examine(_patient(model, recipe, source, pictures, device))
    show(findings_json(findings) if json else findings_table(findings))
    if not all(finding.healthy for finding in findings):
        raise typer.Exit(1)


def priors(
    model: Model,
    recipe: DataOf = None,
    source: Stream = None,
    pictures: Pictures = 200,
    device: Device = "cpu",
    json: Json = False,
) -> None:
    """Compare the priors of a model in one table, on captions that were held out from training."""
    from limner_unclip.training.doctor.priors import measure_priors
    from limner_unclip.training.doctor.tables import priors_json, priors_table, show

    figures = measure_priors(_patient(model, recipe, source, pictures, device))
    show(priors_json(figures) if json else priors_table(figures))


def _patient(model: Path, recipe: Path | None, source: str | None, pictures: int, device: str) -> Patient:
    from limner_unclip.training.commands import find_patient

    return find_patient(model, recipe=recipe, stream=source, pictures=pictures, device=device)
