from __future__ import annotations

import time

import pytest

from limner.generation import Caller, Request
from limner.policy.cel import Variables, compile_when
from limner.policy.cel_operands import check_operands
from limner.policy.cel_tokens import WhenError

REQUEST = Request(
    "r", "generate", "text-to-image", "a sword", Caller("local:ann", "red-team"), n=3, parameters={"guidance_scale": 4.5}
)


@pytest.mark.parametrize(
    ("text", "holds"),
    [
        ('caller.cohort != "red-team"', False),
        ("caller.cohort in ['red-team', 'staff']", True),
        ('caller.subject.startsWith("local:") && request.n > 2', True),
        ('request.task == "generate" ? request.pipeline == "text-to-image" : false', True),
        ("has(request.parameters.guidance_scale) && request.parameters.guidance_scale > 4", True),
        ('request.parameters["guidance_scale"] >= 5.0', False),
        ("!(request.n * 2 == 6)", False),
    ],
)
def test_an_expression_sees_who_asks_and_what_for(text: str, holds: bool) -> None:
    assert compile_when(text).holds(Variables(REQUEST)) is holds


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("caller.cohrt == 'a'", "caller.cohrt is not known; did you mean 'cohort'?"),
        ("request.prompt == 'a'", "request.prompt is not known"),
        ("caler.cohort == 'a'", "the variable 'caler' is not known; did you mean 'caller'?"),
        ("caller['cohort'] == 'a'", "uses 'caller' without one of its fields"),
        ("caller == 'a'", "uses 'caller' without one of its fields"),
        ("sizee(caller.cohort) > 1", "the function 'sizee' is not known; did you mean 'size'?"),
        ("caller.cohort.matches('a+')", "the function 'matches' is not known"),
        ("[1, 2].exists(x, x == request.n)", "uses the comprehension 'exists'"),
        ("request.parameters.all(caller, true)", "uses the comprehension 'all'"),
        ("[1].map (request, request) == []", "uses the comprehension 'map'"),
        ("[1].filter(x, true) == []", "uses the comprehension 'filter'"),
        ("[1].exists_one(x, true)", "uses the comprehension 'exists_one'"),
        (
            "caller.cohort ==",
            "does not compile: it ends too early, where a value (a name, a number, a text in quotes, ...) is expected",
        ),
        ("", "does not compile: it ends too early, where a value"),
        ("(caller.cohort == 'a'", "does not compile: it ends too early, where `)` is expected"),
        ("request.n > > 2", "does not compile: `>` stands at character 13 where a value"),
        ("request.n > 2 )", "does not compile: `)` stands at character 15 where an operator"),
        ("request.n >\n 2 2", "does not compile: `2` stands at character 4 of line 2 where an operator"),
        ("request.n in [1, 2", "does not compile: it ends too early, where `,` or `]` is expected"),
        ("caller.cohort == 'a' or request.n > 2", "`or` stands at character 22 where an operator"),
        ("caller.cohort == 'a' or request.n > 2", "write '||' for 'or'"),
        ("not true", "write '!' for 'not'"),
        ("caller.cohort = 'a'", "at character 15, which `when` does not know; did you mean '=='?"),
        ("{'a': 1}.a == 1", "which `when` does not know"),
        ("true // a comment", "which `when` does not know"),
        ('r"a" == caller.cohort', "has a string with a prefix or in triple quotes"),
        ('"""a""" == caller.cohort', "has a string with a prefix or in triple quotes"),
        ('"a == caller.cohort', "which `when` does not know"),
        ("caller.cohort", "gives str, not true or false"),
        ("1 + 1", "gives int, not true or false"),
        ("request.n > 'a'", "cannot be evaluated: it puts together values of kinds"),
        ("true || " * 200 + "true", "is longer than 1000 characters"),
    ],
)
def test_what_cannot_serve_is_refused_when_it_is_compiled(text: str, said: str) -> None:
    with pytest.raises(WhenError) as caught:
        compile_when(text)
    assert said in str(caught.value)


def test_names_inside_strings_are_only_text() -> None:
    assert compile_when('caller.cohort != "caller.bogus request.all(x, x)"').holds(Variables(REQUEST))


@pytest.mark.parametrize(
    "text", ["request.parameters.steps > 3", "request.parameters.guidance_scale", "request.n / 0 == 1 || "]
)
def test_a_missing_parameter_or_another_answer_than_true_or_false_is_an_error(text: str) -> None:
    with pytest.raises(WhenError):
        compile_when(text).holds(Variables(REQUEST))


def test_deep_nesting_is_answered_quickly() -> None:
    assert compile_when("!" * 994 + "true").holds(Variables(REQUEST))
    with pytest.raises(WhenError):
        compile_when("(" * 490 + "true" + ")" * 490)


@pytest.mark.parametrize(
    "text",
    [
        "(" * 450 + "1 == 1" + ")" * 450,
        "[" * 400 + "1" + "]" * 400 + " == [1]",
        "request.parameters" + "[0" * 300 + "]" * 300 + " == 1",
        "true && " * 200 + "true",
        '"' + "a" * 2_000 + '" == "b"',
    ],
)
def test_an_expression_that_would_run_long_is_refused_at_once(text: str) -> None:
    started = time.perf_counter()
    with pytest.raises(WhenError):
        compile_when(text)
    assert time.perf_counter() - started < 0.5


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            'caller.cohort == "guests" && request.n',
            "has `request.n` at character 30, which is a number; true or false is wanted",
        ),
        ("request.n == 1 || (request.n > 3 && caller.subject)", "has `caller.subject` at character 37, which is a text"),
        ("request.n == 1 || !caller.cohort", "has `caller.cohort` at character 20, which is a text"),
        ("request.n > 3 ? [request.n] : true", "has `[request.n]` at character 17, which is a list"),
        ("request.n == 1 || caller.cohort > 1", "puts together in `caller.cohort > 1` at character 19 values of kinds"),
    ],
)
def test_an_operand_that_is_no_truth_value_is_found_though_nobody_asked_for_it_yet(text: str, said: str) -> None:
    compile_when(text)
    with pytest.raises(WhenError) as caught:
        check_operands(text)
    assert said in str(caught.value)


@pytest.mark.parametrize(
    "text",
    [
        "!" * 994 + "true",
        'caller.cohort in ["a", "b"] && !(request.n > 2 || caller.subject.startsWith("local:"))',
        'request.task == "generate" ? request.n > 1 : caller.cohort == "a" ? true : !(request.n == 2)',
        "has(request.parameters.style) && request.parameters.style",
        "request.n != 1 && 10 / (request.n - 1) > 2",
        "!(request.n == 1) == (caller.cohort == 'a')",
        "size(caller.cohort) + 1 > 2 && [1, 2][request.n] == 2",
    ],
)
def test_operands_that_can_be_true_or_false_pass(text: str) -> None:
    compile_when(text)
    check_operands(text)
