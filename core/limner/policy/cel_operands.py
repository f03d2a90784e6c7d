"""Whether all that `&&`, `||`, `!` and `? :` join in a `when` is true or false.

CEL looks at no more operands than it needs. In `caller.cohort == "guests" && request.n` the second is no answer, but that shows
only when a guest asks. So each operand is worked out by itself, for an example of a request. One that names a request's
parameters is passed over: what those hold, only the pipeline knows.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from limner.policy.cel import EXAMPLE, Variables
from limner.policy.cel_tokens import Token, WhenError, place, tokens_of

_BINARY = ("&&", "||", "?", "==", "!=", "<", "<=", ">", ">=", "in")  # what binds less than `!` does
_KINDS = {int: "a number", float: "a number", str: "a text", list: "a list"}

Tokens = Sequence[Token]


def check_operands(text: str) -> None:
    """Check an expression that compiles. Raises WhenError for the first operand that is neither true nor false."""
    tokens = list(tokens_of(text))
    variables = Variables(EXAMPLE)
    for operand in _operands(tokens):
        if not any(token.text == "parameters" for token in operand):
            _check(text, operand, variables)


def _check(text: str, operand: Tokens, variables: Variables) -> None:
    import cel

    written = text[operand[0].start : operand[-1].end]
    where = f"`{written}` {place(text, operand[0].start)}"
    try:
        value: Any = cel.evaluate(written, variables.context)  # whatever the expression gives
    except TypeError:
        raise WhenError(f"puts together in {where} values of kinds that do not go together") from None
    except Exception:  # an index or a divisor that this example does not have may be there in a request
        return
    if not isinstance(value, bool):
        raise WhenError(f"has {where}, which is {_KINDS.get(type(value), 'a value')}; true or false is wanted there")


def _operands(tokens: Tokens) -> Iterator[Tokens]:
    """The parts of an expression that have to be true or false and hold no further such parts."""
    inner = _bare(tokens)
    if parts := _branches(inner) or _split(inner, "||") or _split(inner, "&&"):
        for part in parts:
            yield from _operands(part)
    else:
        yield inner


def _bare(tokens: Tokens) -> Tokens:
    """Without brackets around it all, and without the `!` of what is nothing but negated."""
    while True:
        if tokens[0].text == "(" and _closing(tokens) == len(tokens) - 1:
            tokens = tokens[1:-1]
        elif tokens[0].text == "!" and not _at_top(tokens, *_BINARY):
            tokens = tokens[1:]
        else:
            return tokens


def _closing(tokens: Tokens) -> int:
    """The index of the bracket that closes the first one."""
    return next(index for index, depth in enumerate(_depths(tokens)) if index and depth == 0 and tokens[index].text in ")]")


def _depths(tokens: Tokens) -> Iterator[int]:
    """How many brackets are open after each token."""
    depth = 0
    for token in tokens:
        depth += (token.text in "([") - (token.text in ")]")
        yield depth


def _at_top(tokens: Tokens, *marks: str) -> list[int]:
    """The indexes of these marks outside all brackets."""
    return [i for i, depth in enumerate(_depths(tokens)) if depth == 0 and tokens[i].text in marks]


def _split(tokens: Tokens, mark: str) -> list[Tokens]:
    """The operands of a mark outside all brackets; nothing where it does not stand there."""
    found = _at_top(tokens, mark)
    begins, ends = [0, *(index + 1 for index in found)], [*found, len(tokens)]
    return [tokens[begin:end] for begin, end in zip(begins, ends, strict=True)] if found else []


def _branches(tokens: Tokens) -> list[Tokens]:
    """The condition and the two branches of `? :`; nothing where there is none outside all brackets."""
    marks, depth = _at_top(tokens, "?", ":"), 0
    for index in marks:
        depth += 1 if tokens[index].text == "?" else -1
        if depth == 0:
            return [tokens[: marks[0]], tokens[marks[0] + 1 : index], tokens[index + 1 :]]
    return []
