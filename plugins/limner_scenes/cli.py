"""`limner eval scenes`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

import limner

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


def add(cli: typer.Typer, open_app: Callable[[], Any]) -> None:  # open_app: gives the running application
    """Add the command group `eval` with the command `scenes`."""
    group = typer.Typer(no_args_is_help=True, help="Measure a model by rules nobody can argue with.")

    @group.callback()
    def evaluate() -> None:
        """Measure a model by rules nobody can argue with."""

    @group.command()
    def scenes(
        suite: Annotated[str, typer.Option(help="Held-out prompts: seen, or unseen pairs of colour and shape.")] = "seen",
        pipeline: Annotated[str | None, typer.Option(help="Pipeline; the first that generates if absent.")] = None,
        prompts: Annotated[int, typer.Option(min=1, help="Prompts of each suite.")] = 200,
        sheet: Annotated[Path | None, typer.Option(help="Write a contact sheet PNG here.")] = None,
        as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
    ) -> None:
        """Held-out prompts, fixed seeds, no selection, judged by a checker that has none of the model's weights.

        Runs the steps of the pipeline that make the image, and neither its gates nor its marks.
        """
        from limner_scenes.commands import eval_scenes

        with open_app() as app:
            drawing = app.drawing(pipeline)

            def make(texts: list[str], seeds: list[int]) -> Iterator[NDArray[np.uint8] | None]:
                return (_array(drawing.image(text, seed)) for text, seed in zip(texts, seeds, strict=True))

            eval_scenes(make, suite, as_json, sheet, prompts)

    cli.add_typer(group, name="eval")


def _array(image: limner.Image | None) -> NDArray[np.uint8] | None:
    import numpy as np

    return None if image is None else np.asarray(image.pillow())
