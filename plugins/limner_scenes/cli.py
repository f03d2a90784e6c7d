"""`limner eval scenes`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer


def add(cli: typer.Typer, open_app: Callable[[], Any]) -> None:  # open_app: gives the running application
    """Add the command group `eval` with the command `scenes`."""
    group = typer.Typer(
        no_args_is_help=True, help="Measure a model by rules nobody can argue with.", context_settings={"obj": open_app}
    )
    group.callback()(evaluate)
    group.command()(scenes)
    cli.add_typer(group, name="eval")


def evaluate() -> None:
    """Measure a model by rules nobody can argue with."""


def scenes(
    context: typer.Context,
    model: Annotated[str | None, typer.Option(help="Model, instead of those that the pipeline names.")] = None,
    suite: Annotated[str, typer.Option(help="seen, unseen (held-out colours on kinds, or kinds together), or all.")] = "all",
    task: Annotated[
        list[str] | None,
        typer.Option(
            help="Only this part, once or several times: 'single object', 'two objects', counting, colours, position, "
            "'colour attribution', styles, settings, concepts, diversity, nearest, ablations."
        ),
    ] = None,
    prompts: Annotated[int, typer.Option(min=1, help="Prompts of each task and suite.")] = 100,
    seeds: Annotated[int, typer.Option(min=1, help="Pictures of each prompt.")] = 1,
    ablation_prompts: Annotated[int, typer.Option(min=1, help="Prompts of each way without the prior.")] = 50,
    world: Annotated[str, typer.Option(help="The world that the model was trained on: shipped, whole, small, plain.")] = (
        "shipped"
    ),
    pipeline: Annotated[str | None, typer.Option(help="Pipeline; the first that generates if absent.")] = None,
    results: Annotated[
        Path | None, typer.Option(help="Where drawings are kept, and gone on with; in the state folder if absent.")
    ] = None,
    sheet: Annotated[Path | None, typer.Option(help="Write a contact sheet PNG of all pictures here.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Held-out prompts, fixed seeds, no selection, judged by a checker that has none of the model's weights.

    Runs the steps of the pipeline that make the image, and neither its gates nor its marks. What was drawn is kept: broken
    off, the command goes on where it stopped, and parts drawn alone need not be drawn again for the whole.
    """
    from limner_scenes.evaluation.command import Output, eval_scenes, wanted

    want, output = wanted(suite, task or (), world, prompts, seeds, ablation_prompts), Output(as_json, sheet)
    with context.obj() as app:
        eval_scenes(app, pipeline, model, want, results, output)
