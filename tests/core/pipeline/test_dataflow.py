"""A pipeline loads only if its values flow: present, fresh, in one embedding space, marked last."""

from __future__ import annotations

import pytest

HEAD = """
limner: 1
pipelines:
  p:
    task: {task}
    policy: standard
    steps:
"""


@pytest.fixture
def flaw(problems):
    """The one complaint about a pipeline with these steps, the first on line 7, each on a line of its own."""

    def flaw_of(*steps: str, task: str = "generate"):
        [problem] = problems(HEAD.format(task=task) + "".join(f"      - {step}\n" for step in steps))
        assert problem.file.endswith("pipelines.yaml")
        return problem

    return flaw_of


@pytest.fixture
def flows(load):
    """The pipeline with these steps."""

    def pipeline_of(*steps: str, task: str = "generate"):
        return load(HEAD.format(task=task) + "".join(f"      - {step}\n" for step in steps))["p"]

    return pipeline_of


PRIOR = "use: toy.prior"
DECODER = "{use: toy.decoder, with: {model: alpha}}"


@pytest.mark.parametrize(
    ("task", "steps"),
    [
        ("generate", ("use: words", PRIOR, "use: toy.embedding_score", DECODER, "use: toy.image_score", "use: toy.mark")),
        ("generate", ("use: words", "use: style.rewrite", "{use: words, as: again}", PRIOR, DECODER)),
        ("generate", ("use: toy.text", "{use: toy.prior, with: {from_text: true}}", DECODER)),
        ("generate", ("{use: toy.decoder, with: {model: beta, from_prompt: true}}", "use: toy.mark", "use: toy.attest")),
        ("vary", ("use: toy.encoder", "use: toy.slerp", DECODER, "use: toy.mark", "use: toy.image_score")),
        ("blend", ("use: toy.encoder", DECODER)),
        ("edit", ("use: toy.inpaint", "use: toy.upsampler")),
    ],
)
def test_whole_pipelines_of_every_task_load(flows, task, steps):
    assert [step.column for step in flows(*steps, task=task).steps] == [9] * len(steps)


def test_a_value_that_is_made_only_later_names_the_step_to_move_below(flaw):
    problem = flaw(DECODER, PRIOR)
    assert (problem.line, problem.column, problem.key) == (7, 9, "pipelines.p.steps[0]")
    assert problem.what == "toy.decoder needs `embedding`, which toy.prior (line 8) makes only afterwards"
    assert problem.fix == "move toy.decoder below toy.prior"


def test_a_value_that_no_step_makes_names_steps_that_would(flaw):
    problem = flaw("use: toy.encoder", DECODER, "{use: toy.prior, with: {from_text: true}}", task="vary")
    assert (problem.line, problem.key) == (9, "pipelines.p.steps[2]")
    assert problem.what == "toy.prior needs `text`, which no step makes"
    assert problem.fix == "add a step before it that makes `text`: toy.prior, toy.text"


def test_a_value_that_the_request_does_not_bring_names_requests_that_do(flaw):
    problem = flaw("use: toy.encoder", DECODER)
    assert problem.line == 7
    assert problem.what.endswith("needs `upload`, which a `generate` request does not bring")
    assert problem.fix == "requests that do: vary, edit, blend"


@pytest.mark.parametrize("task", ["generate", "vary", "edit", "blend"])
def test_the_words_of_every_request_can_be_checked(flows, task):
    assert len(flows("use: words", PRIOR, DECODER, task=task).steps) == 3


def test_an_edit_brings_a_mask_and_a_variation_does_not(problems):
    found = problems(HEAD.format(task="vary") + "      - use: toy.inpaint\n")
    assert [problem.what for problem in found] == ["toy.inpaint needs `mask`, which a `vary` request does not bring"]


def test_a_rewrite_makes_the_embedding_stale_and_the_error_says_where_to_move_it(flaw):
    problem = flaw("use: words", PRIOR, "use: style.rewrite", "{use: words, as: again}", DECODER)
    assert (problem.line, problem.column, problem.key) == (11, 9, "pipelines.p.steps[4]")
    assert problem.what == (
        "toy.decoder needs `embedding`, which is stale here: style.rewrite (line 9) changed the prompt after it was made"
    )
    assert problem.fix == "move style.rewrite up, before the step that makes `embedding`"


def test_a_rewrite_makes_text_conditioning_stale(flaw):
    problem = flaw("use: toy.text", "use: style.rewrite", "{use: toy.prior, with: {from_text: true}}", DECODER)
    assert "`text`, which is stale here" in problem.what


def test_what_is_made_again_after_a_rewrite_is_fresh(flows):
    assert flows(PRIOR, "use: style.rewrite", "{use: toy.prior, as: again}", DECODER)


def test_prior_and_decoder_in_different_spaces_do_not_load(flaw):
    problem = flaw(PRIOR, "{use: toy.decoder, with: {model: beta}}")
    assert (problem.line, problem.column, problem.key) == (8, 9, "pipelines.p.steps[1]")
    assert problem.what == (
        "toy.decoder works in the embedding space of model beta (space-b), but its `embedding` comes from "
        "toy.prior (line 7) in that of model alpha (space-a)"
    )
    assert problem.fix == "use one model in both, or models of one `space`"


def test_models_of_one_space_go_together(flows):
    assert flows("{use: toy.prior, with: {model: alike}}", DECODER)


def test_a_classifier_of_another_space_does_not_load(flaw):
    problem = flaw(PRIOR, "{use: toy.embedding_score, with: {model: beta}}", DECODER)
    assert problem.line == 8


def test_a_step_without_a_model_passes_the_space_on(flaw):
    problem = flaw("use: toy.encoder", "use: toy.slerp", "{use: toy.decoder, with: {model: beta}}", task="vary")
    assert (problem.line, "toy.encoder (line 7)" in problem.what) == (9, True)


def test_text_conditioning_of_another_space_does_not_load(flaw):
    problem = flaw("{use: toy.text, with: {model: beta}}", "{use: toy.prior, with: {from_text: true}}", DECODER)
    assert (problem.line, "`text` comes from toy.text" in problem.what) == (8, True)


def test_the_space_of_a_model_that_only_sees_pixels_does_not_matter(flows):
    assert flows(PRIOR, DECODER, "{use: toy.upsampler, with: {model: beta}}", "{use: toy.image_score, with: {model: beta}}")


def test_two_sources_of_one_signal_between_two_writes_do_not_load(flaw):
    problem = flaw("use: words", "{use: words, as: again}", PRIOR, DECODER)
    assert (problem.line, problem.key) == (8, "pipelines.p.steps[1]")
    assert problem.what == (
        "measures words.weapon at the gate `prompt`, as words (line 7) does, and nothing between them writes the prompt"
    )
    assert problem.fix == "remove one of the two"


def test_one_name_at_two_gates_is_two_signals(flows):
    assert flows(PRIOR, "use: toy.embedding_score", DECODER, "use: toy.image_score")


def test_an_image_may_be_measured_again_once_it_has_changed(flows, flaw):
    again = "{use: toy.image_score, as: again}"
    assert flows(PRIOR, DECODER, "use: toy.image_score", "use: toy.upsampler", again)
    assert flaw(PRIOR, DECODER, "use: toy.image_score", again).line == 10


@pytest.mark.parametrize("late", ["use: toy.upsampler", "{use: toy.decoder, as: second, with: {model: alpha}}", "use: words"])
def test_nothing_changes_the_image_after_a_mark(flaw, late):
    problem = flaw(PRIOR, DECODER, "use: toy.mark", late)
    assert (problem.line, problem.column, problem.key) == (10, 9, "pipelines.p.steps[3]")
    assert "stands after the mark toy.mark (line 9)" in problem.what
    assert "above toy.mark" in problem.fix


def test_attestation_comes_last(flaw):
    problem = flaw(PRIOR, DECODER, "use: toy.attest", "use: toy.mark")
    assert (problem.line, problem.key) == (9, "pipelines.p.steps[2]")
    assert problem.fix == "move toy.attest to the end"


def test_attestation_comes_once(flaw):
    problem = flaw(PRIOR, DECODER, "use: toy.attest", "{use: toy.attest, as: twice}")
    assert (problem.line, problem.what) == (10, "a second attestation")


def test_attestation_needs_an_image(problems):
    found = problems(HEAD.format(task="generate") + "      - use: toy.attest\n")
    assert found[-1].what == "toy.attest needs `image`, which no step makes"


def test_a_pipeline_ends_with_an_image(flaw):
    problem = flaw("use: words", PRIOR)
    assert (problem.line, problem.column, problem.key) == (6, 5, "pipelines.p.steps")
    assert problem.what == "the pipeline ends without an image"
    assert "toy.decoder" in problem.fix
