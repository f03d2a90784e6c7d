"""Lessons come by the step's number alone, so a resumed run has those of an unbroken one."""

from __future__ import annotations

from limner_unclip.training.lessons import Lessons


def test_a_lesson_is_drawn_once_for_all_its_steps():
    drawn: list[int] = []

    def draw(number: int) -> str:
        drawn.append(number)
        return f"lesson {number}"

    lessons = Lessons(draw, renew=10)
    assert {lessons.at(step) for step in range(10)} == {"lesson 0"}
    assert lessons.at(10) == lessons.at(19) == "lesson 1"
    assert Lessons(draw, renew=10).at(25) == "lesson 2"
    assert drawn == [0, 1, 2]


def test_without_renewal_there_is_one_lesson():
    assert Lessons(str).at(1_000_000) == "0"
