"""`limner vary`, `limner edit`, `limner blend`: images from images."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any
from uuid import uuid4

import typer

from limner.cli.options import AsJson, Cohort, Count, Output, PipelineName, Seed, Set
from limner.cli.outcome import INTERRUPTED, Made, exit_code, show, tell, to_json
from limner.cli.running import caller, opened, parse_parameters, run
from limner.cli.target import Target
from limner.errors import UsageError

if TYPE_CHECKING:
    from limner.generation import Input, Role

Image = Annotated[Path, typer.Argument(metavar="IMAGE", help="A PNG, JPEG or WEBP file.")]
MOST_STEPS = 10


def add(cli: typer.Typer) -> None:
    """Add the commands."""
    cli.command()(vary)
    cli.command()(edit)
    cli.command()(blend)


def vary(
    image: Image,
    strength: Annotated[
        float | None,
        typer.Option(min=0, max=1, help="0 draws the image again, 1 varies all that its embedding leaves open."),
    ] = None,
    n: Count = 1,
    seed: Seed = None,
    pipeline: PipelineName = None,
    settings: Set = None,
    cohort: Cohort = None,
    output: Output = None,
    as_json: AsJson = False,
) -> None:
    """Make variations of an image. Exit codes as for `limner generate`."""
    parameters = _with(parse_parameters(settings or []), "strength", strength, "--strength")
    target, inputs = _prepare(output, image=image)
    with opened() as app:
        request = app.request(
            "", task="vary", n=n, seed=seed, pipeline=pipeline, parameters=parameters, inputs=inputs,
            output_format=target.format, caller=caller(cohort),
        )  # fmt: skip
        made = run(app, request, target)
    tell(made, as_json)


def edit(
    image: Image,
    prompt: Annotated[
        str | None, typer.Argument(metavar="PROMPT", help="With --mask: what the whole image shows afterwards.")
    ] = None,
    mask: Annotated[
        Path | None, typer.Option(help="An image of the same size; what is white, or transparent, is drawn anew.")
    ] = None,
    before: Annotated[str | None, typer.Option("--from", help="With --to: what the image shows now.")] = None,
    after: Annotated[str | None, typer.Option("--to", help="What it is to show instead.")] = None,
    theta: Annotated[float | None, typer.Option(min=0, max=1, help="With --to: how far to go; 0.25 to 0.5 is usual.")] = None,
    n: Count = 1,
    seed: Seed = None,
    pipeline: PipelineName = None,
    settings: Set = None,
    cohort: Cohort = None,
    output: Output = None,
    as_json: AsJson = False,
) -> None:
    """Change a part of an image (--mask and a prompt), or what it shows (--from and --to). Exit codes as for generate."""
    _check_edit(prompt=prompt, mask=mask, before=before, after=after, theta=theta)
    parameters = _with(parse_parameters(settings or []), "theta", theta, "--theta")
    target, inputs = _prepare(output, image=image, **({"mask": mask} if mask else {}))
    with opened() as app:
        request = app.request(
            prompt or after or "", task="edit", n=n, seed=seed, pipeline=pipeline, negative_prompt=before or "",
            parameters=parameters, inputs=inputs, output_format=target.format, caller=caller(cohort),
        )  # fmt: skip
        made = run(app, request, target)
    tell(made, as_json)


def blend(
    image: Annotated[Path, typer.Argument(metavar="A", help="A PNG, JPEG or WEBP file.")],
    second: Annotated[Path, typer.Argument(metavar="B", help="Another.")],
    steps: Annotated[int, typer.Option(min=1, max=MOST_STEPS, help="How many images, from A to B; 1 is half-way.")] = 5,
    seed: Seed = None,
    pipeline: PipelineName = None,
    settings: Set = None,
    cohort: Cohort = None,
    output: Output = None,
    as_json: AsJson = False,
) -> None:
    """Make the images between two images, each a request of its own. Exit codes as for `limner generate`."""
    given = parse_parameters(settings or [])
    target, inputs = _prepare(output, image=image, second=second)
    name = f"limner-{uuid4().hex[:8]}"
    made: list[Made] = []
    with opened() as app:
        for number, weight in enumerate(_weights(steps)):
            request = app.request(
                "", task="blend", seed=seed, pipeline=pipeline, inputs=inputs, output_format=target.format,
                parameters=_with(given, "weight", weight, "--steps"), caller=caller(cohort),
            )  # fmt: skip
            made.append(run(app, request, target.numbered(number, name)))
            if exit_code(made[-1].result) == INTERRUPTED:
                break
    _tell_all(made, as_json)


def _prepare(output: Path | None, **files: Path) -> tuple[Target, list[Input]]:
    """The target, seen to be writable, and the input files by role, read and decoded."""
    from limner.images.inputs import load_input

    target = Target.parse(output)
    target.check()
    roles: tuple[Role, ...] = ("image", "mask", "second")
    return target, [load_input(role, files[role]) for role in roles if role in files]


def _with(given: dict[str, str], name: str, value: float | None, option: str) -> dict[str, Any]:
    """The parameters with one more that has an option of its own."""
    if value is None:
        return dict(given)
    if name in given:
        raise UsageError(f"parameter {name!r} is set twice", where=f"--set and {option}")
    return {**given, name: value}


def _check_edit(*, prompt: str | None, mask: Path | None, before: str | None, after: str | None, theta: float | None) -> None:
    """Raises UsageError unless it is one of the two ways to edit."""
    by_mask, by_text = mask is not None, after is not None
    if by_mask == by_text:
        fix = "limner edit IMAGE --mask MASK PROMPT, or limner edit IMAGE --from TEXT --to TEXT"
        raise UsageError("an edit has a mask, or a text to go to", where="--mask and --to", fix=fix)
    if by_mask and (prompt is None or before is not None or theta is not None):
        fix = "limner edit IMAGE --mask MASK PROMPT"
        raise UsageError("an edit with a mask has a prompt, and neither --from nor --theta", where="--mask", fix=fix)
    if by_text and prompt is not None:
        raise UsageError("an edit by texts has no prompt beside them", where="--to", fix="leave the prompt out")


def _weights(steps: int) -> list[float]:
    return [0.5] if steps == 1 else [number / (steps - 1) for number in range(steps)]


def _tell_all(made: list[Made], as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps({"requests": [to_json(one.result, one.paths) for one in made]}))
    else:
        for one in made:
            show(one.result, one.paths)
    raise typer.Exit(exit_code(*(one.result for one in made)))
