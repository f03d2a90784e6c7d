from __future__ import annotations

import base64

import pytest
from properties import for_all, some_text

from limner_terms.documents import MOST_RUNS, documents


def decoded(prompt: str) -> list[tuple[str, str]]:
    return [(document.text, document.how) for document in list(documents(prompt))[1:]]


@pytest.mark.parametrize(
    "prompt", ["a red circle", "R&B & soul", "50% off", "A-10 over B-52", "watercolour of elephants", "a\\b"]
)
def test_plain_text_is_one_document(prompt: str) -> None:
    assert [document.text for document in documents(prompt)] == [prompt]


@pytest.mark.parametrize(
    ("prompt", "text"),
    [
        ("&#115;word", "sword"),
        ("&#x73;word &amp; x", "sword & x"),
        ("%73%77ord", "sword"),
        ("%2573word", "sword"),
        ("\\u0073word \\x73", "sword s"),
        ("\U000e0073\U000e0077 x", "sw x"),
    ],
)
def test_codes_are_decoded_where_they_stand(prompt: str, text: str) -> None:
    assert decoded(prompt) == [(text, "decoded")]


def test_the_flag_of_a_country_is_no_code() -> None:
    assert decoded("🏴\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f") == []


@pytest.mark.parametrize(
    "run",
    [base64.b64encode(b"a sword").decode(), b"sword".hex(), b"sword".hex(" "), "01110011 01110111 01101111", "115 119 111"],
)
def test_a_run_in_a_code_is_a_document_of_its_own(run: str) -> None:
    [(text, _)] = decoded(f"x {run}")
    assert text in ("a sword", "sword", "swo")


def test_every_character_knows_where_it_came_from() -> None:
    _, decoded = documents("a &#115;word")
    assert decoded.text == "a sword"
    assert decoded.span(2, 7) == (2, 12)
    assert decoded.span(2, 3) == (2, 8)


def test_what_is_decoded_is_bounded() -> None:
    assert len(list(documents(f"{base64.b64encode(b'a sword').decode()} " * 100))) == 1 + MOST_RUNS


def test_any_text_can_be_decoded_and_keeps_its_places() -> None:
    def check(text: str) -> None:
        for document in documents(text):
            assert len(document.text) == len(document.starts) == len(document.ends)
            assert all(0 <= start < end <= len(text) for start, end in zip(document.starts, document.ends, strict=True))

    codes = ["&#", "%", "\\u", "\\x", "41", "ffffff", ";", "=", "&amp", "110000"]
    for_all(lambda random: "".join(random.choice([*codes, some_text(random)]) for _ in range(12)), check, examples=400)
