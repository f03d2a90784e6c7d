from __future__ import annotations

from pathlib import Path

import pytest
from forked import exit_codes, fork

from limner.errors import ConfigurationError
from limner.keyrings import KeyFolder


def test_a_ring_gets_its_first_key_at_first_use_and_keeps_it(tmp_path: Path):
    [(id, key)] = KeyFolder(tmp_path).ring("marks").items()
    assert (id, len(key)) == ("1", 32)
    assert KeyFolder(tmp_path).ring("marks") == {"1": key}
    assert KeyFolder(tmp_path).ring("others") != {"1": key}


def test_a_key_of_another_kind_is_made_by_whoever_asks(tmp_path: Path):
    assert KeyFolder(tmp_path).ring("signing", lambda: b"pem") == {"1": b"pem"}
    assert KeyFolder(tmp_path).ring("signing", lambda: b"another") == {"1": b"pem"}


def test_rotation_adds_a_key_and_the_newest_comes_last(tmp_path: Path):
    keys = KeyFolder(tmp_path)
    first = keys.ring("marks")["1"]
    assert [keys.rotate("marks") for _ in range(10)] == [str(number) for number in range(2, 12)]
    ring = keys.ring("marks")
    assert list(ring) == [str(number) for number in range(1, 12)]
    assert ring["1"] == first
    assert len(set(ring.values())) == 11


def test_a_key_that_another_adds_meanwhile_is_no_reason_to_lose_ones_own(tmp_path: Path):
    keys = KeyFolder(tmp_path)
    made: list[bytes] = []

    def make() -> bytes:
        made.append(b"own")
        if len(made) == 1:
            assert KeyFolder(tmp_path).rotate("signing", lambda: b"another's") == "1"
        return b"own"

    assert keys.rotate("signing", make) == "2"
    assert keys.ring("signing") == {"1": b"another's", "2": b"own"}


def test_of_processes_that_make_the_first_key_one_wins(tmp_path: Path):
    def work() -> None:
        KeyFolder(tmp_path).ring("marks")

    assert exit_codes([fork(work) for _ in range(4)]) == [0] * 4
    assert list(KeyFolder(tmp_path).ring("marks")) == ["1"]


def test_a_key_that_everyone_can_read_is_refused(tmp_path: Path):
    keys = KeyFolder(tmp_path)
    keys.ring("marks")
    path = tmp_path / "marks" / "1.key"
    assert path.stat().st_mode & 0o077 == 0
    path.chmod(0o644)
    with pytest.raises(ConfigurationError, match="everyone on this machine"):
        keys.ring("marks")


def test_where_no_key_can_be_made_it_says_so(tmp_path: Path):
    (tmp_path / "marks").write_text("a file where a folder should be")
    with pytest.raises(ConfigurationError, match="cannot be made"):
        KeyFolder(tmp_path).ring("marks")
