from __future__ import annotations

import pytest

from limner.plugins.loading import load_plugins
from limner_terms.denied import find


@pytest.mark.parametrize("text", ["a red kite", "A R3D K1TE", "r.e.d k.i.t.e", "ｒｅｄ　ｋｉｔｅ", "a rеd kitе"])
def test_denied_terms_are_found_as_the_lists_are(text: str) -> None:
    assert find(text, ["balloon", "red kite"]) == [1]


def test_what_is_not_there_is_not_found() -> None:
    assert find("a red skyline", ["red kite", "!!!", ""]) == []


def test_core_asks_through_the_hook() -> None:
    assert load_plugins(frozenset({"terms"})).find_terms("a k1te", ["kite"]) == {0}
