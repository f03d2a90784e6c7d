from __future__ import annotations

from limner.cli.counted import counted


def test_numbers_of_things_are_said_as_people_say_them() -> None:
    assert [counted(number, "finding") for number in (0, 1, 2)] == ["0 findings", "1 finding", "2 findings"]
    assert [counted(number, "policy", "policies") for number in (1, 3)] == ["1 policy", "3 policies"]
