"""Each trap that pluggy leaves open: a plugin that falls into it is left out, and its report says what to mend and where."""

from __future__ import annotations

from textwrap import dedent
from types import ModuleType

import pytest

from limner.errors import PluginError
from limner.plugins.loading import load_plugins
from limner.plugins.registry import Registry
from limner.plugins.report import PluginReport

HEAD = "import limner\nfrom limner import hookimpl\n"
STEP = """
class Shout(limner.Step):
    type = "acme.shout"

    @hookimpl
    def rewrite_prompt(self, generations):
        return [generation.prompt.upper() for generation in generations]
"""
OFFER = """
@hookimpl
def register_steps():
    return [Shout]
"""


def load(*parts: str) -> tuple[Registry, PluginReport]:
    module = ModuleType("limner_acme")
    exec(compile(HEAD + "".join(dedent(part) for part in parts), "acme.py", "exec"), vars(module))
    registry = load_plugins(None, [module], builtins=(), entry_points=False)
    return registry, registry.plugins[0]


def test_a_plugin_without_faults_loads() -> None:
    registry, report = load(STEP, OFFER)
    assert (report.status, report.cause) == ("ok", "")
    assert [(step.type, step.stage) for step in report.steps] == [("acme.shout", "rewrite_prompt")]
    assert registry.stage_of(registry.step("acme.shout")).name == "rewrite_prompt"


MODULE_TRAPS = {
    "a misspelt hook": (
        "@hookimpl\ndef register_stepz(): return []",
        "there is no hook 'register_stepz'; did you mean 'register_steps'?",
    ),
    "a stage on the module": (
        "@hookimpl\ndef decode(generations): return []",
        "decode is a stage, which a Step class implements, not a module",
    ),
    "a hook that is not marked": (
        "def after_step(step): pass",
        "after_step is not marked with @limner.hookimpl, so it would never be called",
    ),
    "a parameter with a default": (
        "@hookimpl\ndef after_step(step=None): pass",
        "parameter 'step' has a default and would never be given a value",
    ),
    "a parameter by keyword only": (
        "@hookimpl\ndef after_step(*, step): pass",
        "parameter step would never be given a value; name the arguments it wants: after_step takes (step)",
    ),
    "any number of parameters": (
        "@hookimpl\ndef after_step(**views): pass",
        "parameter **views would never be given a value",
    ),
    "an unknown argument": (
        "@hookimpl\ndef after_step(view): pass",
        "there is no argument 'view'; after_step takes (step)",
    ),
    "async def": (
        "@hookimpl\nasync def after_step(step): pass",
        "after_step is `async def`; hooks are called without a loop, so write `def`",
    ),
    "an async generator": (
        "@hookimpl\nasync def after_step(step): yield",
        "after_step is `async def`",
    ),
    "a generator": (
        "@hookimpl\ndef register_steps(): yield None",
        "register_steps yields; return a list",
    ),
    "specname": (
        '@hookimpl(specname="after_step")\ndef watch(step): pass',
        "watch is marked with specname='after_step'; a hook function bears the name of its hook",
    ),
    "a wrapper": (
        "@hookimpl(wrapper=True)\ndef after_step(step): return (yield)",
        "after_step is marked with wrapper=True; nothing wraps a hook",
    ),
    "an old-style wrapper": (
        "@hookimpl(hookwrapper=True)\ndef after_step(step): yield",
        "after_step is marked with hookwrapper=True; nothing wraps a hook",
    ),
    "tryfirst": (
        "@hookimpl(tryfirst=True)\ndef after_step(step): pass",
        "after_step is marked with tryfirst=True; only the order in YAML orders steps",
    ),
    "trylast": (
        "@hookimpl(trylast=True)\ndef after_step(step): pass",
        "after_step is marked with trylast=True",
    ),
    "a misspelt hook hidden as optional": (
        "@hookimpl(optionalhook=True)\ndef after_steps(step): pass",
        "there is no hook 'after_steps'; did you mean 'after_step'?",
    ),
    "an optional hook": (
        "@hookimpl(optionalhook=True)\ndef after_step(step): pass",
        "after_step is marked with optionalhook=True; that would hide a misspelt hook",
    ),
}


@pytest.mark.parametrize("trap", MODULE_TRAPS)
def test_a_trap_of_plugin_hooks(trap: str) -> None:
    source, told = MODULE_TRAPS[trap]
    _, report = load(source)
    assert report.status == "broken"
    assert report.cause.startswith("acme.py:3: ")
    assert told in report.cause


def test_nothing_of_a_broken_plugin_is_live() -> None:
    sound = "@hookimpl\ndef after_step(step): raise RuntimeError('called')\n"
    registry, _ = load(sound)
    registry.lifecycle("after_step", step=None)
    assert registry.lifecycle_errors == {"acme": 1}
    registry, report = load(sound, STEP, OFFER, "@hookimpl\ndef before_stop(step): pass")
    registry.lifecycle("after_step", step=None)
    assert report.status == "broken"
    assert not registry.lifecycle_errors
    assert not registry.steps


ANSWERS = {
    "a forgotten return": ("@hookimpl\ndef register_steps(): pass", "register_steps returned None, not a list of step classes"),
    "a class alone": (STEP + "@hookimpl\ndef register_steps(): return Shout", "register_steps returned a type, not a list"),
    "an instance": (STEP + "@hookimpl\ndef register_steps(): return [Shout()]", "register the class, not an instance"),
    "something else": ("@hookimpl\ndef register_steps(): return [int]", "<class 'int'> is not a subclass of limner.Step"),
    "models in a list": ("@hookimpl\ndef register_models(): return ['x']", "register_models returned a list, not a mapping"),
    "a model without revision": (
        "@hookimpl\ndef register_models(): return {'x': {'source': 'acme/x'}}",
        "model x: hub id acme/x has no revision\n  pin it",
    ),
    "a relative model": (
        "@hookimpl\ndef register_models(): return {'x': {'source': 'weights'}}",
        "model x: 'weights' is not an absolute path; write str(Path(__file__).parent / 'weights')",
    ),
    "a relative policy": (
        "@hookimpl\ndef register_policies(): return {'x': 'policies'}",
        "policy x: 'policies' is not the absolute path of a folder",
    ),
    "a raise": (
        "@hookimpl\ndef register_steps(): return 1 / 0",
        "acme.py:4: raised ZeroDivisionError: division by zero",
    ),
    "an exit": ("@hookimpl\ndef register_steps(): raise SystemExit(3)", "acme.py:4: raised SystemExit: 3"),
}


@pytest.mark.parametrize("trap", ANSWERS)
def test_a_trap_of_what_a_plugin_registers(trap: str) -> None:
    source, told = ANSWERS[trap]
    registry, report = load(source)
    assert report.status == "broken"
    assert told in report.cause
    assert not registry.steps
    assert not registry.models
    assert not registry.policies


def step(body: str, base: str = "limner.Step", name: str = '"acme.shout"') -> str:
    indented = "\n".join(f"    {line}" for line in dedent(body).strip().splitlines())
    return f"\nclass Shout({base}):\n    type = {name}\n{indented}\n"


REWRITE = "@hookimpl\ndef rewrite_prompt(self, generations): return []\n"
STEP_TRAPS = {
    "no stage": (step("pass"), "it implements no stage; one of filter_prompt, rewrite_prompt"),
    "a stage that is not marked": (
        step("def rewrite_prompt(self, generations): return []"),
        "it implements no stage; mark rewrite_prompt with @limner.hookimpl",
    ),
    "two stages": (
        step(REWRITE + "@hookimpl\ndef upscale(self, generations): return []"),
        "it implements rewrite_prompt and upscale; a step implements exactly one stage: make it one class for each",
    ),
    "a misspelt stage": (
        step("@hookimpl\ndef rewrite_promt(self, generations): return []"),
        "there is no hook 'rewrite_promt'; did you mean 'rewrite_prompt'?",
    ),
    "a plugin hook on a step": (
        step(REWRITE + "@hookimpl\ndef after_step(self, step): pass"),
        "after_step is a hook of plugin modules, not of steps",
    ),
    "specname": (
        step('@hookimpl(specname="decode")\ndef paint(self, generations): return []'),
        "paint is marked with specname='decode'; a hook function bears the name of its hook",
    ),
    "a wrapper": (
        step("@hookimpl(wrapper=True)\ndef decode(self, generations): return (yield)"),
        "decode is marked with wrapper=True; nothing wraps a hook, for it could change the outcome",
    ),
    "tryfirst": (
        step("@hookimpl(tryfirst=True)\ndef decode(self, generations): return []"),
        "decode is marked with tryfirst=True; only the order in YAML orders steps",
    ),
    "trylast": (
        step("@hookimpl(trylast=True)\ndef decode(self, generations): return []"),
        "decode is marked with trylast=True",
    ),
    "async def": (
        step("@hookimpl\nasync def decode(self, generations): return []"),
        "decode is `async def`",
    ),
    "a default": (
        step("@hookimpl\ndef decode(self, generations=()): return []"),
        "parameter 'generations' has a default and would never be given a value",
    ),
    "an unknown argument": (
        step("@hookimpl\ndef decode(self, generations, device): return []"),
        "there is no argument 'device'; decode takes (self, generations)",
    ),
    "no argument": (step("@hookimpl\ndef decode(self): return []"), "decode takes (self, generations), all of them"),
    "no self": (step("@hookimpl\ndef decode(generations): return []"), "decode takes (self, generations), all of them"),
    "a static method": (
        step("@staticmethod\n@hookimpl\ndef decode(generations): return []"),
        "decode is a staticmethod; a stage hook is an ordinary method",
    ),
    "no type": (
        "\nclass Shout(limner.Step):\n    @hookimpl\n    def decode(self, generations): return []\n",
        'it has no `type`; write type = "acme.<name>"',
    ),
    "another plugin's prefix": (
        step(REWRITE, name='"terms"'),
        'its type is \'terms\'; a step of plugin acme is named "acme" or "acme.<name>"',
    ),
    "a prefix without its dot": (step(REWRITE, name='"acmeshout"'), "its type is 'acmeshout'"),
    "options of another kind": (
        step("Options = dict\n" + REWRITE),
        "its Options is <class 'dict'>, not a subclass of limner.Options",
    ),
    "unknown workers": (step('runs_on = "gpu"\n' + REWRITE), "runs_on is 'gpu', not one of accelerator, cpu, io"),
    "no batch": (step("max_batch = 0\n" + REWRITE), "max_batch is 0, not a whole number of at least 1"),
    "sends as text": (step('sends = "prompt"\n' + REWRITE), "sends is 'prompt', not a tuple of prompt and image"),
    "a measuring step that declares nothing": (
        step("@hookimpl\ndef filter_prompt(self, generations): return []"),
        "filter_prompt measures, so the step says what: define emits(cls, options, models)",
    ),
    "an iterative step without its parts": (
        step("def begin(self, generation): pass\n@hookimpl\ndef decode(self, generations): pass", "limner.IterativeStep"),
        "an IterativeStep defines begin, advance and finish; it lacks advance and finish",
    ),
}


@pytest.mark.parametrize("trap", STEP_TRAPS)
def test_a_trap_of_steps(trap: str) -> None:
    source, told = STEP_TRAPS[trap]
    registry, report = load(source, OFFER)
    assert report.status == "broken"
    assert "step Shout: " in report.cause
    assert told in report.cause
    with pytest.raises(PluginError, match="plugin acme is broken"):
        registry.step("acme.shout")


def test_a_fault_in_a_stage_names_its_line() -> None:
    _, report = load(step("@hookimpl\ndef decode(self, generations, device): return []"), OFFER)
    assert "step Shout: acme.py:6: there is no argument 'device'" in report.cause


def test_two_steps_of_one_type() -> None:
    _, report = load(STEP, STEP.replace("Shout", "Yell"), "@hookimpl\ndef register_steps(): return [Shout, Yell]")
    assert report.cause == "two of its steps have the type 'acme.shout'"


def test_all_faults_are_told_at_once() -> None:
    _, report = load("@hookimpl\ndef after_stop(step): pass\n@hookimpl\nasync def before_step(stop): pass")
    assert len(report.cause.splitlines()) == 3


def test_a_step_named_as_its_plugin_and_an_inherited_stage_are_no_traps() -> None:
    quiet = 'class Whisper(Shout):\n    type = "acme"\n'
    registry, report = load(STEP, quiet, "@hookimpl\ndef register_steps(): return [Shout, Whisper]")
    assert report.status == "ok"
    assert registry.stage_of(registry.step("acme")).name == "rewrite_prompt"


def test_an_attribute_that_raises_when_read_is_no_trap() -> None:
    guarded = REWRITE + "@property\ndef weights(self): raise RuntimeError('not loaded')"
    assert load(step(guarded), OFFER)[1].status == "ok"
