"""Options and arguments that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Count = Annotated[int, typer.Option("-n", min=1, max=10, help="How many images.")]
Seed = Annotated[int | None, typer.Option(min=0, max=2**32 - 1, help="Seed of the first image; drawn if absent.")]
PipelineName = Annotated[str | None, typer.Option(help="Pipeline; the first for this task if absent.")]
Set = Annotated[list[str] | None, typer.Option("--set", metavar="PARAMETER=VALUE", help="Set a parameter of the pipeline.")]
Output = Annotated[Path | None, typer.Option("-o", "--output", help="A file (.png .jpg .webp) or a folder.")]
Cohort = Annotated[
    str | None, typer.Option(metavar="NAME", help="Ask as one of this cohort, which is recorded; `local` if absent.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
