"""Steps are looked up, named, and validated by their own Options; each mistake is told at its place, all at once."""

from __future__ import annotations

from math import inf

import pytest
from pydantic import model_validator

import limner

HEAD = """
limner: 1
pipelines:
  p:
    task: generate
    policy: standard
    steps:
"""
DECODER = "      - {use: toy.decoder, with: {model: alpha, from_prompt: true}}\n"


@pytest.fixture
def flaw(problems):
    """The one complaint about a pipeline whose first step, on line 7, is this one."""

    def flaw_of(step: str):
        [problem] = problems(f"{HEAD}      - {step}\n{DECODER}")
        assert problem.file.endswith("pipelines.yaml")
        return problem

    return flaw_of


def test_a_bound_step_carries_what_it_declares(load):
    words, decoder = load(f"{HEAD}      - {{use: words, with: {{lists: [weapon, blood]}}, deadline: 500ms}}\n{DECODER}")[
        "p"
    ].steps
    assert (words.id, words.type, words.stage.name, words.measures) == ("words", "words", "filter_prompt", True)
    assert dict(words.emits) == {"words.weapon": limner.Range(0, 1), "words.blood": limner.Range(0, 1)}
    assert (words.digest, words.deadline, words.line, words.column) == ("weapon-blood", 0.5, 7, 9)
    assert words.raw_options == {"lists": ["weapon", "blood"]}
    assert decoder.reads == {"prompt"}, "narrowed from what the stage may read"
    assert (decoder.writes, decoder.emits, decoder.deadline) == ({"image"}, {}, None)


def test_occurrences_count_the_steps_of_one_type(load):
    steps = load(f"{HEAD}{DECODER}      - use: toy.mark\n      - {{use: toy.mark, as: second}}\n")["p"].steps
    assert [(step.id, step.occurrence) for step in steps] == [("toy.decoder", 0), ("toy.mark", 0), ("second", 1)]


def test_an_unknown_step_suggests_the_one_meant(flaw):
    problem = flaw("use: wrods")
    assert (problem.line, problem.column, problem.key) == (7, 14, "pipelines.p.steps[0].use")
    assert (problem.what, problem.fix) == ("there is no step 'wrods'", "did you mean 'words'?")


def test_a_step_of_a_broken_plugin_tells_the_cause(flaw):
    problem = flaw("use: broken.filter")
    assert (problem.line, problem.column) == (7, 14)
    assert "No module named 'absent'" in problem.what
    assert problem.fix == "pip install absent"


def test_a_fault_of_a_plugin_is_told_where_it_is_met_first_and_other_mistakes_beside_it(problems, catalogue):
    catalogue.add(step_class(emits=classmethod(lambda *_: {"odd.x": (0, 1)})))
    faulty = ["use: odd.filter", "use: broken.filter", "{use: odd.filter, as: again}", "use: broken.other", "use: wrods"]
    one = HEAD + "".join(f"      - {step}\n" for step in faulty) + DECODER
    two = one.partition("pipelines:\n")[2].replace("  p:", "  q:")
    told = [(problem.line, problem.what.rpartition(": ")[2]) for problem in problems(one + two)]
    assert told == [
        (7, "emits() of Odd gives (0, 1) as range of 'odd.x'"),
        (8, "No module named 'absent'"),
        (11, "there is no step 'wrods'"),
        (21, "there is no step 'wrods'"),
    ]


def test_an_import_path_is_no_step(flaw):
    assert flaw("use: os.path.join").what == "there is no step 'os.path.join'"


def test_an_unknown_option_suggests_the_one_meant(flaw):
    problem = flaw("{use: toy.prior, with: {modle: alpha}}")
    assert (problem.line, problem.column, problem.key) == (7, 33, "pipelines.p.steps[0].with.modle")
    assert (problem.what, problem.fix) == ("is not a key that is known here", "did you mean 'model'?")


def test_an_unknown_key_of_a_step_suggests_the_one_meant(flaw):
    problem = flaw("{use: words, wiht: {}}")
    assert (problem.line, problem.column, problem.fix) == (7, 22, "did you mean 'with'?")


def test_an_option_outside_its_range_says_what_would_be_right(flaw):
    problem = flaw("{use: toy.prior, with: {steps: 0}}")
    assert (problem.column, problem.key) == (40, "pipelines.p.steps[0].with.steps")
    assert problem.what == "should be greater than or equal to 1, not 0"


def test_a_missing_option_stands_at_the_step(problems):
    [problem] = problems(f"{HEAD}      - use: toy.decoder\n")
    assert (problem.line, problem.column, problem.key) == (7, 9, "pipelines.p.steps[0].with.model")
    assert (problem.what, problem.fix) == ("is missing", "add `model:`")


def test_options_that_contradict_each_other_stand_at_with(problems):
    [problem] = problems(f"{HEAD}      - use: toy.decoder\n        with: {{model: alpha, low: 5, high: 4}}\n")
    assert (problem.line, problem.column, problem.what) == (8, 15, "low is above high")


def test_two_steps_of_one_name_are_refused(problems):
    [problem] = problems(f"{HEAD}{DECODER}      - use: toy.mark\n      - use: toy.mark\n")
    assert (problem.line, problem.key) == (9, "pipelines.p.steps[2]")
    assert problem.what == "a second step is called toy.mark; the first is on line 8"
    assert problem.fix == "give one of them a name of its own with `as:`"


@pytest.mark.parametrize("name", ["Shout", "a.b", "'a b'", "''"])
def test_a_name_is_plain(flaw, name):
    assert flaw(f"{{use: words, as: {name}}}").key == "pipelines.p.steps[0].as"


def test_a_bare_word_is_no_step(flaw):
    problem = flaw("words")
    assert (problem.line, problem.column) == (7, 9)
    assert (problem.what, problem.fix) == ("a step should be a mapping", "write `- use: words`")


@pytest.mark.parametrize(("written", "seconds"), [("20s", 20), ("500ms", 0.5), ("2m", 120), ("1.5s", 1.5)])
def test_deadlines_have_units(load, written, seconds):
    pipeline = load(f"{HEAD}      - {{use: words, deadline: {written}}}\n{DECODER}")["p"]
    assert pipeline.steps[0].deadline == seconds


@pytest.mark.parametrize("written", ["20", "20 s", "0s", "-1s", "soon", "1h", "[]"])
def test_a_deadline_without_a_unit_says_how_to_write_it(flaw, written):
    problem = flaw(f"{{use: words, deadline: {written}}}")
    assert (problem.line, problem.column, problem.key) == (7, 32, "pipelines.p.steps[0].deadline")
    assert "such as 20s, 500ms or 2m" in problem.what


def test_an_unknown_model_suggests_the_one_meant(flaw):
    problem = flaw("{use: toy.prior, with: {model: alpah}}")
    assert (problem.line, problem.column, problem.key) == (7, 40, "pipelines.p.steps[0].with.model")
    assert "no model 'alpah'" in problem.what
    assert problem.fix == "did you mean 'alpha'?"


@pytest.mark.parametrize(
    ("sampler", "key"),
    [("scorer: gone", "scorer"), ("others: [alpha, gone]", "others[1]"), ("named: {second: gone}", "named.second")],
)
def test_a_model_inside_nested_options_is_looked_up(problems, sampler, key):
    options = f"{{model: alpha, from_prompt: true, sampler: {{{sampler}}}}}"
    [problem] = problems(f"{HEAD}      - {{use: toy.decoder, with: {options}}}\n")
    assert problem.key == f"pipelines.p.steps[0].with.sampler.{key}"


def test_an_asset_is_a_file_of_the_project(flaw, tmp_path):
    outside = flaw("{use: style.rewrite, with: {template: ../secret.txt}}")
    assert (outside.column, outside.key) == (47, "pipelines.p.steps[0].with.template")
    assert outside.what == "asset '../secret.txt' lies outside the project folder"
    assert flaw("{use: style.rewrite, with: {template: absent.txt}}").what.endswith("is not a file in the project folder")


def test_a_secret_written_out_is_not_repeated(flaw):
    problem = flaw("{use: style.rewrite, with: {key: sk-12345}}")
    assert problem.key == "pipelines.p.steps[0].with.key"
    assert "sk-12345" not in str(problem)


def step_class(**members: object) -> type[limner.Step]:
    """A prompt filter of type `odd.filter` with these members."""

    @limner.hookimpl
    def filter_prompt(self, generations):
        return [[] for _ in generations]

    usual = {"emits": classmethod(lambda cls, options, models: {"odd.signal": limner.Range()})}
    return type("Odd", (limner.Step,), {"type": "odd.filter", "filter_prompt": filter_prompt, **usual, **members})


def raising(*_: object) -> None:
    raise KeyError("tables")


@pytest.mark.parametrize("member", ["emits", "digest", "reads", "writes"])
def test_what_a_step_raises_while_it_is_asked_is_told_with_the_plugins_own_line(flaw, catalogue, member):
    catalogue.add(step_class(**{member: classmethod(raising)}))
    problem = flaw("use: odd.filter")
    assert (problem.line, problem.key) == (7, "pipelines.p.steps[0]")
    line = f"{__file__}:{raising.__code__.co_firstlineno + 1}"
    assert problem.what == f"{line}: {member}() of Odd raised KeyError: 'tables'"
    assert problem.fix == "a fault of the plugin"


def test_what_a_step_raises_by_a_call_of_limner_is_told_with_the_plugins_own_line_too(flaw, catalogue):
    def misspelt(*_: object) -> None:
        limner.Rnage(0, 1)

    catalogue.add(step_class(emits=classmethod(misspelt)))
    assert flaw("use: odd.filter").what.startswith(f"{__file__}:{misspelt.__code__.co_firstlineno + 1}: ")


def test_what_a_validator_of_options_raises_is_told_with_the_plugins_own_line(flaw, catalogue):
    class Broken(limner.Options):
        @model_validator(mode="after")
        def check(self) -> Broken:
            return raising()  # type: ignore[return-value]

    catalogue.add(step_class(Options=Broken))
    assert flaw("use: odd.filter").fix == f"a fault of the plugin, at {__file__}:{raising.__code__.co_firstlineno + 1}"


@pytest.mark.parametrize(
    ("members", "what"),
    [
        ({"emits": lambda *_: {"odd.x": limner.Range(1, 0)}}, "emits() of Odd gives signal odd.x the range 1 to 0"),
        ({"emits": lambda *_: {"odd.x": limner.Range(0, inf)}}, "emits() of Odd gives signal odd.x the range 0 to inf"),
        ({"emits": lambda *_: {"odd.x": (0, 1)}}, "emits() of Odd gives (0, 1) as range of 'odd.x'"),
        ({"emits": lambda *_: ["odd.x"]}, "emits() of Odd gives ['odd.x'], not a mapping from signal names to ranges"),
        ({"digest": lambda *_: None}, "digest() of Odd gives None"),
        ({"reads": lambda *_: {"image"}}, "reads() of Odd gives image, which a filter_prompt step may not read"),
        ({"reads": lambda *_: "prompt"}, "reads() of Odd gives 'prompt', which is no set of values"),
        ({"writes": lambda *_: ["prompt"]}, "writes() of Odd gives prompt, which a filter_prompt step may not write"),
    ],
)
def test_a_step_declares_what_its_stage_allows(flaw, catalogue, members, what):
    [(name, function)] = members.items()
    catalogue.add(step_class(**{name: classmethod(function)}))
    problem = flaw("use: odd.filter")
    assert problem.what == f"{__file__}:{function.__code__.co_firstlineno}: {what}"
    assert problem.fix.startswith("a fault of the plugin; ")


def test_a_step_that_measures_names_its_signals(flaw, catalogue):
    catalogue.add(step_class(emits=classmethod(lambda *_: {})))
    assert flaw("use: odd.filter").what == "measures nothing: it declares no signal"


def test_an_error_of_limner_in_a_step_keeps_its_way_out(flaw, catalogue):
    def refuse(*_: object) -> None:
        raise limner.ConfigurationError("the table is empty", where="tables.csv", fix="fill it")

    catalogue.add(step_class(digest=classmethod(refuse)))
    problem = flaw("use: odd.filter")
    assert (problem.what, problem.fix) == ("tables.csv: the table is empty", "fill it")
