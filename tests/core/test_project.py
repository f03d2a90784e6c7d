"""Which project a command works on, and making one."""

from __future__ import annotations

from pathlib import Path

import pytest

from limner.database.migration import open_database
from limner.errors import ConfigurationError, UsageError
from limner.project import Project, create_project, find_project, starter_folder
from limner.settings import Settings


def settings(**environment: object) -> Settings:
    return Settings.from_environment({name: str(value) for name, value in environment.items()})


def a_project(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "pipelines.yaml").write_text("limner: 1\n")
    return folder


def test_the_nearest_project_above_is_found_with_its_state_beside_it(tmp_path: Path):
    a_project(tmp_path)
    near = a_project(tmp_path / "near")
    (near / "deep" / "down").mkdir(parents=True)
    project = find_project(settings(), near / "deep" / "down")
    assert (project.root, project.state, project.keys) == (near, near / ".limner", near / ".limner" / "keys")
    assert project.database_url == f"sqlite:///{near / '.limner' / 'limner.db'}"
    assert not project.starter


def test_without_a_project_the_starter_one_serves_with_state_where_one_stands(tmp_path: Path):
    project = find_project(settings(), tmp_path)
    assert (project.root, project.state, project.starter) == (starter_folder(), tmp_path / ".limner", True)


def test_a_folder_of_any_name_keeps_its_database_to_itself(tmp_path: Path):
    project = find_project(settings(), a_project(tmp_path / "100%25 what? #ü"))
    project.make_state()
    open_database(project.database_url).close()
    assert (project.state / "limner.db").is_file()
    assert [path.name for path in tmp_path.iterdir()] == ["100%25 what? #ü"]


def test_the_environment_places_project_state_keys_and_database(tmp_path: Path):
    root = a_project(tmp_path / "root")
    url = "postgresql://limner@localhost/limner"
    given = settings(LIMNER_PROJECT=root, LIMNER_STATE=tmp_path / "s", LIMNER_KEYS=tmp_path / "k", LIMNER_DATABASE_URL=url)
    project = find_project(given, tmp_path)
    assert project == Project(root, tmp_path / "s", tmp_path / "k", url)


def test_a_named_project_that_is_none_is_refused(tmp_path: Path):
    with pytest.raises(UsageError, match="limner init"):
        find_project(settings(LIMNER_PROJECT=tmp_path), tmp_path)


def test_a_new_project_is_the_starter_one_and_overwrites_nothing(tmp_path: Path):
    written = create_project(tmp_path / "studio")
    assert tmp_path / "studio" / "pipelines.yaml" in written
    assert tmp_path / "studio" / "policies" / "standard.yaml" in written
    for path in written:
        assert path.read_bytes() == (starter_folder() / path.relative_to(tmp_path / "studio")).read_bytes()
    with pytest.raises(UsageError, match="already there"):
        create_project(tmp_path / "studio")


def test_one_file_in_the_way_and_nothing_is_written(tmp_path: Path):
    (tmp_path / "policies").mkdir()
    (tmp_path / "policies" / "standard.yaml").symlink_to("nowhere")
    with pytest.raises(UsageError, match="already there"):
        create_project(tmp_path)
    assert not (tmp_path / "pipelines.yaml").exists()


def test_a_project_cannot_be_made_where_a_file_lies(tmp_path: Path):
    (tmp_path / "studio").write_text("not a folder")
    with pytest.raises(UsageError, match="cannot be written"):
        create_project(tmp_path / "studio")


def test_a_state_folder_that_cannot_be_made_names_the_setting(tmp_path: Path):
    (tmp_path / "file").write_text("")
    project = find_project(settings(LIMNER_STATE=tmp_path / "file" / "state"), tmp_path)
    with pytest.raises(ConfigurationError, match="LIMNER_STATE"):
        project.make_state()
