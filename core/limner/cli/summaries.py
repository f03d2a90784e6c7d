"""What a list of commands says of each: its whole first sentence, wrapped. By itself Typer cuts it off at the end of a line."""

from __future__ import annotations

import re
from typing import Any

_SENTENCE = re.compile(r"(.+?\.)(?:\s|$)", re.DOTALL)


def with_whole_summaries(command: Any) -> Any:  # a command of Typer's, whose classes are its own affair
    """The command, each one below it with a summary."""
    for below in getattr(command, "commands", {}).values():
        if below.help and (sentence := _SENTENCE.match(below.help)):
            below.short_help = " ".join(sentence[1].split())
        with_whole_summaries(below)
    return command
