"""The README and docs/plugins.md as they are written: the plugin installs, passes its test and is used; the commands run."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path
from types import ModuleType

import pytest
import yaml
from pydantic import ValidationError

from limner.app import App
from limner.errors import InvalidFile
from limner.plugins.loading import load_plugins
from limner.project import create_project, find_project
from limner.settings import Settings
from limner.testing import check_step, run_step

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()
PAGE = (ROOT / "docs" / "plugins.md").read_text()
STARTER = (ROOT / "pipelines.yaml").read_text()
MARK = "exit code "
SCRIPTS = {"limner": "limner.cli.main", "pip": "pip._internal.cli.main", "pytest": "pytest"}
OFFLINE = ("--no-index", "--no-build-isolation", "--no-deps", "--quiet", "--disable-pip-version-check")
REGISTERS = "@limner.hookimpl\ndef register_steps():\n    return [Frame]\n"


def blocks(text: str, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)


PLUGIN, TEST = blocks(README, "python")
MEASURES, OPTIONS = blocks(PAGE, "python")
[PROJECT] = blocks(PAGE, "toml")
FRAMED, RULE = blocks(PAGE, "yaml")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The plugin's folder: the three files, as they are shown."""
    folder = tmp_path / "limner-frame"
    folder.mkdir()
    for name, text in {"limner_frame.py": PLUGIN, "test_limner_frame.py": TEST, "pyproject.toml": PROJECT}.items():
        (folder / name).write_text(text)
    return folder


@pytest.fixture
def installed(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The plugin's folder, installed by pip into a folder of its own, which this process then has on its path."""
    site = folder.with_name("site")
    command = (sys.executable, "-m", "pip", "install", *OFFLINE, "--target", site, "--editable", folder)
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    [link] = site.glob("*.pth")
    for path in (site, *map(Path, link.read_text().split())):
        monkeypatch.syspath_prepend(path)
    monkeypatch.setitem(sys.modules, "limner_frame", ModuleType("limner_frame"))  # so that what is imported is forgotten
    monkeypatch.delitem(sys.modules, "limner_frame")
    return folder


def test_the_three_files_install_and_the_list_says_ok(installed: Path) -> None:
    [report] = [report for report in load_plugins(None).plugins if report.name == "frame"]
    assert [step.type for step in report.steps] == ["frame.plain"]
    assert f"`{report.name}  {report.version}  {report.distribution}  {report.status}`" in PAGE


def test_the_plugin_passes_its_own_tests(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "limner_frame", module("limner_frame", PLUGIN))
    written = module("test_limner_frame", TEST)
    ran = [test() for name, test in vars(written).items() if name.startswith("test_")]
    assert len(ran) == 2


def test_the_pages_pipeline_loads_with_the_plugin(tmp_path: Path) -> None:
    before, framed, after = FRAMED.splitlines()
    pattern = rf"{re.escape(before)}\n( *#.*\n)*{re.escape(after)}"
    changed, count = re.subn(pattern, FRAMED.rstrip(), STARTER)
    assert count > 1
    with starter(tmp_path, module("limner_frame", PLUGIN), changed) as app:
        [step] = [s for s in app.pipelines["text-to-image"].pipeline.steps if s.type == "frame.plain"]
        assert step.raw_options == yaml.safe_load(framed)[0]["with"]


def test_an_option_that_is_none_is_refused_at_load_as_the_page_shows(tmp_path: Path) -> None:
    before, framed, _ = FRAMED.splitlines()
    changed = re.sub(rf"{re.escape(before)}\n(?= *#)", f"{before}\n{framed.replace('black', 'blakc')}\n", STARTER, count=1)
    with starter(tmp_path, module("limner_frame", PLUGIN), changed) as app, pytest.raises(InvalidFile) as refused:
        assert app.pipelines
    assert f"\n{str(refused.value).removeprefix(f'{app.project.root}/')}\n" in PAGE


def test_the_pages_validators_refuse_what_they_say() -> None:
    options = module("options", f"import limner\n\n{OPTIONS}").DoubleFrameOptions
    assert options(width=3, colour="black").inner == 1
    for given in ({"colour": "blakc"}, {"width": 3, "inner": 3}, {"width": 0}):
        with pytest.raises(ValidationError):
            options(**given)


def test_the_pages_measuring_step_keeps_the_rules_and_a_rule_reads_it(tmp_path: Path) -> None:
    assert REGISTERS in PLUGIN
    assert "`return [Frame, Bright]`" in PAGE
    both = REGISTERS.replace("[Frame]", "[Frame, Bright]")
    plugin = module("limner_frame", PLUGIN.replace(REGISTERS, f"{MEASURES}\n\n{both}"))
    check_step(plugin.Bright)
    [signal] = run_step(plugin.Bright)
    assert signal.value == pytest.approx(0.5, abs=0.2)
    beside = re.sub(r"( +)- \{use: clip\.image_concepts", r"\1- use: frame.bright\n\g<0>", STARTER)
    with starter(tmp_path, plugin, beside, RULE) as app:
        assert "glaring" in [rule.id for rule in app.pipelines["text-to-image"].policy.policy.rules]


def module(name: str, source: str) -> ModuleType:
    made = ModuleType(name)
    exec(compile(source, f"{name}.py", "exec"), made.__dict__)
    return made


def starter(root: Path, plugin: ModuleType, pipelines: str, rule: str = "") -> App:
    """The starter project with the plugin, these pipelines, and one rule more in its policy."""
    create_project(root)
    (root / "pipelines.yaml").write_text(pipelines)
    policy = root / "policies" / "standard.yaml"
    policy.write_text(policy.read_text().rstrip() + "\n" + rule)
    settings = Settings.from_environment({"LIMNER_DEVICES": "cpu"})
    app = App(settings, find_project(settings, root))
    app.registry = load_plugins(None, [plugin], entry_points=False)  # type: ignore[misc]
    return app


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder as `make demo` leaves one: in .venv an environment that has the packages of this one."""
    folder = tmp_path_factory.mktemp("checkout")
    venv.create(folder / ".venv")
    [packages] = folder.glob(".venv/lib/python*/site-packages")
    (packages / "dependencies.pth").write_text(f"import site; site.addsitedir({sysconfig.get_path('purelib')!r})\n")
    for name, call in SCRIPTS.items():
        script = folder / ".venv" / "bin" / name
        script.write_text(f"#!{script.with_name('python')}\nfrom {call} import main\nraise SystemExit(main())\n")
        script.chmod(0o755)
    return folder


def shell(commands: str, cwd: Path) -> tuple[dict[str, str], str]:
    """Each line of the block with the exit code it had, and all that was said, by one shell that has no network."""
    lines = [line.partition("  #")[0].rstrip() for line in commands.splitlines()]
    script = "\n".join(f'{line}\necho "{MARK}$?"' for line in lines)
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("LIMNER_", "COV", "VIRTUAL_ENV"))}
    sources = os.pathsep.join(str(ROOT / source) for source in ("core", "plugins"))
    offline = {"PIP_NO_INDEX": "1", "PIP_NO_BUILD_ISOLATION": "0", "PYTHONPATH": sources, "LIMNER_DEVICES": "cpu"}
    done = subprocess.run(["bash", "-c", script], cwd=cwd, env=clean | offline, capture_output=True, text=True, check=False)
    codes = [said.partition("\n")[0] for said in done.stdout.split(MARK)[1:]]
    return dict(zip(lines, codes, strict=True)), done.stdout + done.stderr


@pytest.mark.slow
def test_the_pages_commands_install_and_test_the_plugin(environment: Path, folder: Path) -> None:
    [commands] = blocks(PAGE, "sh")
    codes, said = shell(f". {environment}/.venv/bin/activate\n{commands}", folder)
    assert set(codes.values()) == {"0"}, said
    assert "2 passed" in said
    assert "frame  0.1  limner-frame  ok" in said


@pytest.mark.slow
def test_the_readmes_commands_run_as_they_are_written(environment: Path) -> None:
    commands = blocks(README, "sh")[1].replace("REQUEST", "$(limner audit list | awk 'NR == 1 {print $3}')")
    codes, said = shell(commands, environment)
    assert {line: code for line, code in codes.items() if code != "0"} == {'limner generate "a black sword"': "3"}, said
