"""A request sets what `parameters` lists, within its bounds, and nothing else; gates, marks and models are never settable."""

from __future__ import annotations

import json
from textwrap import indent

import pytest

from limner.errors import UsageError

HEAD = "limner: 1\npipelines:\n  p:\n    task: generate\n    policy: standard\n    parameters:\n"
STEPS = """    steps:
      - use: words
      - use: style.rewrite
        as: style
      - {use: words, as: again}
      - use: toy.prior
      - {use: toy.decoder, as: decoder, with: {model: alpha}}
      - use: toy.image_score
      - use: toy.mark
      - use: toy.attest
"""


def written(*parameters: str) -> str:
    """A pipelines.yaml with these parameters, the first on line 7."""
    return HEAD + indent("\n".join(parameters), "      ") + "\n" + STEPS


@pytest.fixture
def pipeline(load):
    return load(
        written(
            "guidance_scale: {sets: decoder.guidance, min: 1, max: 12}",
            "prior_steps: {sets: toy.prior.steps, min: 1, max: 50}",
            "style: {sets: style.style, choices: [plain, oil]}",
            "exact: {sets: decoder.exact, choices: [true, false]}",
            "low: {sets: decoder.low, min: 0, max: 9}",
            "high: {sets: decoder.high, min: 1, max: 9}",
        )
    )["p"]


@pytest.fixture
def flaw(problems):
    """The one complaint about a pipeline with these parameters, the first on line 7."""

    def flaw_of(*parameters: str):
        [problem] = problems(written(*parameters))
        assert problem.file.endswith("pipelines.yaml")
        return problem

    return flaw_of


def test_what_a_request_leaves_out_keeps_the_steps_own_value(pipeline):
    settled = pipeline.settle({})
    assert settled.values == {
        "guidance_scale": 8.0, "prior_steps": 25, "style": "plain", "exact": False, "low": 1, "high": 9,
    }  # fmt: skip
    assert settled.overrides == {}


def test_what_a_request_sets_reaches_its_step_alone(pipeline):
    settled = pipeline.settle({"guidance_scale": 4, "style": "oil", "low": 2})
    assert settled.overrides == {"style": {"style": "oil"}, "decoder": {"guidance": 4.0, "low": 2}}
    assert settled.values["guidance_scale"] == 4.0
    assert isinstance(settled.overrides["decoder"]["guidance"], float), "validated by the step's own Options"


def test_text_from_the_command_line_is_read_as_the_option_is_typed(pipeline):
    assert pipeline.settle({"guidance_scale": "7.5", "exact": "true"}).overrides["decoder"] == {"guidance": 7.5, "exact": True}


@pytest.mark.parametrize(
    ("given", "where", "bounds"),
    [
        ({"guidance_scale": 12.5}, "parameter guidance_scale", "guidance_scale may be 1 to 12"),
        ({"guidance_scale": 0.5}, "parameter guidance_scale", "guidance_scale may be 1 to 12"),
        ({"guidance_scale": "nan"}, "parameter guidance_scale", "guidance_scale may be 1 to 12"),
        ({"guidance_scale": None}, "parameter guidance_scale", "guidance_scale may be 1 to 12"),
        ({"guidance_scale": True}, "parameter guidance_scale", "guidance_scale may be 1 to 12"),
        ({"prior_steps": 2.5}, "parameter prior_steps", "prior_steps may be 1 to 50"),
        ({"prior_steps": [3]}, "parameter prior_steps", "prior_steps may be 1 to 50"),
        ({"style": "ink"}, "parameter style", "style may be one of plain, oil"),
        ({"exact": 1}, "parameter exact", "exact may be one of true, false"),
        ({"low": 5, "high": 4}, "parameter low and high", "low may be 0 to 9; high may be 1 to 9"),
    ],
)
def test_a_value_outside_the_bounds_is_a_usage_error_that_names_them(pipeline, given, where, bounds):
    with pytest.raises(UsageError) as refused:
        pipeline.settle(given)
    assert (refused.value.where, refused.value.fix, refused.value.exit_code) == (where, bounds, 2)


@pytest.mark.parametrize(
    ("given", "why"), [({"style": "ink"}, "none of the choices"), ({"guidance_scale": "100"}, "outside the bounds")]
)
def test_what_is_outside_the_bounds_is_not_held_against_the_wider_ones_of_the_step(pipeline, given, why):
    with pytest.raises(UsageError, match=rf"cannot be '.*': it is {why}"):
        pipeline.settle(given)


def test_values_that_only_hold_together_are_checked_together(pipeline):
    assert pipeline.settle({"low": 3, "high": 5}).overrides == {"decoder": {"low": 3, "high": 5}}


def test_an_unknown_parameter_suggests_the_one_meant(pipeline):
    with pytest.raises(UsageError) as refused:
        pipeline.settle({"guidence_scale": 4})
    assert str(refused.value) == (
        "parameter guidence_scale: this pipeline has no such parameter\n  did you mean 'guidance_scale'?"
    )


def test_an_option_that_is_no_parameter_cannot_be_set(pipeline):
    with pytest.raises(UsageError):
        pipeline.settle({"model": "beta"})


@pytest.mark.parametrize(
    ("target", "what"),
    [
        ("words.strict", "reaches words, which measures at the gate `prompt`; a request never sets a gate"),
        ("toy.image_score.model", "reaches toy.image_score, which measures at the gate `image`; a request never sets a gate"),
        ("toy.mark.scale", "reaches toy.mark, which marks the image; a request never sets a mark"),
        ("toy.attest.key", "reaches toy.attest, which marks the image; a request never sets a mark"),
        ("decoder.model", "reaches a model of decoder; a request never sets a model"),
        ("decoder.sampler", "reaches a model of decoder; a request never sets a model"),
        ("style.template", "reaches a file of style; a request never sets a file"),
        ("style.key", "reaches a secret of style; a request never sets a secret"),
    ],
)
def test_gates_marks_models_files_and_secrets_are_never_settable(flaw, target, what):
    problem = flaw(f"x: {{sets: {target}, choices: [a, b]}}")
    assert (problem.line, problem.column, problem.key) == (7, 17, "pipelines.p.parameters.x.sets")
    assert problem.what == what
    step, _, option = target.rpartition(".")
    assert problem.fix == f"remove the parameter; the operator sets `{option}` under `with:` of {step}"


def test_a_parameter_of_no_step_suggests_the_one_meant(flaw):
    problem = flaw("x: {sets: decodr.guidance, min: 1, max: 2}")
    assert (problem.line, problem.column, problem.key) == (7, 17, "pipelines.p.parameters.x.sets")
    assert (problem.what, problem.fix) == ("no step of this pipeline is called 'decodr'", "did you mean 'decoder'?")


def test_a_parameter_of_no_option_suggests_the_one_meant(flaw):
    problem = flaw("x: {sets: decoder.guidence, min: 1, max: 2}")
    assert problem.what == "decoder (toy.decoder) has no option 'guidence'"
    assert problem.fix == "did you mean 'guidance'?"


@pytest.mark.parametrize("bounds", ["", ", min: 1", ", max: 2", ", min: 1, max: 2, choices: [1]", ", min: 1, choices: [1]"])
def test_every_parameter_is_bounded(flaw, bounds):
    problem = flaw(f"x: {{sets: decoder.guidance{bounds}}}")
    assert (problem.line, problem.column, problem.key) == (7, 10, "pipelines.p.parameters.x")
    assert problem.what == "a parameter has bounds: give `min` and `max`, or `choices`"


@pytest.mark.parametrize(
    ("parameter", "key", "what"),
    [
        ("sets: decoder.guidance, min: 1, max: 50", "max", "decoder.guidance does not take 50: should be less than or"),
        ("sets: decoder.guidance, min: 0, max: 9", "min", "decoder.guidance does not take 0: should be greater than"),
        ("sets: toy.prior.steps, min: 1.5, max: 30", "min", "toy.prior.steps does not take 1.5: should be a valid integer"),
        ("sets: style.style, choices: [plain, wax]", "choices[1]", "style.style does not take wax: should be 'plain', "),
        ("sets: decoder.exact, choices: [false, 1]", "choices[1]", "decoder.exact turns 1 into true"),
        ("sets: decoder.exact, min: 0, max: 1", "min", "decoder.exact turns 0 into false"),
        ("sets: toy.prior.from_text, choices: [false, true]", "choices[1]", "toy.prior.from_text: true changes what the step"),
        ("sets: decoder.guidance, min: 9, max: 1", "", "min 9 is above max 1"),
        (
            "sets: decoder.guidance, min: 1, max: 4",
            "",
            "decoder.guidance is 8.0 by itself, which the bounds leave out (1 to 4)",
        ),
        ("sets: decoder.guidance, mni: 1, max: 4", "mni", "is not a key that is known here"),
        ("sets: decoder, min: 1, max: 4", "sets", "string should match pattern"),
    ],
)
def test_bounds_lie_within_what_the_option_takes(problems, parameter, key, what):
    problem = problems(written(f"x: {{{parameter}}}"))[0]
    assert problem.line == 7
    assert problem.key == "pipelines.p.parameters.x" + (f".{key}" if key else "")
    assert problem.what.startswith(what)


def test_two_parameters_of_one_option_are_refused(flaw):
    problem = flaw(
        "x: {sets: decoder.guidance, min: 1, max: 12}",
        "y: {sets: decoder.guidance, min: 2, max: 12}",
    )
    assert (problem.line, problem.key) == (8, "pipelines.p.parameters.y.sets")
    assert problem.what == "sets decoder.guidance, which the parameter x sets already"


def test_a_parameter_of_a_step_that_does_not_hold_is_not_blamed(problems):
    text = written("x: {sets: decoder.guidance, min: 1, max: 12}").replace("model: alpha", "model: absent")
    assert [problem.key for problem in problems(text)] == ["pipelines.p.steps[4].with.model"]


def test_one_parameter_may_set_several_options_alike(load):
    made = load(written("steps: {sets: toy.prior.steps, also: [decoder.steps], min: 1, max: 50}"))["p"]
    assert made.settle({}).values == {"steps": 25}
    settled = made.settle({"steps": 5})
    assert settled.values == {"steps": 5}
    assert settled.overrides == {"toy.prior": {"steps": 5}, "decoder": {"steps": 5}}
    assert json.loads(made.canonical)["parameters"]["steps"]["also"] == ["decoder.steps"]


@pytest.mark.parametrize(
    ("also", "what"),
    [
        ("words.strict", "reaches words, which measures"),
        ("decodr.steps", "no step of this pipeline is called 'decodr'"),
        ("toy.prior.steps", "sets toy.prior.steps, which the parameter x sets already"),
    ],
)
def test_what_a_parameter_also_sets_is_held_to_the_same_rules(flaw, also, what):
    problem = flaw(f"x: {{sets: toy.prior.steps, also: [{also}], min: 1, max: 50}}")
    assert problem.key == "pipelines.p.parameters.x.also[0]"
    assert problem.what.startswith(what)


def test_options_that_a_parameter_sets_alike_are_alike_by_themselves(flaw):
    problem = flaw("x: {sets: decoder.guidance, also: [decoder.high], min: 1, max: 12}")
    assert problem.what == "decoder.high is 9 by itself, and decoder.guidance is 8.0"
