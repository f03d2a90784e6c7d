from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from limner.models.derived import MOST_KEPT, DerivedTensors

CPU = torch.device("cpu")


def made(calls: list[int], value: float = 1.0) -> Callable[[], torch.Tensor]:
    def make() -> torch.Tensor:
        calls.append(1)
        return torch.full((2, 3), value)

    return make


def test_what_is_derived_is_made_once_for_all() -> None:
    calls: list[int] = []
    tensors = DerivedTensors(None)
    assert tensors.get("a", CPU, made(calls)) is tensors.get("a", CPU, made(calls))
    assert len(calls) == 1
    tensors.get("b", CPU, made(calls))
    assert len(calls) == 2


def test_the_next_process_finds_it(tmp_path: Path) -> None:
    calls: list[int] = []
    first = DerivedTensors(tmp_path / "derived").get("a", CPU, made(calls))
    assert DerivedTensors(tmp_path / "derived").get("a", CPU, made(calls, 9.0)).equal(first)
    assert len(calls) == 1


@pytest.mark.parametrize("harm", ["cut", "flip", "swap"])
def test_a_file_that_was_harmed_is_made_anew(tmp_path: Path, harm: str) -> None:
    DerivedTensors(tmp_path).get("a", CPU, made([]))
    DerivedTensors(tmp_path).get("b", CPU, made([], 7.0))
    one, other = sorted(tmp_path.iterdir())
    data = bytearray(one.read_bytes())
    if harm == "flip":
        data[-1] ^= 1
    one.write_bytes({"cut": bytes(data[:-2]), "flip": bytes(data), "swap": other.read_bytes()}[harm])
    calls: list[int] = []
    again = DerivedTensors(tmp_path)
    assert {float(again.get(said, CPU, made(calls, value))[0, 0]) for said, value in (("a", 1.0), ("b", 7.0))} == {1.0, 7.0}
    assert len(calls) == 1


def test_a_failure_is_told_and_not_kept(tmp_path: Path) -> None:
    def fail() -> torch.Tensor:
        raise ValueError("no such phrasing")

    tensors = DerivedTensors(tmp_path)
    with pytest.raises(ValueError, match="no such phrasing"):
        tensors.get("a", CPU, fail)
    assert float(tensors.get("a", CPU, made([]))[0, 0]) == 1.0


def test_a_place_that_cannot_be_written_costs_no_more_than_time(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    assert DerivedTensors(tmp_path / "file" / "derived").get("a", CPU, made([])).shape == (2, 3)


def test_only_the_latest_are_kept(tmp_path: Path) -> None:
    tensors = DerivedTensors(tmp_path)
    for i in range(MOST_KEPT + 3):
        tensors.get(str(i), CPU, made([]))
    assert len(list(tmp_path.iterdir())) == MOST_KEPT
