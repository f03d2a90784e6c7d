from __future__ import annotations

from pathlib import Path

import pytest

import limner
from limner_terms.lists import MOST_TERMS, TermForm, TermList, built_in_lists


def read(folder: Path, text: str) -> TermList:
    (folder / "own.yaml").write_text(text, encoding="utf-8")
    return limner.Asset("own.yaml", folder).read_yaml(TermList)


def test_endings_inflect_the_last_word_and_irregular_forms_are_added(tmp_path: Path) -> None:
    text = "category: weapon\nendings: ['', s]\nterms: [machine gun, {term: hunting knife, forms: [hunting knives]}]\n"
    assert [(form.words, form.term) for form in read(tmp_path, text).forms()] == [
        (("machine", "gun"), "machine gun"),
        (("machine", "guns"), "machine gun"),
        (("hunting", "knife"), "hunting knife"),
        (("hunting", "knifes"), "hunting knife"),
        (("hunting", "knives"), "hunting knife"),
    ]


def test_exceptions_are_inflected_too_and_carriers_stand_as_written(tmp_path: Path) -> None:
    given = read(tmp_path, "category: a\nendings: ['', s]\nterms: [gun]\nexceptions: [water gun]\ncarriers: [Gun-shy]\n")
    assert [form for form in given.forms() if form.exception] == [
        TermForm("a", "water gun", ("water", "gun"), exception=True),
        TermForm("a", "water gun", ("water", "guns"), exception=True),
    ]
    assert list(given.carrying()) == ["gunshy"]


def test_without_endings_terms_stand_as_written(tmp_path: Path) -> None:
    assert [form.words for form in read(tmp_path, "category: a\nterms: [Schwert]\n").forms()] == [("schwert",)]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("category: a\nterms: []\n", "own.yaml:2:8: terms"),
        ("category: A b\nterms: [x]\n", "own.yaml:1:11: category"),
        ("category: a\nterms: [sword, '!?']\n", "own.yaml:2:16: terms[1]: '!?' has 0 words; a term has 1 to 8"),
        ("category: a\nterms: [a b c d e f g h i]\n", "has 9 words; a term has 1 to 8"),
        (
            "category: a\nterms: [{term: x, form: [y]}]\n",
            "terms[0].form: is not a key that is known here\n  did you mean",
        ),
        ("category: a\nterms: [x]\nendings: ['s e']\n", "own.yaml:3:11: endings[0]"),
        ("category: a\nterms: [{term: gun, within: true}]\n", "'gun' cannot count within words"),
        ("category: a\ncategory: b\nterms: [x]\n", "own.yaml:2:1: category: stands twice"),
        ("terms: [x]\n", "category: is missing"),
        ("", "should be a mapping"),
    ],
)
def test_a_mistake_in_a_list_is_shown_where_it_stands(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(limner.ConfigurationError) as caught:
        read(tmp_path, text)
    assert said in str(caught.value)


def test_a_list_is_bounded(tmp_path: Path) -> None:
    terms = "\n".join(f"- t{i}" for i in range(MOST_TERMS + 1))
    with pytest.raises(limner.ConfigurationError, match="20000"):
        read(tmp_path, f"category: a\nterms:\n{terms}\n")
    with pytest.raises(limner.ConfigurationError, match="larger than"):
        read(tmp_path, "category: a\nterms:\n" + "- sword\n" * 1_000_000)


def test_the_lists_that_come_with_the_plugin_can_be_used() -> None:
    lists = built_in_lists()
    assert {"emblem", "skull", "weapon", "sexual", "minor"} <= {listed.category for listed in lists}
    assert len({listed.category for listed in lists}) == len(lists)
    for listed in lists:
        terms = [form.term for form in listed.forms()]
        assert len(set(listed.terms)) == len(listed.terms)
        assert terms
