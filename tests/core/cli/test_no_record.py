"""Commands that need a record, where there is none: they say so, and begin none."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from pictures import scene

from limner.app import App
from limner.errors import ConfigurationError

if TYPE_CHECKING:
    from tests.core.cli.conftest import Limner

NEED_A_RECORD = (
    "inspect {image}",
    "audit list",
    "audit show 12345678",
    "audit stats",
    "audit verify",
    "audit verify --images",
    "audit export -o {new}",
    "audit evidence 12345678 -o {new}",
    "audit replay 12345678",
    "audit retention",
    "audit erase --request 12345678 --reason none",
    "audit hold list",
    "review list",
    "review show 12345678",
    "review expire",
    "recall 12345678 --reason none",
    "deny list",
    "keys export",
    "state backup {new}",
    "policy explain 12345678",
    "policy show standard --revision 12345678",
)


@pytest.fixture
def image(tmp_path: Path) -> Path:
    scene(64).save(tmp_path / "image.png")
    return tmp_path / "image.png"


def called(limner: Limner, command: str, image: Path) -> tuple[int, str]:
    done = limner(*command.format(image=image, new=image.with_name("new")).split())
    assert (done.stdout, image.with_name("new").exists()) == ("", False), command
    return done.returncode, done.stderr


def test_in_a_folder_without_a_project_they_say_so_and_make_nothing(
    limner: Limner, image: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    (tmp_path / "bare").mkdir()
    monkeypatch.chdir(tmp_path / "bare")
    for command in (*NEED_A_RECORD, "db status", "db upgrade --plan"):
        code, told = called(limner, command, image)
        assert (code, "there is no project here, and no record" in told, "LIMNER_PROJECT" in told) == (4, True, True), command
        assert list((tmp_path / "bare").iterdir()) == [], command


def test_in_a_project_in_which_nothing_was_recorded_they_say_so_and_make_nothing(limner: Limner, image: Path, project: Path):
    for file in (project / ".limner").iterdir():
        file.unlink()
    (project / ".limner").rmdir()
    before = sorted(project.rglob("*"))
    for command in NEED_A_RECORD:
        code, told = called(limner, command, image)
        assert (code, "nothing is recorded here yet" in told) == (4, True), command
        assert sorted(project.rglob("*")) == before, command


def test_where_the_record_is_named_the_folder_does_not_matter(
    limner: Limner, project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    (tmp_path / "bare").mkdir()
    monkeypatch.chdir(tmp_path / "bare")
    for name, value in {"LIMNER_PROJECT": project, "LIMNER_STATE": project / ".limner"}.items():
        with monkeypatch.context() as environment:
            environment.setenv(name, str(value))
            assert limner("audit", "verify").returncode == 0
    assert list((tmp_path / "bare").iterdir()) == []


def test_an_export_is_verified_without_a_record_by_the_key_that_is_given(
    limner: Limner, project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    limner("keys", "create")
    (tmp_path / "bare").mkdir()
    key = tmp_path / "key.txt"
    limner("generate", "a circle", "-o", str(project / "out.png"))
    limner("keys", "export", "-o", str(key))
    limner("audit", "export", "-o", str(tmp_path / "out"))
    monkeypatch.chdir(tmp_path / "bare")
    lacking = limner("audit", "verify", "--export", str(tmp_path / "out"))
    assert (lacking.returncode, "--key" in lacking.stderr) == (4, True)
    assert limner("audit", "verify", "--export", str(tmp_path / "out"), "--key", str(key)).returncode == 0
    assert list((tmp_path / "bare").iterdir()) == []


def test_the_record_that_the_starter_project_has_begun_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigurationError, match="no project here"):
        App.recorded()
    with App.open() as app:
        assert app.project.starter
        _ = app.database
    with App.recorded() as app:
        assert app.project.starter
