"""`when`: who and what a rule is for, in the Common Expression Language.

An expression sees `caller.subject`, `caller.cohort`, `request.task`, `request.pipeline`, `request.n` and `request.parameters`
(the effective values of the pipeline's own: for one that some pipelines lack, test with `has(request.parameters.x)` first),
and no scores: thresholds are data. All that it names is checked when the policy is loaded. Comprehensions (`all`, `exists`,
`map`, ...) are refused, so that an expression's time is bounded by its length, and so are the parts of the language that no
`when` needs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from itertools import pairwise
from typing import Any

from limner.generation import Caller, Request
from limner.policy.cel_syntax import syntax_error
from limner.policy.cel_tokens import WhenError, tokens_of
from limner.yaml_problems import did_you_mean

FIELDS: Mapping[str, tuple[str, ...]] = {
    "caller": ("subject", "cohort"),
    "request": ("task", "pipeline", "n", "parameters"),
}
FUNCTIONS = frozenset(("contains", "double", "endsWith", "int", "size", "startsWith", "string"))
MACROS = frozenset(("has",))  # rewritten by the parser, so no function of the compiled program
COMPARISONS = frozenset(("_==_", "_!=_", "_<_", "_<=_", "_>_", "_>=_", "@in"))
LOGIC = frozenset(("!_", "_&&_", "_||_", "_?_:_", "_[_]"))
ARITHMETIC = frozenset(("-_", "_+_", "_-_", "_*_", "_/_", "_%_"))
COMPREHENSIONS = frozenset(("all", "exists", "exists_one", "existsOne", "filter", "map", "transformList", "transformMap"))
LONGEST = 1_000  # characters; who and what can be said in far fewer
DEEPEST = 16  # brackets inside brackets; the compiler's time grows steeply with them


class Variables:
    """What expressions see of a request; brought into CEL's form once, at the first that asks, for that costs the most."""

    def __init__(self, request: Request) -> None:
        self._request = request

    @cached_property
    def context(self) -> Any:  # cel.Context, which has no stubs that the type checker follows
        """The variables as CEL takes them."""
        import cel

        request, caller = self._request, self._request.caller
        said = {"task": request.task, "pipeline": request.pipeline, "n": request.n, "parameters": dict(request.parameters)}
        return cel.Context({"caller": {"subject": caller.subject, "cohort": caller.cohort}, "request": said})


@dataclass(frozen=True, slots=True)
class When:
    """A compiled `when`. Two are equal where their text is."""

    text: str
    _program: Any = field(compare=False, repr=False)  # cel.Program, which has no stubs that the type checker follows

    @property
    def is_never(self) -> bool:
        """Whether it is false of every request, since it names none of its values."""
        return not self._program.variables() and not self.holds(Variables(EXAMPLE))

    def holds(self, variables: Variables) -> bool:
        """Whether the expression is true. Raises WhenError where it cannot be evaluated or does not give true or false."""
        try:
            value = self._program.execute(variables.context)
        except TypeError:
            raise WhenError("`when` cannot be evaluated: it puts together values of kinds that do not go together") from None
        except Exception as error:  # cel raises what fits: KeyError, ZeroDivisionError, ...
            raise WhenError(f"`when` cannot be evaluated: {type(error).__name__}: {error}") from None
        if not isinstance(value, bool):
            raise WhenError(f"`when` gives {type(value).__name__}, not true or false")
        return value


def compile_when(text: str) -> When:
    """Compile and check an expression. Raises WhenError with the first thing wrong with it."""
    if len(text) > LONGEST:
        raise WhenError(f"is longer than {LONGEST} characters")
    read = list(tokens_of(text))
    tokens = [token.text for token in read]
    _check_depth(tokens)
    _check_names(tokens)
    import cel  # a quarter of a second, which only a policy with a `when` pays

    try:
        program = cel.compile(text)
    except ValueError as error:
        raise WhenError(syntax_error(text, read, str(error))) from None
    _check_references(program.variables(), program.functions())
    when = When(text, program)
    if "parameters" not in tokens:
        when.holds(Variables(EXAMPLE))  # nothing else in it can be missing, so a type that does not fit shows now
    return when


EXAMPLE = Request("", "generate", "text-to-image", "", Caller("local:someone", "local"))


def _check_depth(tokens: list[str]) -> None:
    depth = 0
    for token in tokens:
        depth += (token in ("(", "[")) - (token in (")", "]"))
        if depth > DEEPEST:
            raise WhenError(f"nests brackets more than {DEEPEST} deep")


def _check_names(tokens: list[str]) -> None:
    """Every use of a variable names a field that exists, and nothing runs over a collection."""
    padded = ["", *tokens, "", ""]
    for i, token in enumerate(tokens, start=1):
        before, after, beyond = padded[i - 1], padded[i + 1], padded[i + 2]
        if after == "(" and token in COMPREHENSIONS:
            raise WhenError(f"uses the comprehension {token!r}; `when` takes plain comparisons only")
        if before != "." and token in FIELDS and after != "(":
            _check_field(token, after, beyond)
    if any(_is_text(token) and _is_text(following) for token, following in pairwise(tokens)):
        raise WhenError("has a string with a prefix or in triple quotes; write it in plain quotes")


def _is_text(token: str) -> bool:
    """A string, or a name that could be the prefix of one: `r"..."`."""
    return token[0] in "\"'" or (token.isidentifier() and token.lower() in ("r", "b", "rb", "br"))


def _check_field(variable: str, mark: str, name: str) -> None:
    known = FIELDS[variable]
    if mark != ".":
        raise WhenError(f"uses {variable!r} without one of its fields: {', '.join(known)}")
    if name not in known:
        raise WhenError(f"{variable}.{name} is not known; {did_you_mean(name, known)}")


def _check_references(variables: list[str], functions: list[str]) -> None:
    for name in variables:
        if name not in FIELDS:
            raise WhenError(f"the variable {name!r} is not known; {did_you_mean(name, FIELDS)}")
    for name in functions:
        if name not in FUNCTIONS | COMPARISONS | LOGIC | ARITHMETIC:
            raise WhenError(f"the function {name!r} is not known; {did_you_mean(name, FUNCTIONS | MACROS)}")
