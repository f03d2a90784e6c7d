"""The `limner` command's entry: runs the command line, and turns what goes wrong into exit codes.

Exit codes: 0 at least one image released, 1 failure, 2 usage, 3 none because of policy, 4 configuration, 130 interrupted.
Until Ctrl-C is heeded nothing is imported that takes time.
"""

from __future__ import annotations

import atexit
import gc
import sys


def main() -> None:
    """Run the command line. What a person can mend is shown without a traceback; a LimnerError's class tells the exit code."""
    atexit.register(gc.freeze)  # else Python looks through all that torch made, several times over, on its way out
    try:
        _run()
    except KeyboardInterrupt:  # before Typer, which has its own way with it, was reached
        sys.exit(130)


def _run() -> None:
    import typer
    from typer.main import get_command

    from limner.cli.commands import build
    from limner.cli.summaries import with_whole_summaries
    from limner.errors import LimnerError

    try:
        with_whole_summaries(get_command(build()))()
    except LimnerError as error:
        typer.secho(f"limner: {error}", err=True, fg="red")
        sys.exit(error.exit_code)
    except OSError as error:  # a disk, a folder's permissions: nothing that a traceback would explain
        typer.secho(f"limner: {error}", err=True, fg="red")
        sys.exit(LimnerError.exit_code)
