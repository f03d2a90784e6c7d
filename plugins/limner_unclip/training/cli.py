"""`limner train`: one command for each stage, and one that writes the finished model's directory."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from limner_unclip.training.loop import Progress
    from limner_unclip.training.recipe import Stage

Recipe = Annotated[Path, typer.Option("--recipe", metavar="FILE", help="The recipe, a YAML file.")]
Device = Annotated[str, typer.Option(help="auto, cuda, mps or cpu.")]
Every = Annotated[int, typer.Option(min=1, help="Report every so many steps.")]


def add(cli: typer.Typer) -> None:
    """Add the command group `train`."""
    group = typer.Typer(no_args_is_help=True, help="Train an unCLIP model, stage by stage; each goes on where it stopped.")
    for stage, what in STAGES.items():
        group.command(stage, help=f"Train {what}.")(_stage(stage))
    group.command("export")(export)
    cli.add_typer(group, name="train")


STAGES: dict[Stage, str] = {
    "clip": "the CLIP that the other stages stand on: text and image encoder",
    "prior": "the prior, from text to image embedding",
    "decoder": "the decoder, from image embedding and text to a small image",
    "upsampler": "the upsampler, from a small image to a large one",
}


def _stage(stage: Stage) -> Callable[[Path, str, int], None]:
    def train_stage(recipe: Recipe, device: Device = "auto", every: Every = 100) -> None:
        from limner_unclip.training.commands import train

        run = train(stage, recipe, _report, device=device, every=every)
        typer.echo(f"{stage} is in {run}")

    return train_stage


def export(
    recipe: Recipe, to: Annotated[Path, typer.Option("--to", metavar="DIR", help="The model's directory to be written.")]
) -> None:
    """Write the trained networks as one directory in the form of diffusers."""
    from limner_unclip.training.export import export as write
    from limner_unclip.training.recipe import load_recipe

    _, run = load_recipe(recipe)
    typer.echo(f"wrote {write(run, to)}")


def _report(progress: Progress) -> None:
    typer.echo(f"step {progress.step} of {progress.steps}  loss {progress.loss:.5f}", err=True)
