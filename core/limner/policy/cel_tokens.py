"""The tokens of a `when`: those parts of CEL that are needed to say for whom a rule is. Anything else is refused here."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

_TOKEN = re.compile(
    r"""(?P<space>\s+)
      | (?P<string>"(?:\\.|[^"\\\n])*" | '(?:\\.|[^'\\\n])*')
      | (?P<number>(?:\d+(?:\.\d+)?|\.\d+)(?:[eE][-+]?\d+)?u?\b)
      | (?P<name>[A-Za-z_][A-Za-z0-9_]*)
      | (?P<mark>&&|\|\||[=!<>]=|[-+*%!<>?:.,()\[\]]|/(?!/))""",
    re.VERBOSE,
)
_MEANT = {"=": "==", "&": "&&", "|": "||"}


class WhenError(ValueError):
    """An expression that cannot be used as `when`; the message says why."""


class Token(NamedTuple):
    """A token, and where in the expression it begins."""

    text: str
    start: int

    @property
    def end(self) -> int:
        """Where it ends."""
        return self.start + len(self.text)


def tokens_of(text: str) -> Iterator[Token]:
    """The tokens of an expression. Raises WhenError at the first thing that is none."""
    position = 0
    while position < len(text):
        token = _TOKEN.match(text, position)
        if token is None:
            meant = _MEANT.get(text[position])
            what = f"has {text[position : position + 10]!r} {place(text, position)}, which `when` does not know"
            raise WhenError(f"{what}; did you mean {meant!r}?" if meant else what)
        if token.lastgroup != "space":
            yield Token(token.group(), position)
        position = token.end()


def place(text: str, position: int) -> str:
    """A position in an expression, for people: `at character 7`, and the line where it has several."""
    line, begins = text.count("\n", 0, position) + 1, text.rfind("\n", 0, position) + 1
    return f"at character {position - begins + 1}" + (f" of line {line}" if "\n" in text.strip() else "")
