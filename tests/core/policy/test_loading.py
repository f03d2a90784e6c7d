from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from limner.canonical import sha256_hex
from limner.errors import InvalidFile
from limner.policy import Policy, load_policies, read_policies

RULE = "{id: a, at: prompt, signal: terms.weapon, at_least: 1.0, then: block}"


def write(folder: Path, **files: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / f"{name}.yaml").write_text(text, encoding="utf-8")
    return folder


def said(*folders: Path, registered: dict[str, str] | None = None) -> str:
    with pytest.raises(InvalidFile) as caught:
        load_policies(folders, registered)
    return str(caught.value)


def test_a_policy_says_what_design_shows(policy: Callable[[str], Policy]) -> None:
    loaded = policy(
        """
requires: [terms, watermark]
on_error: review
previews: gated
rules:
  - id: weapons-in-prompt
    at: prompt
    signal: terms.weapon
    at_least: 1
    when: caller.cohort != "red-team"
    then: block
    category: violence
    message: No weapons.
  - id: violence-to-a-person
    at: upload
    all: [{signal: clip.person, at_least: 0.4}, {signal: terms.violence, at: prompt, above: 0.5}]
    then: review
    mode: shadow
"""
    )
    weapons, person = loaded.rules
    assert (loaded.requires, loaded.on_error, loaded.previews) == (("terms", "watermark"), "review", "gated")
    assert (weapons.at, weapons.then, weapons.mode, weapons.category) == ("prompt", "block", "enforce", "violence")
    assert weapons.when is not None
    assert [condition.text for condition in weapons.conditions] == [">= 1.0"]
    assert [(c.gate, c.signal, c.text) for c in person.conditions] == [
        ("upload", "clip.person", ">= 0.4"),
        ("prompt", "terms.violence", "> 0.5"),
    ]
    assert (person.join, person.mode) == ("all", "shadow")


def test_without_more_a_failed_check_blocks(policy: Callable[[str], Policy]) -> None:
    assert policy(f"rules: [{RULE}]").on_error == "block"


def test_a_check_that_fails_can_never_be_allowed(tmp_path: Path) -> None:
    message = said(write(tmp_path, p=f"policy: p\non_error: allow\nrules: [{RULE}]\n"))
    assert "p.yaml:2:11: on_error" in message


@pytest.mark.parametrize(
    ("rule", "key", "what"),
    [
        ("{id: a, at: prompt, signal: t.w, at_least: 1, then: blok}", "rules[0].then", "'blok'"),
        ("{id: a, at: promt, signal: t.w, at_least: 1, then: block}", "rules[0].at", "'promt'"),
        ("{id: a, at: prompt, signal: t.w, at_least: 1, then: allow}", "rules[0].then", "'allow'"),
        ("{id: a, at: prompt, signal: t.w, at_lest: 1, then: block}", "rules[0].at_lest", "did you mean 'at_least'?"),
        ("{id: a, at: prompt, signal: t.w, then: block}", "rules[0]", "needs exactly one of `at_least`, `above`"),
        ("{id: a, at: prompt, signal: t.w, above: 1, below: 2, then: block}", "rules[0]", "needs exactly one of"),
        ("{id: a, at: prompt, then: block}", "rules[0]", "needs exactly one of `signal`, `all` and `any`"),
        (
            "{id: a, at: prompt, signal: t.w, at_least: 1, any: [{signal: t.w, at_least: 1}], then: block}",
            "rules[0]",
            "exactly one",
        ),
        (
            "{id: a, at: prompt, all: [{signal: t.w, at_least: 1}], below: 2, then: block}",
            "rules[0]",
            "a threshold beside `all`",
        ),
        ("{id: a, at: prompt, all: [], then: block}", "rules[0].all", "at least 1"),
        ("{id: a, at: prompt, all: [{at_least: 1}], then: block}", "rules[0].all[0]", "names no `signal`"),
        ("{id: a, at: prompt, any: [{signal: t.w}], then: block}", "rules[0].any[0]", "needs exactly one of"),
        ("{id: a, at: prompt, signal: t.w, at_least: .nan, then: block}", "rules[0].at_least", "not a finite number"),
        ("{id: a, at: prompt, signal: t.w, at_least: -.inf, then: block}", "rules[0].at_least", "not a finite number"),
        ("{id: a, at: prompt, signal: t.w, at_least: '1', then: block}", "rules[0].at_least", "valid number"),
        ("{id: a, at: prompt, signal: t.w, at_least: true, then: block}", "rules[0].at_least", "valid number"),
        ("{id: a, at: prompt, signal: weapon, at_least: 1, then: block}", "rules[0].signal", "match pattern"),
        ("{id: 'a b', at: prompt, signal: t.w, at_least: 1, then: block}", "rules[0].id", "match pattern"),
        ("{id: a, at: prompt, signal: t.w, at_least: 1, then: block, mode: dry-run}", "rules[0].mode", "'dry-run'"),
        (
            "{id: a, at: prompt, signal: t.w, at_least: 1, then: block, when: caller.x}",
            "rules[0].when",
            "caller.x is not known",
        ),
        (
            "{id: a, at: prompt, signal: t.w, at_least: 1, then: block, when: '[1].all(x, true)'}",
            "rules[0].when",
            "comprehension",
        ),
        ("{id: a, at: prompt, signal: t.w, at_least: 1, at_least: 0, then: block}", "rules[0].at_least", "stands twice"),
    ],
)
def test_a_mistake_in_a_rule_is_shown_where_it_stands(tmp_path: Path, rule: str, key: str, what: str) -> None:
    message = said(write(tmp_path, p=f"policy: p\nrules:\n  - {rule}\n"))
    place, _, rest = message.partition(f": {key}: ")
    assert f"{tmp_path}/p.yaml:3:" in place
    assert what in rest


def test_all_mistakes_of_all_files_are_told_at_once(tmp_path: Path) -> None:
    bad = "policy: p\nrule: []\non_error: never\nrules:\n  - id: a\n    then: stop\n"
    message = said(write(tmp_path, p=bad, q="policy: r\n"))
    assert "p.yaml:2:1: rule: is not a key that is known here\n  did you mean 'rules'?" in message
    assert "p.yaml:3:11: on_error" in message
    assert "p.yaml:6:11: rules[0].then: should be 'review' or 'block', not 'stop'" in message
    assert "p.yaml:5:5: rules[0].at: is missing" in message
    assert "q.yaml:1:9: policy: is 'r' in q.yaml\n  write `policy: q`, or rename the file" in message


def test_a_rule_id_stands_once(tmp_path: Path) -> None:
    message = said(write(tmp_path, p=f"policy: p\nrules:\n  - {RULE}\n  - {RULE}\n"))
    assert f"p.yaml:4:5: rules[1]: there is a rule 'a' already, at {tmp_path}/p.yaml:3" in message


def test_a_folder_that_is_not_there_is_a_mistake(tmp_path: Path) -> None:
    assert "is not a folder of policies" in said(tmp_path / "policies")


def test_one_name_is_one_policy(tmp_path: Path) -> None:
    message = said(write(tmp_path / "a", p="policy: p\n"), write(tmp_path / "b", p="policy: p\n"))
    assert f"there is a policy 'p' already, in {tmp_path}/a/p.yaml" in message


def test_subfolders_hold_lists_and_cases_not_policies(tmp_path: Path) -> None:
    write(tmp_path / "lists", weapon="category: weapon\n")
    assert set(load_policies([write(tmp_path, p="policy: p\n")])) == {"p"}


BRAND = """
policy: brand
requires: [terms]
rules:
  - {id: logos, at: prompt, signal: terms.logo, at_least: 1.0, then: review}
  - {id: rivals, at: prompt, signal: terms.rival, at_least: 1.0, then: block}
"""


def test_a_fragment_adds_its_rules_and_requirements(tmp_path: Path) -> None:
    acme = write(tmp_path / "acme", brand=BRAND)
    text = f"policy: p\nextends: acme/brand\nrequires: [watermark, terms]\nrules: [{RULE}]\n"
    policies = load_policies([write(tmp_path / "policies", p=text)], {"acme": str(acme)})
    assert [rule.id for rule in policies["p"].rules] == ["logos", "rivals", "a"]
    assert policies["p"].requires == ("terms", "watermark")
    assert set(policies) == {"p", "acme/brand"}


def test_a_fragments_rule_can_be_left_out_and_replaced(tmp_path: Path) -> None:
    own = "{id: rivals, at: prompt, signal: terms.rival, at_least: 1.0, then: review}"
    text = f"policy: p\nextends: [{{from: brand, without: [rivals]}}]\nrules: [{own}]\n"
    rules = load_policies([write(tmp_path, brand=BRAND, p=text)])["p"].rules
    assert [(rule.id, rule.then) for rule in rules] == [("logos", "review"), ("rivals", "review")]


def test_mistakes_in_extending_are_told(tmp_path: Path) -> None:
    own = "{id: logos, at: prompt, signal: terms.rival, at_least: 1.0, then: review}"
    files = {
        "brand": BRAND,
        "p": "policy: p\nextends: [brnd]\n",
        "q": "policy: q\nextends: {from: brand, without: [rival]}\n",
        "r": f"policy: r\nextends: brand\nrules:\n  - {own}\n",
        "s": "policy: s\nextends: t\n",
        "t": "policy: t\nextends: s\n",
    }
    message = said(write(tmp_path, **files))
    assert "p.yaml:2:11: extends[0]: there is no policy 'brnd'\n  did you mean 'brand'?" in message
    assert "brand has no rule 'rival'\n  did you mean 'rivals'?" in message
    assert "r.yaml:4:5: rules[0]: there is a rule 'logos' already" in message
    assert "leave that one out by `without`" in message
    assert "runs in a circle: s → t → s" in message


def test_the_revision_is_the_hash_of_all_that_can_change_a_decision(tmp_path: Path) -> None:
    def load(brand: str, own: str) -> Policy:
        return load_policies([write(tmp_path, brand=brand, p=f"policy: p\nextends: brand\nrules: [{own}]\n")])["p"]

    first = load(BRAND, RULE)
    assert first.revision == sha256_hex(first.canonical)
    same = load(f"# said differently\n{BRAND}", "{then: block, at_least: 1, signal: terms.weapon, at: prompt, id: a}")
    assert same.revision == first.revision
    changed = [
        load(BRAND, RULE.replace("1.0", "0.9")),
        load(BRAND, RULE.replace("}", ", mode: shadow}")),
        load(BRAND, RULE.replace("}", ", when: request.n > 1}")),
        load(BRAND.replace("review", "block"), RULE),
        load(BRAND.replace("[terms]", "[terms, watermark]"), RULE),
    ]
    assert len({policy.revision for policy in (first, *changed)}) == 6


def test_a_mistake_in_one_rule_hides_nothing_else_in_the_file(tmp_path: Path) -> None:
    rules = """
    - {id: a, at: prompt, signal: t.x, at_leest: 1, then: block}
    - {id: b, at: prompt, signal: t.x, at_least: 1, then: block, category: violense}
    - {id: c, at: prompt, signal: t.x, at_least: 1, when: request.n +, then: block}
    - {id: d, at: prompt, all: [{signal: t.x, above: 0.5}, {signal: t.x, below: 0.5}], then: block}
    - {id: b, at: prompt, signal: t.x, at_least: 0.5, then: block}
    """
    extends = "extends: [brnd, {from: own, without: [f]}]"
    folder = write(tmp_path, own=f"policy: own\nrules:{rules}", p=f"policy: p\n{extends}\nrules: [{{id: f, category: z}}]")
    read = read_policies([folder])
    told = {(Path(problem.file).stem, problem.key) for problem in read.problems}
    own = {("own", key) for key in ("rules[0].at_leest", "rules[1].category", "rules[2].when", "rules[3]", "rules[4]")}
    assert told >= own | {("p", "extends[0]"), ("p", "rules[0].at")}
    assert ("p", "extends[1].without[0]") not in told, "one of the rules that could not be read may be the one"
    assert (read.names, set(read.holding)) == ({"own", "p"}, set())


def test_a_policy_that_extends_what_cannot_be_read_is_not_held_to_its_categories(tmp_path: Path) -> None:
    rule = "{id: a, at: prompt, signal: t.x, at_least: 1, then: block, category: logos}"
    brand = "policy: brand\ncategores: {logos: {}}\n"
    read = read_policies([write(tmp_path, brand=brand, p=f"policy: p\nextends: brand\nrules: [{rule}]\n")])
    assert [problem.key for problem in read.problems] == ["categores"]
    assert set(read.holding) == set()
