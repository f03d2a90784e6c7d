"""A world of drawn scenes, to train a model on and to judge it by.

A scene is one thing, two in a relation, or several alike, in a setting and a style. `sampling` draws scenes, `wording` puts
them into words, `render` into pixels: numpy and Pillow alone, the same scene at any size. Twenty-six kinds of things, ten
colours, nine settings, five styles, nine relations; two of the kinds, sword and skull, are there for policies to stop. `worlds`
names the whole of it and the smaller world of the model that ships.

`splits` keeps a part of the world from training: some colours on some kinds, some kinds together, and one prompt in ten by
its content. `evaluation` draws fixed prompts from that part alone and counts what a model makes of them.

What a picture shows is said by `reader`, a small network trained on renders alone: it never sees a model, knows nothing of what
was asked for, and what it is unsure of counts as wrong. Plain code then compares names, numbers and places. Both errors of this
checker, refusing a true caption and accepting a false one, are measured on held-out renders, clean, blurred and noisy, in the
same run as the model's figures.

`weights/` is the model trained on it, in the form of diffusers, with its card; this module registers it as `scenes`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import limner

WEIGHTS = Path(__file__).parent / "weights"


@limner.hookimpl
def register_models() -> Mapping[str, Mapping[str, str]]:
    """The model `scenes`."""
    return {"scenes": {"source": str(WEIGHTS)}}


@limner.hookimpl
def register_commands(cli: Any, open_app: Callable[[], Any]) -> None:  # a typer.Typer; gives the running application
    """`limner eval scenes`."""
    from limner_scenes.cli import add

    add(cli, open_app)
