"""The search for cyclic garbage rests while libraries are imported, and goes on afterwards."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest

import limner
from limner.engine.collection import uncollected

SOON = 20  # seconds


@pytest.fixture(autouse=True)
def collecting() -> Iterator[None]:
    gc.enable()
    yield
    gc.enable()


class Watching(limner.Step):
    """Tells whether garbage was collected while it loaded, and while it works."""

    type = "watching"

    def load(self, models, device, dtype):
        self.while_loading = gc.isenabled()

    @limner.hookimpl
    def rewrite_prompt(self, generations):
        return [f"{self.while_loading} {gc.isenabled()}" for _ in generations]


def test_nothing_is_collected_while_a_step_loads_and_all_is_when_it_works(start, ref, generation):
    future = start(Watching).submit(ref(Watching), generation())
    assert future.result(SOON).generation.prompt == "False True"


def test_collecting_goes_on_after_a_block_that_raised():
    with pytest.raises(KeyError), uncollected():
        raise KeyError
    assert gc.isenabled()


def test_who_had_switched_it_off_keeps_it_off():
    gc.disable()
    with uncollected():
        pass
    assert not gc.isenabled()


def test_the_first_of_two_blocks_switches_it_on_again_whichever_ends_first():
    first, second = uncollected(), uncollected()
    first.__enter__()
    second.__enter__()
    first.__exit__(None, None, None)
    second.__exit__(None, None, None)
    assert gc.isenabled()
