"""`limner db` as an operator meets it, on both databases."""

from __future__ import annotations

import json
from contextlib import closing
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import text

from limner.database.connection import Database
from limner.database.migration import HEAD, status

if TYPE_CHECKING:
    from tests.core.cli.conftest import Limner


@pytest.fixture
def database(empty_url: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """The URL of the database that the commands use. It has no tables."""
    monkeypatch.setenv("LIMNER_DATABASE_URL", empty_url)
    return empty_url


def run_script(url: str, script: str) -> None:
    """Run several statements as an operator's own tool would."""
    with closing(Database(url)) as opened, opened.engine.connect() as connection:
        driver = connection.execution_options(isolation_level="AUTOCOMMIT").connection.driver_connection
        if opened.dialect == "sqlite":
            driver.executescript(script)
        else:
            driver.run(script)


def test_an_empty_database_is_told_from_an_upgraded_one(database: str, limner: Limner):
    before = limner("db", "status")
    assert (before.returncode, "no tables yet" in before.stdout) == (0, True)
    assert json.loads(limner("db", "status", "--json").stdout)["pending"][-1] == HEAD
    upgraded = limner("db", "upgrade")
    assert (upgraded.returncode, f"revision {HEAD}" in upgraded.stdout) == (0, True)
    after = json.loads(limner("db", "status", "--json").stdout)
    assert (after["state"], after["revision"], after["head"], after["pending"]) == ("current", HEAD, HEAD, [])
    assert limner("db", "upgrade").stdout == upgraded.stdout


def test_the_plan_is_the_script_that_does_it_and_does_nothing_itself(database: str, limner: Limner):
    plan = limner("db", "upgrade", "--plan")
    assert plan.returncode == 0
    assert "CREATE TABLE events" in plan.stdout
    assert json.loads(limner("db", "status", "--json").stdout)["state"] == "empty"
    run_script(database, plan.stdout)
    with closing(Database(database)) as opened:
        assert status(opened).state == "current"
    assert limner("db", "upgrade", "--plan").stdout.startswith("-- nothing to do")


def test_what_postgresql_is_refused_for_is_mended_by_the_command_it_names(database: str, limner: Limner):
    refused = limner("audit", "list")
    if database.startswith("postgresql"):
        assert refused.returncode == 4
        assert "no tables yet" in refused.stderr
        assert "limner db upgrade" in refused.stderr
        assert limner("db", "upgrade").returncode == 0
    else:
        assert limner("keys", "create").returncode == 0  # the first use
    assert limner("audit", "list").returncode == 0


def test_a_newer_versions_database_is_left_alone(database: str, limner: Limner):
    limner("db", "upgrade")
    with closing(Database(database)) as opened, opened.writing() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    assert "9999, which this version does not know" in limner("db", "status").stdout
    for words in (["db", "upgrade"], ["db", "upgrade", "--plan"]):
        refused = limner(*words)
        assert refused.returncode == 4
        assert "9999, which this version of Limner does not know" in refused.stderr


@pytest.mark.parametrize("words", [["status"], ["upgrade"], ["upgrade", "--plan"]])
def test_a_database_that_does_not_answer_is_told_without_a_traceback(
    limner: Limner, monkeypatch: pytest.MonkeyPatch, words: list[str]
):
    monkeypatch.setenv("LIMNER_DATABASE_URL", "postgresql://ada:secret@/record?host=/nowhere")
    failed = limner("db", *words)
    assert failed.returncode == 1
    assert "does not answer" in failed.stderr
    assert "secret" not in failed.stderr
    assert "Traceback" not in failed.stderr
