"""What the registry answers, and how it calls each plugin's hooks apart from the others."""

from __future__ import annotations

import logging
import subprocess
import sys
import threading
from textwrap import dedent
from types import ModuleType

import pytest
from plugin_modules import plugin

from limner.errors import PluginError
from limner.plugins.loading import load_plugins
from limner.plugins.registry import Registry
from limner.views import StepView

VIEW = StepView("r1", 0, "text-to-image", "decoder", "unclip.decoder")


def registry_of(*modules: ModuleType) -> Registry:
    return load_plugins(None, modules, builtins=(), entry_points=False)


STEP = """
    class {cls}(limner.Step):
        type = "{type}"
        @hookimpl
        def rewrite_prompt(self, generations): return []
    @hookimpl
    def register_steps(): return [{cls}]
"""


class TestStep:
    def test_an_unknown_step_is_told_its_near_miss(self) -> None:
        registry = registry_of(plugin("acme", STEP.format(cls="Shout", type="acme.shout")))
        with pytest.raises(PluginError, match=r"there is no step 'acme\.shuot'\n  did you mean 'acme\.shout'\?"):
            registry.step("acme.shuot")
        with pytest.raises(PluginError, match=r"there is no step 'decoder'\n  known: acme\.shout"):
            registry.step("decoder")

    def test_a_step_of_a_broken_plugin_names_plugin_version_and_cause(self) -> None:
        broken = plugin("acme", "@hookimpl\ndef register_stops(): return []", __version__="1.2")
        with pytest.raises(PluginError) as raised:
            registry_of(broken).step("acme.shout")
        assert str(raised.value).startswith(
            "step 'acme.shout' cannot be had: plugin acme 1.2 is broken\n  acme.py:3: there is no"
        )

    def test_the_mappings_cannot_be_changed(self) -> None:
        registry = registry_of()
        with pytest.raises(TypeError):
            registry.steps["x"] = object  # type: ignore[index]


class TestSharedNames:
    MODELS = "@hookimpl\ndef register_models(): return {'tiny': {'source': '/models/tiny'}}"
    POLICIES = "@hookimpl\ndef register_policies(): return {'house': '/policies/house'}"

    @pytest.mark.parametrize(("source", "taken"), [(MODELS, "model 'tiny'"), (POLICIES, "policy 'house'")])
    def test_a_name_given_before_is_refused_with_all_its_plugin_brings(self, source: str, taken: str) -> None:
        second = plugin("beta", source + dedent(STEP.format(cls="Shout", type="beta.shout")))
        registry = registry_of(second, plugin("alpha", source))
        first, other = registry.plugins
        assert (first.name, first.status) == ("alpha", "ok")
        assert (other.status, other.cause) == ("broken", f"{taken} is already given by plugin alpha; give it another name")
        assert not registry.steps

    def test_models_and_policies_are_there_by_name(self) -> None:
        registry = registry_of(plugin("alpha", self.MODELS), plugin("beta", self.POLICIES))
        assert registry.models["tiny"].source == "/models/tiny"
        assert registry.policies == {"house": "/policies/house"}


class TestLifecycle:
    RAISES = "@hookimpl\ndef after_step(step): raise ValueError(step.step)"
    NOTES = "@hookimpl\ndef after_step(step): seen.append(step)"

    def test_one_that_raises_is_logged_and_counted_and_stops_nobody(self, caplog: pytest.LogCaptureFixture) -> None:
        seen: list[StepView] = []
        registry = registry_of(plugin("alpha", self.RAISES), plugin("beta", self.NOTES, seen=seen))
        registry.lifecycle("after_step", step=VIEW)
        registry.lifecycle("after_step", step=VIEW)
        registry.lifecycle("before_step", step=VIEW)
        assert seen == [VIEW, VIEW]
        assert registry.lifecycle_errors == {"alpha": 2}
        assert [record.levelno for record in caplog.records] == [logging.ERROR] * 2
        assert caplog.messages[0] == "plugin alpha: after_step: alpha.py:4: raised ValueError: decoder"

    def test_one_that_would_leave_the_program_does_not(self) -> None:
        registry = registry_of(plugin("alpha", "@hookimpl\ndef after_step(): raise SystemExit"))
        registry.lifecycle("after_step", step=VIEW)
        assert registry.lifecycle_errors == {"alpha": 1}

    def test_an_interrupt_is_the_users(self) -> None:
        registry = registry_of(plugin("alpha", "@hookimpl\ndef after_step(): raise KeyboardInterrupt"))
        with pytest.raises(KeyboardInterrupt):
            registry.lifecycle("after_step", step=VIEW)

    def test_a_hook_that_is_none_is_the_callers_mistake(self) -> None:
        with pytest.raises(AttributeError):
            registry_of(plugin("alpha", "")).lifecycle("after_stop", step=VIEW)

    def test_counts_are_right_from_many_threads(self) -> None:
        registry = registry_of(plugin("alpha", self.RAISES))
        calls = [threading.Thread(target=lambda: registry.lifecycle("after_step", step=VIEW)) for _ in range(8)]
        for call in calls:
            call.start()
        for call in calls:
            call.join()
        assert registry.lifecycle_errors == {"alpha": 8}


def test_the_first_party_plugins_are_cheap_to_import() -> None:
    """`limner --help` loads them all."""
    code = (
        "import sys; from limner.plugins.loading import load_plugins; load_plugins(None, entry_points=False);"
        "print({'torch', 'transformers', 'diffusers', 'sqlalchemy', 'numpy', 'PIL'} & set(sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], env={"PYTHONPATH": ":".join(sys.path)}, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "set()"
