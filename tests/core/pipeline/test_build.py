"""A pipelines.yaml becomes checked pipelines with a canonical text and its hash, or all its mistakes are told at once."""

from __future__ import annotations

import json
import pickle
import subprocess
import sys
from pathlib import Path

import pytest

import limner
from limner.canonical import canonical, sha256_hex
from limner.errors import InvalidFile
from limner.models import ModelStore
from limner.pipeline import declared_models, load_pipelines
from limner.stage_call import stage_call

WHOLE = """limner: 1
models:
  own: {source: ./weights/alpha, space: space-a}
  karlo: {source: kakaobrain/karlo, revision: 0123456789abcdef0123456789abcdef01234567}
pipelines:
  plain:
    task: generate
    policy: standard
    shadow_policy: stricter
    parameters:
      guidance_scale: {sets: decoder.guidance, min: 1, max: 12}
    steps:
      - use: words
      - {use: style.rewrite, as: style, with: {template: style.txt, key: {env: STYLE_KEY}}}
      - {use: words, as: again, deadline: 2s}
      - {use: toy.prior, with: {model: own}}
      - {use: toy.decoder, as: decoder, with: {model: alpha}}
      - use: toy.mark
  second:
    task: vary
    policy: acme/brand
    steps:
      - use: toy.encoder
      - {use: toy.decoder, with: {model: own}}
"""


@pytest.fixture
def whole(load, tmp_path):
    (tmp_path / "style.txt").write_text("in oil")
    return load(WHOLE)


def test_pipelines_come_in_the_order_of_the_file(whole, tmp_path):
    assert list(whole) == ["plain", "second"]
    plain = whole["plain"]
    assert (plain.task, plain.policy, plain.shadow_policy, plain.line) == ("generate", "standard", "stricter", 6)
    assert (plain.root, plain.file) == (tmp_path, str(tmp_path / "pipelines.yaml"))
    assert [step.id for step in plain.steps] == ["words", "style", "again", "toy.prior", "decoder", "toy.mark"]
    assert whole["second"].shadow_policy is None


def test_declared_models_are_told_with_the_pipelines_and_before(whole, catalogue, models, tmp_path):
    path = tmp_path / "pipelines.yaml"
    declared = declared_models(path)
    assert (declared["own"].source, declared["own"].space, declared["karlo"].on_hub) == ("./weights/alpha", "space-a", True)
    store = ModelStore({**models, **declared}, root=tmp_path)
    assert load_pipelines(path, catalogue, store).models == declared


def test_the_hash_is_that_of_the_canonical_text(whole):
    plain = whole["plain"]
    assert plain.hash == sha256_hex(plain.canonical)
    assert canonical(json.loads(plain.canonical)) == plain.canonical


def test_the_canonical_text_holds_options_assets_models_and_digests_and_no_secret(whole, monkeypatch):
    monkeypatch.setenv("STYLE_KEY", "sk-12345")
    steps = {step["as"]: step for step in json.loads(whole["plain"].canonical)["steps"]}
    assert steps["style"]["with"] == {
        "style": "plain",
        "template": {"asset": "style.txt", "sha256": sha256_hex(b"in oil")},
        "key": {"env": "STYLE_KEY"},
    }
    assert steps["again"] == {
        "use": "words",
        "as": "again",
        "with": {"lists": ["weapon"], "strict": False},
        "deadline": 2.0,
        "digest": "weapon",
        "models": {},
    }
    assert list(steps["toy.prior"]["models"]) == ["own"]
    assert len(steps["toy.prior"]["models"]["own"]) == 64
    assert json.loads(whole["plain"].canonical)["parameters"] == {
        "guidance_scale": {"sets": "decoder.guidance", "default": 8, "min": 1, "max": 12}
    }


def test_comments_and_layout_do_not_change_the_hash(whole, load):
    again = load(
        "# a remark\n" + WHOLE.replace("{use: toy.prior, with: {model: own}}", "with: {model: own}\n        use: toy.prior")
    )
    assert again["plain"].hash == whole["plain"].hash
    assert again["plain"].steps[0].line == whole["plain"].steps[0].line + 1


@pytest.mark.parametrize(
    "change",
    [
        ("guidance, min: 1, max: 12", "guidance, min: 1, max: 11"),
        ("policy: standard", "policy: other"),
        ("deadline: 2s", "deadline: 3s"),
        ("- use: words", "- {use: words, with: {strict: true}}"),
        ("with: {model: alpha}", "with: {model: alike}"),
        ("as: again", "as: once-more"),
    ],
)
def test_whatever_is_declared_changes_the_hash(whole, load, change):
    changed = load(WHOLE.replace(*change))
    assert changed["plain"].hash != whole["plain"].hash
    if "model: own" not in change[0]:
        assert changed["second"].hash == whole["second"].hash


def test_the_contents_of_assets_and_models_change_the_hash(whole, load, tmp_path):
    (tmp_path / "style.txt").write_text("in ink")
    inked = load(WHOLE)["plain"].hash
    (tmp_path / "weights" / "alpha" / "model_index.json").write_text("{}")
    assert len({whole["plain"].hash, inked, load(WHOLE)["plain"].hash}) == 3


def test_a_step_can_be_built_again_from_its_reference_in_another_process(whole, catalogue):
    plain = whole["plain"]
    ref = pickle.loads(pickle.dumps(plain.ref(plain.steps[1])))
    assert (ref.type, ref.id, ref.occurrence, ref.pipeline_hash) == ("style.rewrite", "style", 0, plain.hash)
    cls = catalogue.step(ref.type)
    step = cls(cls.Options.model_validate(ref.options, context={"root": ref.root}), id=ref.id, occurrence=ref.occurrence)
    assert step.options.template.read_bytes() == b"in oil"
    assert stage_call(step)([]) == []


def test_all_mistakes_of_a_file_are_told_at_once_in_its_order(problems):
    found = problems("""
        limner: 2
        modles: {}
        models:
          karlo: {source: kakaobrain/karlo, revision: main}
          scenes: {source: ./weights/alpha}
        pipelines:
          Bad Name:
            task: generate
            policy: standard
            steps: [{use: toy.decoder, with: {model: alpha, from_prompt: true}}]
          one:
            task: paint
            polcy: standard
            parameters:
              x: {sets: wrods.strict, choices: [true]}
            steps:
              - use: wrods
              - {use: toy.prior, with: {model: karlo}}
              - {use: toy.decoder, with: {guidance: 99}}
          two:
            task: generate
            policy: standard
            steps:
              - {use: toy.decoder, with: {model: alpha}}
          three: []
          four: {task: edit, policy: standard, steps: []}
    """)
    assert [(problem.line, problem.column, problem.key) for problem in found] == [
        (1, 9, "limner"),
        (2, 1, "modles"),
        (4, 10, "models.karlo"),
        (5, 3, "models.scenes"),
        (7, 3, "pipelines.Bad Name"),
        (11, 3, "pipelines.one.policy"),
        (12, 11, "pipelines.one.task"),
        (13, 5, "pipelines.one.polcy"),
        (17, 14, "pipelines.one.steps[0].use"),
        (19, 28, "pipelines.one.steps[2].with.model"),
        (19, 45, "pipelines.one.steps[2].with.guidance"),
        (24, 9, "pipelines.two.steps[0]"),
        (25, 10, "pipelines.three"),
        (26, 47, "pipelines.four.steps"),
    ]
    told = {problem.key: (problem.what, problem.fix) for problem in found}
    assert told["limner"] == ("should be 1, not 2", "")
    assert told["modles"][1] == "did you mean 'models'?"
    assert told["pipelines.one.polcy"][1] == "did you mean 'policy'?"
    assert told["models.scenes"] == ("a plugin registers a model of this name", "choose another")
    assert "40 hex digits" in told["models.karlo"][1]


def test_a_model_that_is_not_of_the_form_is_told_once_and_not_again_where_it_is_used(problems, tmp_path):
    (tmp_path / "style.txt").write_text("in oil")
    [problem] = problems(WHOLE.replace("source: ./weights/alpha", "sourse: ./weights/alpha, source: ./weights/alpha"))
    assert (problem.line, problem.column, problem.key) == (3, 9, "models.own.sourse")
    assert problem.fix == "did you mean 'source'?"


@pytest.mark.parametrize(
    ("text", "key", "what"),
    [
        ("", "", "should be a mapping, not empty"),
        ("[]", "", "should be a mapping"),
        ("limner: 1", "pipelines", "is missing"),
        ("limner: 1\npipelines: {}", "pipelines", "should hold at least 1, not 0"),
    ],
)
def test_a_file_without_pipelines_is_refused(problems, text, key, what):
    [problem] = problems(text)
    assert (problem.key, problem.what) == (key, what)


def test_a_duplicate_key_is_refused_with_both_lines(problems):
    [problem] = problems(WHOLE.replace("    policy: standard\n", "    policy: standard\n    policy: lax\n"))
    assert (problem.line, problem.column, problem.key) == (9, 5, "pipelines.plain.policy")
    assert problem.what == "stands twice; the first is on line 8"


def test_anchors_share_options_and_may_not_expand_without_bound(load, problems, tmp_path):
    (tmp_path / "style.txt").write_text("in oil")
    shared = WHOLE.replace("with: {model: own}", "with: &own {model: own}", 1).replace("with: {model: own}", "with: *own")
    assert load(shared)["second"].steps[1].options.model == "own"
    bomb = "\n".join(f"x{n}: &x{n} [{', '.join([f'*x{n - 1}'] * 10 if n else ['a'] * 10)}]" for n in range(9))
    [problem] = problems(bomb)
    assert (problem.line, problem.what) == (6, "expands to more than 200000 values")


def test_options_that_canonical_json_cannot_hold_stand_at_their_step(problems, catalogue):
    class Endless(limner.Options):
        limit: float = float("inf")

    class Step(limner.Step):
        type = "odd.endless"
        Options = Endless

        @limner.hookimpl
        def rewrite_prompt(self, generations):
            return []

    catalogue.add(Step)
    [problem] = problems(WHOLE.replace("- use: words", "- use: odd.endless", 1).replace("template: style.txt, ", ""))
    assert (problem.line, problem.key) == (13, "pipelines.plain.steps[0]")
    assert "not representable as canonical JSON" in problem.what


def test_the_errors_exit_code_is_that_of_a_configuration(tmp_path, catalogue, models):
    with pytest.raises(InvalidFile) as refused:
        load_pipelines(tmp_path / "absent.yaml", catalogue, ModelStore(models, root=tmp_path))
    assert refused.value.exit_code == 4


def test_pipelines_are_read_without_torch_or_a_database():
    heavy = ("torch", "transformers", "diffusers", "sqlalchemy", "numpy", "PIL")
    code = f"import sys, limner.pipeline; print([name for name in {heavy} if name in sys.modules])"
    core = str(Path(__file__).parents[3] / "core")
    done = subprocess.run([sys.executable, "-c", code], env={"PYTHONPATH": core}, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
