"""The wheel works by itself: what is installed from it makes an image outside the checkout, without a network."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[1]
PROMPT = "a red circle above a blue square"


def run(*command: str | Path, cwd: Path) -> str:
    """The command's output, in an environment that knows nothing of the checkout."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("LIMNER_", "PYTHON", "COV"))}
    done = subprocess.run([*map(str, command)], cwd=cwd, env=clean, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The scripts folder of a fresh environment: the wheel alone, and behind it the dependencies of this one."""
    folder = tmp_path_factory.mktemp("wheel")
    run(sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", folder, cwd=ROOT)
    [wheel] = folder.glob("*.whl")
    run(sys.executable, "-m", "venv", "--without-pip", folder / "venv", cwd=folder)
    python = folder / "venv" / "bin" / "python"
    pip = (sys.executable, "-m", "pip", "--python", python, "install", "--no-index", "--no-deps", "--quiet")
    run(*pip, wheel, cwd=folder)
    site = Path(run(python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))", cwd=folder).strip())
    (site / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return python.parent


def test_nothing_comes_from_the_checkout(fresh: Path, tmp_path: Path):
    found = run(
        fresh / "python", "-c", "import limner, limner_scenes; print(limner.__file__, limner_scenes.__file__)", cwd=tmp_path
    )
    assert str(ROOT) not in found
    assert found.count(str(fresh.parent)) == 2


def test_a_project_is_made_and_an_image_generated(fresh: Path, tmp_path: Path):
    run(fresh / "limner", "init", "studio", cwd=tmp_path)
    told = json.loads(run(fresh / "limner", "generate", PROMPT, "--seed", "7", "--json", cwd=tmp_path / "studio"))
    [image] = told["images"]
    assert image["outcome"] == "released"
    assert (tmp_path / "studio" / image["path"]).stat().st_size > 100


def test_without_a_project_the_starter_one_serves(fresh: Path, tmp_path: Path):
    told = json.loads(run(fresh / "limner", "generate", PROMPT, "--seed", "7", "--json", cwd=tmp_path))
    assert told["images"][0]["outcome"] == "released"
    assert (tmp_path / ".limner" / "limner.db").is_file()


def test_every_shipped_file_is_in_the_wheel(fresh: Path):
    [wheel] = fresh.parents[1].glob("*.whl")
    listed = run(sys.executable, "-m", "zipfile", "-l", wheel, cwd=fresh)
    shipped = run("git", "ls-files", "core", "plugins", "policies", "pipelines.yaml", cwd=ROOT).split()
    for path in shipped:
        inside = path.removeprefix("core/").removeprefix("plugins/")
        inside = f"limner/starter/{path}" if path.startswith(("policies", "pipelines.yaml")) else inside
        assert inside in listed
