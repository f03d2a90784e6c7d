"""`limner generate`: one prompt, one or more images, each with its outcome."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from limner.cli.options import AsJson, Cohort, Count, Output, PipelineName, Seed, Set
from limner.cli.outcome import tell
from limner.cli.running import caller, opened, parse_parameters, run
from limner.cli.target import Target


def add(cli: typer.Typer) -> None:
    """Add the command."""
    cli.command()(generate)


def generate(
    prompt: Annotated[str, typer.Argument(metavar="PROMPT", help="What the image shows.")],
    n: Count = 1,
    seed: Seed = None,
    pipeline: PipelineName = None,
    settings: Set = None,
    cohort: Cohort = None,
    output: Output = None,
    previews: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Write previews there, where the policy has `previews: gated`.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Make images from a prompt. Exit code: 0 released, 1 failure, 2 usage, 3 none because of policy, 4 configuration."""
    target = Target.parse(output)
    target.check()
    with opened() as app:
        request = app.request(
            prompt,
            n=n,
            seed=seed,
            pipeline=pipeline,
            parameters=parse_parameters(settings or []),
            output_format=target.format,
            caller=caller(cohort),
        )
        made = run(app, request, target, previews)
    tell(made, as_json)
