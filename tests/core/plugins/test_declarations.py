"""`limner plugins list` asks each step what it declares, and tells what cannot be, at the plugin's own line."""

from __future__ import annotations

import pytest
from plugin_modules import plugin

from limner.plugins.declarations import examined
from limner.plugins.loading import load_plugins
from limner.plugins.report import PluginReport

STEP = """
    from pydantic import model_validator

    class Bright(limner.Step):
        type = "frame.bright"
{members}

        @hookimpl
        def classify_image(self, generations): return []

    @hookimpl
    def register_steps(): return [Bright]
"""
EMITS = """
        @classmethod
        def emits(cls, options, models):
            return {answer}
"""


def report_of(members: str) -> PluginReport:
    registry = load_plugins(None, [plugin("frame", STEP.format(members=members))], builtins=(), entry_points=False)
    [report] = registry.plugins
    assert report.status == "ok", report.cause
    return examined(report, registry.steps)


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        ('{"frame.bright": (0, 1)}', "frame.py:9: emits() of Bright gives (0, 1) as range of 'frame.bright'"),
        ('{"frame.bright": limner.Rnage(0, 1)}', "frame.py:11: emits() of Bright raised AttributeError: module 'limner' has"),
        ('{"frame.bright": limner.Range(1, 0)}', "frame.py:9: emits() of Bright gives signal frame.bright the range 1 to 0"),
        ("None", "frame.py:9: emits() of Bright gives None, not a mapping"),
    ],
)
def test_what_cannot_be_declared_breaks_the_plugin(answer: str, told: str) -> None:
    report = report_of(EMITS.format(answer=answer))
    assert report.status == "broken"
    assert report.cause.startswith(told)
    assert "a fault of the plugin" in report.cause
    assert [step.type for step in report.steps] == ["frame.bright"]


def test_all_that_cannot_be_is_told_at_once() -> None:
    reads = "        @classmethod\n        def reads(cls, options): return ['prompt']\n"
    cause = report_of(EMITS.format(answer="()") + reads).cause
    assert [line for line in ("emits() of Bright", "reads() of Bright") if line in cause] == [
        "emits() of Bright",
        "reads() of Bright",
    ]


@pytest.mark.parametrize("answer", ['{"frame.bright": limner.Range()}', "{models.space('scenes'): limner.Range()}"])
def test_what_may_be_declared_and_what_takes_a_model_to_tell_breaks_nothing(answer: str) -> None:
    assert report_of(EMITS.format(answer=answer)).status == "ok"


def test_a_step_that_has_no_options_by_itself_is_not_asked() -> None:
    options = "        class Options(limner.Options):\n            table: str\n"
    assert report_of(options + EMITS.format(answer="1 / 0")).status == "ok"


def test_options_that_raise_are_told() -> None:
    options = """
        class Options(limner.Options):
            @model_validator(mode="after")
            def check(self): return 1 / 0
"""
    report = report_of(options + EMITS.format(answer="{}"))
    assert report.cause.startswith("step Bright: ")
    assert report.cause.endswith("raised ZeroDivisionError: division by zero")
