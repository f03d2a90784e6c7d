"""`limner state`, `audit evidence` and `audit replay` as an operator and an auditor meet them."""

from __future__ import annotations

import json
import zipfile
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import select

from limner.audit.administering import RESTORED
from limner.database.connection import Database
from limner.database.tables import events

if TYPE_CHECKING:
    from tests.core.cli.conftest import Limner


@pytest.fixture
def made(limner: Limner, project: Path) -> str:
    """A request that was run and recorded."""
    done = limner("generate", "a circle", "--seed", "1", "--json", "-o", str(project / "out.png"))
    return str(json.loads(done.stdout)["request_id"])


def test_a_backup_is_restored_and_later_erasures_with_it(limner: Limner, made: str, tmp_path: Path):
    backup = tmp_path / "backup"
    saved = limner("state", "backup", str(backup))
    assert (saved.returncode, "keys" in saved.stdout) == (0, True)
    assert limner("audit", "erase", "--request", made, "--reason", "asked for").returncode == 0
    restored = limner("state", "restore", str(backup))
    assert (restored.returncode, "1 erasures made again" in restored.stdout) == (0, True)
    assert "a circle" not in limner("audit", "show", made).stdout
    assert limner("audit", "verify").returncode == 0
    assert limner("state", "restore", str(tmp_path)).returncode == 2


def test_a_restore_that_has_no_record_to_ask_says_so(limner: Limner, made: str, project: Path, tmp_path: Path):
    backup, state, lost = tmp_path / "backup", project / ".limner", tmp_path / "lost"
    assert limner("state", "backup", str(backup)).returncode == 0
    nowhere = tmp_path / "no-such.db"
    refused = limner("state", "restore", str(backup), "--replaces", f"sqlite:///{nowhere}")
    assert (refused.returncode, "--no-later-erasures" in refused.stderr, nowhere.exists()) == (2, True, False)
    state.rename(lost)
    state.mkdir()
    (lost / "keys").rename(state / "keys")
    refused = limner("state", "restore", str(backup))
    assert (refused.returncode, "no record to ask" in refused.stderr) == (2, True)
    assert not (state / "limner.db").exists()
    assert limner("state", "restore", str(backup), "--no-later-erasures", "--replaces", "sqlite:///x.db").returncode == 2
    assert limner("state", "restore", str(backup), "--no-later-erasures").returncode == 0
    assert "a circle" in limner("audit", "show", made).stdout
    with closing(Database(f"sqlite:///{state / 'limner.db'}")) as database, database.reading() as connection:
        [told] = connection.scalars(select(events.c.canonical).where(events.c.kind == RESTORED))
    assert json.loads(told)["body"]["asked"] is False


@pytest.mark.parametrize("dies_in", ["limner.backup._put_folder", "limner.restoring.repeat"])
def test_nothing_is_opened_until_an_interrupted_restore_has_ended(
    limner: Limner, made: str, project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, dies_in: str
):
    def die(*given: object, **more: object) -> None:
        raise KeyboardInterrupt

    backup, marker = tmp_path / "backup", project / ".limner" / "restore-under-way.json"
    assert limner("state", "backup", str(backup)).returncode == 0
    assert limner("audit", "erase", "--request", made, "--reason", "asked for").returncode == 0
    with monkeypatch.context() as patched:
        patched.setattr(dies_in, die)
        assert limner("state", "restore", str(backup)).returncode == 130
    refused = limner("audit", "show", made)
    assert (refused.returncode, f"limner state restore {backup}" in refused.stderr) == (4, True)
    assert limner("state", "restore", str(backup), "--no-later-erasures").returncode == 2
    assert marker.exists()
    ended = limner("state", "restore", str(backup))
    assert (ended.returncode, "1 erasures made again" in ended.stdout, marker.exists()) == (0, True, False)
    assert "a circle" not in limner("audit", "show", made).stdout
    assert limner("audit", "verify").returncode == 0


@pytest.mark.parametrize("dies_in", ["", "limner.backup._put_folder", "limner.restoring.repeat"])
def test_a_postgresql_record_is_restored_into_a_new_database_whatever_interrupts_it(
    limner: Limner, project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, postgresql, dies_in: str
):
    def die(*given: object, **more: object) -> None:
        raise KeyboardInterrupt

    old, new = postgresql.new_database(), postgresql.new_database()
    backup = str(tmp_path / "backup")
    monkeypatch.setenv("LIMNER_DATABASE_URL", old)
    assert limner("db", "upgrade").returncode == 0
    made, kept = (json.loads(limner("generate", prompt, "--json").stdout)["request_id"] for prompt in ("a circle", "a square"))
    assert limner("state", "backup", backup).returncode == 0
    assert limner("audit", "erase", "--request", made, "--reason", "asked for").returncode == 0
    refused = limner("state", "restore", backup)
    assert (refused.returncode, "there is a record in it already" in refused.stderr) == (4, True)
    monkeypatch.setenv("LIMNER_DATABASE_URL", new)
    assert limner("db", "upgrade").returncode == 0
    refused = limner("state", "restore", backup)
    assert (refused.returncode, "--replaces" in refused.stderr) == (2, True)
    asking = ("--replaces", old)
    if dies_in:
        with monkeypatch.context() as patched:
            patched.setattr(dies_in, die)
            assert limner("state", "restore", backup, *asking).returncode == 130
        assert limner("audit", "list").returncode == 4
        monkeypatch.setenv("LIMNER_DATABASE_URL", old)  # what is there is not what the interrupted restore has copied
        assert "there is a record in it already" in limner("state", "restore", backup).stderr
        monkeypatch.setenv("LIMNER_DATABASE_URL", new)
        asking = ()
    restored = limner("state", "restore", backup, *asking)
    assert (restored.returncode, "1 erasures made again" in restored.stdout) == (0, True)
    assert "a circle" not in limner("audit", "show", made).stdout
    assert "a square" in limner("audit", "show", kept).stdout
    assert limner("audit", "replay", kept).returncode == 0
    assert limner("audit", "verify").returncode == 0


def test_a_request_is_replayed(limner: Limner, made: str):
    done = limner("audit", "replay", made)
    assert (done.returncode, "identical  inf dB" in done.stdout) == (0, True)
    assert json.loads(limner("audit", "replay", made, "--json").stdout)["images"][0]["verdict"] == "identical"
    assert limner("audit", "replay", "nobody's").returncode == 2


def test_an_evidence_pack_is_one_zip_and_on_the_record(limner: Limner, made: str, tmp_path: Path):
    for name, words in {"all": [], "some": ["--open", "fingerprint"], "none": ["--redacted"]}.items():
        done = limner("audit", "evidence", made[:8], "-o", str(tmp_path / f"{name}.zip"), *words)
        assert (done.returncode, "files" in done.stdout) == (0, True)
    pages = {}
    for name in ("all", "some", "none"):
        with zipfile.ZipFile(tmp_path / f"{name}.zip") as pack:
            pages[name] = pack.read("index.html").decode()
            assert {"verify.py", "checkpoint", "record.json", "events.jsonl"} <= set(pack.namelist())
            assert any(entry.startswith("images/") for entry in pack.namelist()) == (name != "none")
    assert ["a circle" in page for page in pages.values()] == [True, False, False]
    assert limner("audit", "show", made).stdout.count("audit.evidence") == 3
    assert limner("audit", "evidence", "nobody's").returncode == 2


def test_what_nobody_is_given_is_packed_only_when_asked_for_and_the_record_says_so(
    limner: Limner, project: Path, tmp_path: Path
):
    made = json.loads(limner("generate", "dim field", "--seed", "7", "--json").stdout)["request_id"]
    plain = limner("audit", "evidence", made, "-o", str(tmp_path / "plain.zip"))
    assert "image 0 is left out, it is held: with --withheld it goes in" in plain.stdout
    asked = limner("audit", "evidence", made, "-o", str(tmp_path / "all.zip"), "--withheld")
    assert (asked.returncode, "left out" in asked.stdout) == (0, False)
    for name, count in (("plain", 0), ("all", 1)):
        with zipfile.ZipFile(tmp_path / f"{name}.zip") as pack:
            assert len([entry for entry in pack.namelist() if entry.startswith("images/")]) == count
    events = json.loads(limner("audit", "show", made, "--json").stdout)["events"]
    [first, second] = [event["body"] for event in events if event["kind"] == "audit.evidence"]
    assert (first["images"], first["withheld"]) == ([], {})
    assert second["withheld"] == {second["images"][0]: "held"}
    assert limner("audit", "evidence", made, "--redacted", "--withheld").returncode == 2
