"""What CEL's parser says of an expression that it cannot read, in words for who wrote it."""

from __future__ import annotations

import re
from collections.abc import Sequence

from limner.policy.cel_tokens import Token, place

_COMPLAINT = re.compile(r"ERROR: <input>:(\d+):(\d+): Syntax error: (.*)")
_MISSING = re.compile(r"missing '(.)' at")
_WORDS = {"and": "&&", "or": "||", "not": "!"}  # as other languages write them
_A_VALUE = "a value (a name, a number, a text in quotes, ...)"
_AFTER_A_VALUE = "an operator (`==`, `<`, `in`, `&&`, ...) or the end"


def syntax_error(text: str, tokens: Sequence[Token], said: str) -> str:
    """The first complaint of the parser's message: where in the expression, what stands there, and what was expected."""
    complaint = _COMPLAINT.search(said)
    if complaint is None:
        return f"does not compile: {' '.join(said.split())[:300]}"
    line, column, why = int(complaint[1]), int(complaint[2]), complaint[3]
    position = sum(len(each) + 1 for each in text.split("\n")[: line - 1]) + column - 1
    found = next((token.text for token in tokens if token.start <= position < token.end), "")
    stands = f"`{found}` stands {place(text, position)}" if found else "it ends too early,"
    return f"does not compile: {stands} where {_expected(why)} is expected{_hint(found, tokens, position)}"


def _expected(why: str) -> str:
    if missing := _MISSING.match(why):
        return f"`{missing[1]}`"
    if "expecting {']', ','}" in why:
        return "`,` or `]`"
    return _A_VALUE if "IDENTIFIER" in why else _AFTER_A_VALUE


def _hint(found: str, tokens: Sequence[Token], position: int) -> str:
    """The operator that a word of another language, there or before it, was meant for."""
    before = next((token.text for token in reversed(tokens) if token.end <= position), "")
    meant = next((word for word in (found, before) if word in _WORDS), "")
    return f"; write {_WORDS[meant]!r} for {meant!r}" if meant else ""
