"""`limner audit verify` and `limner keys` as an auditor meets them."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.core.cli.conftest import Limner


@pytest.fixture
def made(limner: Limner, project: Path) -> str:
    """A request that was run and recorded."""
    return str(
        json.loads(limner("generate", "a circle", "--seed", "1", "--json", "-o", str(project / "out.png")).stdout)["request_id"]
    )


def change(project: Path, statement: str, *values: object) -> None:
    with closing(sqlite3.connect(project / ".limner" / "limner.db")) as connection, connection:
        for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            connection.execute(f"DROP TRIGGER {name}")
        connection.execute(statement, values)


def test_a_record_verifies_until_it_is_changed(limner: Limner, project: Path, made: str):
    clean = limner("audit", "verify")
    assert (clean.returncode, "all is as it was recorded" in clean.stdout) == (0, True)
    change(project, 'UPDATE events SET canonical = replace(canonical, \'"n":1\', \'"n":2\') WHERE "index" = 0')
    broken = limner("audit", "verify")
    assert broken.returncode == 1
    assert "changed: event 0" in broken.stdout
    told = json.loads(limner("audit", "verify", "--json").stdout)
    assert (told["ok"], {found["first"] for found in told["findings"]}) == (False, {0})


def test_a_text_that_records_refer_to_cannot_be_exchanged(limner: Limner, project: Path, made: str):
    change(project, "UPDATE texts SET text = 'another' WHERE kind = 'policy'")
    assert "the policy text" in limner("audit", "verify").stdout


def test_a_head_that_was_kept_proves_the_record_against_later_ones(limner: Limner, project: Path, made: str, tmp_path: Path):
    kept = tmp_path / "kept"
    kept.write_text((project / ".limner" / "heads" / "checkpoint").read_text())
    limner("generate", "another circle", "-o", str(project / "out.png"))
    assert limner("audit", "verify", "--head", str(kept)).returncode == 0
    for name in ("heads", "limner.db", "limner.db-wal", "limner.db-shm"):  # a history that never was, in its place
        path = project / ".limner" / name
        if path.exists():
            path.rename(tmp_path / f"old {name}")
    limner("generate", "a circle", "-o", str(project / "out.png"))
    assert limner("audit", "verify").returncode == 0
    assert limner("audit", "verify", "--head", str(kept)).returncode == 1
    for nonsense in (project / "pipelines.yaml", tmp_path / "nothing"):
        refused = limner("audit", "verify", "--head", str(nonsense))
        assert (refused.returncode, "no head of a log" in refused.stderr) == (2, True)


def test_a_rotated_key_leaves_all_heads_valid_and_is_on_the_record(limner: Limner, project: Path, made: str, tmp_path: Path):
    limner("keys", "create")
    old = tmp_path / "old.txt"
    limner("keys", "export", "-o", str(old))
    rotated = limner("keys", "rotate", "--reason", "yearly")
    assert rotated.returncode == 0
    assert rotated.stdout.strip() != old.read_text().strip()
    assert limner("keys", "export").stdout.splitlines() == [rotated.stdout.strip(), old.read_text().strip()]
    limner("generate", "another circle", "-o", str(project / "out.png"))
    assert limner("audit", "verify").returncode == 0
    assert limner("audit", "verify", "--key", str(old)).returncode == 0
    strange = tmp_path / "strange.txt"
    strange.write_text(rotated.stdout)
    assert "forged head" in limner("audit", "verify", "--key", str(strange)).stdout
    assert limner("audit", "verify", "--key", str(project / "pipelines.yaml")).returncode == 2
