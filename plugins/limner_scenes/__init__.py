"""A small world of coloured shapes, to train a model on and to judge it by.

A scene is one shape, or two in a relation, on a plain background. `sampling` draws scenes, `captions` puts them into
words, `render` into pixels: numpy and Pillow alone, the same scene at any size. Ten shapes, eight colours, two sizes,
four backgrounds, four relations; two of the shapes, sword and skull, are there for policies to stop.

`splits` keeps a part of the world from training: twelve of the eighty pairs of colour and shape, and one prompt in ten
by its content. `suites` draws fixed prompts from that part alone, and `evaluation` counts what a model makes of them.

The counting is done by `checker`, which may be trusted because it shares nothing with what it judges. It has no weights
and never sees a model; it reads a picture without knowing what was asked for, by palette and by silhouette; a colour or
a shape that it is unsure of counts as wrong; and its own two errors, refusing a true caption and accepting a false one,
are measured on held-out renders, clean, blurred and noisy, in the same run as the model's figures.

`weights/` is the model trained on it, in the form of diffusers, with its card; this module registers it as `scenes`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import limner

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

WEIGHTS = Path(__file__).parent / "weights"


@limner.hookimpl
def register_models() -> Mapping[str, Mapping[str, str]]:
    """The model `scenes`."""
    return {"scenes": {"source": str(WEIGHTS)}}


@limner.hookimpl
def register_commands(cli: Any, open_app: Callable[[], Any]) -> None:  # a typer.Typer; gives the running application
    """`limner eval scenes`."""
    import typer

    group = typer.Typer(no_args_is_help=True, help="Measure a model by rules nobody can argue with.")

    @group.callback()
    def evaluate() -> None:
        """Measure a model by rules nobody can argue with."""

    @group.command()
    def scenes(
        suite: Annotated[
            str, typer.Option(help="Held-out prompts: seen, or unseen pairs of colour and shape.")
        ] = "seen",
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

            def make(texts: list[str], seeds: list[int]) -> Iterator[NDArray[np.uint8] | None]:
                return (_array(image) for image in app.draw(texts, seeds, pipeline))

            eval_scenes(make, suite, as_json, sheet, prompts)

    cli.add_typer(group, name="eval")


def _array(image: limner.Image | None) -> NDArray[np.uint8] | None:
    import numpy as np

    return None if image is None else np.asarray(image.pillow())
