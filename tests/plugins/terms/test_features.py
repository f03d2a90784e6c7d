from __future__ import annotations

import pytest

from limner_terms.documents import documents
from limner_terms.features import Features, measure, scripts_of

LATIN = frozenset({"LATIN"})
NOTHING = Features(0, 0, 0, 0.0)


def features(prompt: str) -> Features:
    return measure(prompt, list(documents(prompt))[1:], LATIN)


@pytest.mark.parametrize(
    "prompt",
    [
        "a red circle",
        "naïve café",
        "ＳＷＯＲＤ 𝐬",
        "👩🏽\u200d🚀 on the moon",
        "🏴\U000e0067\U000e0062\U000e007f",
        "1️⃣2️⃣",
        "R&amp;B 5%20x",
    ],
)
def test_ordinary_writing_has_nothing_odd(prompt: str) -> None:
    assert features(prompt) == NOTHING


def test_words_of_several_scripts_are_counted() -> None:
    assert features("two ѕwоrds, ѕwоrd, меч").mixed_scripts == 2
    assert features("赤い剣とカタナ").mixed_scripts == 0


@pytest.mark.parametrize(("prompt", "count"), [("s\u200bw\u200bord", 2), ("a\u202ebc", 1), ("\u200b", 1), ("می\u200cخواهم", 0)])
def test_invisibles_are_counted_where_they_have_no_business(prompt: str, count: int) -> None:
    assert features(prompt).invisibles == count


@pytest.mark.parametrize(("prompt", "count"), [("&#115;&#119;ord", 2), ("c3dvcmQgc3dvcmQ=", 1), ("%73word", 1)])
def test_letters_and_runs_in_a_code_are_counted(prompt: str, count: int) -> None:
    assert features(prompt).encoded == count


def test_the_share_of_letters_that_no_list_can_match_is_told() -> None:
    assert features("меч sw").foreign == pytest.approx(3 / 5)
    assert measure("меч", [], frozenset({"CYRILLIC"})).foreign == 0.0
    assert scripts_of("a ж 漢カ 1") == {"LATIN", "CYRILLIC", "CJK"}
