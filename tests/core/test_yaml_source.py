"""YAML is read with places, by the core schema of YAML 1.2, and refused where it is ambiguous or without bound."""

from __future__ import annotations

from textwrap import dedent

import pytest

from limner.errors import InvalidFile
from limner.yaml_source import MAX_DEPTH, MAX_NODES, Document, Place, load_yaml, parse_yaml


def read(text: str) -> Document:
    return parse_yaml(dedent(text).lstrip("\n").encode(), "policy.yaml")


def refusals(text: str | bytes) -> list[str]:
    data = text if isinstance(text, bytes) else dedent(text).lstrip("\n").encode()
    with pytest.raises(InvalidFile) as refused:
        parse_yaml(data, "policy.yaml")
    return [str(problem) for problem in refused.value.problems]


def test_values_and_keys_have_places_that_count_from_one():
    document = read("""
        limner: 1
        steps:
          - use: terms
          - {use: decoder, with: {steps: 25}}
    """)
    assert document.value == {"limner": 1, "steps": [{"use": "terms"}, {"use": "decoder", "with": {"steps": 25}}]}
    assert document.place(("limner",)) == Place(1, 9)
    assert document.key_place(("steps",)) == Place(2, 1)
    assert document.place(("steps", 0)) == Place(3, 5)
    assert document.key_place(("steps", 1, "with", "steps")) == Place(4, 27)
    assert document.place(("steps", 1, "with", "steps")) == Place(4, 34)


def test_columns_count_characters_not_bytes():
    assert read("{é😀: ü, b: 1}").key_place(("b",)) == Place(1, 9)


def test_what_is_not_there_is_placed_at_its_nearest_parent():
    document = read("a: {b: 1}")
    assert document.place(("a", "c", 4)) == Place(1, 4)
    assert document.key_place(("a", "c")) == Place(1, 1)
    assert document.place(("x",)) == Place(1, 1)


def test_a_problem_carries_file_place_and_key_path():
    document = read("steps:\n- use: a\n  with: {n: 3}")
    problem = document.problem(("steps", 0, "with", "n"), "is odd", "write 4")
    assert str(problem) == "policy.yaml:3:13: steps[0].with.n: is odd\n  write 4"
    assert document.problem(("steps", 0, "with", "n"), "is odd", at_key=True).column == 10


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("yes", "yes"), ("no", "no"), ("on", "on"), ("Off", "Off"), ("true", True), ("FALSE", False), ("~", None), ("", None),
        ("null", None), ("010", 10), ("0o10", 8), ("0x1F", 31), ("-3", -3), ("1_000", "1_000"), ("12:30:45", "12:30:45"),
        ("1e3", 1000.0), (".5", 0.5), ("2.", 2.0), ("2026-01-01", "2026-01-01"), ("'1'", "1"), ('"true"', "true"),
        ("!!str 5", "5"), ("|\n  a\n", "a\n"),
    ],
)  # fmt: skip
def test_plain_scalars_follow_the_core_schema_of_yaml_1_2(text, value):
    got = read(f"a: {text}\n").value["a"]
    assert (got, type(got)) == (value, type(value))


def test_on_is_a_key_like_any_other():
    assert read("on: {no: yes}").value == {"on": {"no": "yes"}}


def test_a_byte_order_mark_and_an_empty_file_are_read():
    assert parse_yaml(b"\xef\xbb\xbfa: 1\n", "f").value == {"a": 1}
    assert parse_yaml(b"# nothing\n", "f").value is None


def test_a_duplicate_key_names_both_lines():
    assert refusals("""
        rules:
          id: a
          at: prompt
          id: b
    """) == ["policy.yaml:4:3: rules.id: stands twice; the first is on line 2\n  remove one of the two"]


def test_all_mistakes_of_a_file_are_told_at_once():
    found = refusals("""
        a: !!python/object:os.system x
        b: .nan
        1: one
        c: {d: 1, d: 2}
        <<: {e: 1}
        [f]: g
        h: *nowhere
    """)
    assert [message.partition("\n")[0] for message in found] == [
        "policy.yaml:1:4: a: has the tag tag:yaml.org,2002:python/object:os.system",
        "policy.yaml:2:4: b: .nan is not a finite number that JSON can hold exactly",
        "policy.yaml:3:1: ?: a key that is not a string",
        "policy.yaml:4:11: c.d: stands twice; the first is on line 4",
        "policy.yaml:5:1: <<: merge keys (<<) are not read",
        "policy.yaml:6:1: ?: a key that is not a string",
        "policy.yaml:7:4: h: alias *nowhere has no anchor",
    ]


@pytest.mark.parametrize("number", [".inf", "-.INF", ".nan", "1e999", str(2**53), f"-{2**60}", "9" * 5000, "0x20000000000000"])
def test_numbers_that_json_cannot_hold_are_refused(number):
    [message] = refusals(f"a: {number}\n")
    assert message.endswith("is not a finite number that JSON can hold exactly\n  quote it to make it a string")


def test_the_largest_exact_integer_is_read():
    assert read(f"a: {2**53 - 1}").value["a"] == 2**53 - 1


def test_aliases_repeat_a_value():
    document = read("a: &list [x, {y: 1}]\nb: *list\n")
    assert document.value["b"] == ["x", {"y": 1}]
    assert document.place(("b", 1, "y")) == Place(1, 18)


def test_aliases_that_expand_without_bound_are_refused_before_they_expand():
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 50)]
    [message] = refusals("\n".join(lines))
    assert message == (f"policy.yaml:6:5: a5: expands to more than {MAX_NODES} values\n  write out less by anchors and aliases")


def test_an_alias_inside_its_own_anchor_is_refused():
    [message] = refusals("a: &a\n  b: [*a]\n")
    assert message == "policy.yaml:2:7: a.b[0]: alias *a stands inside its own anchor\n  write the value out"


@pytest.mark.parametrize(
    "text",
    [
        "[" * 10_000,
        "\n".join(" " * n + "a:" for n in range(MAX_DEPTH + 5)),
        "a: &a " + "[" * 40 + "]" * 40 + "\nb: " + "[" * 40 + "*a" + "]" * 40,
    ],
    ids=["flow", "block", "through an alias"],
)
def test_deep_nesting_is_refused(text):
    [message] = refusals(text)
    assert f"is nested deeper than {MAX_DEPTH} levels" in message


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"a: 1\nb: \xff\n", "policy.yaml:2:4: is not UTF-8\n  save the file as UTF-8"),
        (b"a: 1\nb: x\0y\n", "policy.yaml:2:5: holds the control character U+0000"),
        (b"a: 1\n---\nb: 2\n", "policy.yaml:2:1: begins a second document"),
        (b"a: [1,\nb: 2\n", "policy.yaml:3:1: is not valid YAML: while parsing a flow sequence, "),
        (b"a: b: c\n", "policy.yaml:1:5: is not valid YAML: mapping values are not allowed in this context"),
        (b"a: 'b\n", "policy.yaml:2:1: is not valid YAML: while scanning a quoted scalar"),
    ],
)
def test_what_is_not_yaml_is_refused_with_its_place(data, message):
    assert refusals(data)[0].startswith(message)


def test_mistakes_before_a_syntax_error_are_told_with_it():
    assert len(refusals("a: 1\na: 2\nb: [\n")) == 2


def test_a_file_over_the_size_cap_is_refused_without_being_read(tmp_path):
    path = tmp_path / "big.yaml"
    path.write_bytes(b"a: 1\n" + b"#" * 100)
    assert load_yaml(path, max_bytes=105).value == {"a": 1}
    with pytest.raises(InvalidFile, match="is larger than 104 bytes"):
        load_yaml(path, max_bytes=104)


def test_a_file_that_cannot_be_read_is_a_configuration_error(tmp_path):
    with pytest.raises(InvalidFile, match=r"absent\.yaml: cannot be read: No such file"):
        load_yaml(tmp_path / "absent.yaml")


@pytest.mark.parametrize("text", ["steps:\n  - use: terms\n\t- use: draw\n", "a:\n  b: 1\n\tc: 2\n", "a:\n\tb: 1\n"])
def test_a_tab_is_named_where_it_stands(text: str):
    [said] = refusals(text.encode())
    place, _, what = said.partition(": ")
    lines = text.splitlines()
    line, column = map(int, place.split(":")[1:])
    assert lines[line - 1][column - 1] == "\t"
    assert what.startswith("is not valid YAML: a tab stands where only spaces may")
