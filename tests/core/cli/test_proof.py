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


def test_a_request_is_shown_in_lines_that_people_read(limner: Limner, project: Path, made: str):
    shown = limner("audit", "show", made).stdout.splitlines()
    assert "image 0: released" in shown
    assert "      passed: bad-word, odd-word" in shown
    assert any(line.startswith("      draw: done in 0.") and line.endswith(" s on cpu, float32, batch of 1") for line in shown)
    blocked = json.loads(limner("generate", "a bad circle", "--json").stdout)["request_id"]
    shown = limner("audit", "show", blocked).stdout
    assert "      bad-word: block: toy.bad is 1 (>= 1.0)\n      passed: odd-word\n" in shown
    change(project, "UPDATE events SET canonical = replace(canonical, '\"findings\":[{', '\"findings\":[7,{')")
    assert "findings: [7, {" in limner("audit", "show", blocked).stdout


def test_a_record_without_any_head_is_not_called_what_was_recorded(limner: Limner, project: Path, made: str, tmp_path: Path):
    (project / ".limner" / "heads").rename(tmp_path / "heads")
    told = limner("audit", "verify").stdout
    assert ("no head tells whether" in told, "all is as it was recorded" in told) == (True, False)


def test_what_cannot_be_read_any_more_is_said_and_not_shown(limner: Limner, project: Path, made: str):
    change(project, "UPDATE events SET canonical = 'no JSON' WHERE kind = 'image.outcome'")
    for words in (("show", made), ("evidence", made, "-o", str(project / "e.zip")), ("replay", made)):
        refused = limner("audit", *words)
        assert (refused.returncode, "limner audit verify tells what was changed" in refused.stderr) == (1, True), words
    change(project, "UPDATE events SET canonical = '{\"body\":{}}' WHERE kind IN ('request.accepted', 'decision')")
    listing = [("audit", "list", "--rule", "x"), ("audit", "list", "--model", "x"), ("audit", "stats")]
    for words in (*listing, ("inspect", str(project / "out.png"))):
        told = limner(*words)
        assert "is not as it was recorded" in told.stdout + told.stderr, words


def test_a_list_that_goes_on_says_how_to_see_the_rest(limner: Limner, made: str):
    other = json.loads(limner("generate", "a square", "--json").stdout)["request_id"]
    first = limner("audit", "list", "--limit", "1")
    assert (other in first.stdout, made in first.stdout) == (True, False)
    [*_, option, index] = first.stderr.split()
    second = limner("audit", "list", "--limit", "2", option, index)
    assert (made in second.stdout, other in second.stdout, second.stderr) == (True, False, "")


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


@pytest.mark.parametrize("loss", ["gone", "damaged"])
def test_a_kept_image_that_is_lost_is_found(limner: Limner, project: Path, made: str, loss: str):
    [file] = (project / ".limner" / "images").glob("??/*")
    file.unlink() if loss == "gone" else file.write_bytes(file.read_bytes()[:-1])
    broken = limner("audit", "verify")
    assert (broken.returncode, f"the stored file of image 0 of request {made} is {loss}" in broken.stdout) == (1, True)
    assert "1 kept image, 0 of them there" in broken.stdout
    told = json.loads(limner("audit", "verify", "--json").stdout)
    assert (told["ok"], told["images"]) == (False, {"kept": 1, "lost": 1, "read": False})
    packed = limner("audit", "evidence", made, "-o", str(project / "e.zip"))
    assert (packed.returncode, f"image 0 is NOT in the pack: its stored file is {loss}" in packed.stderr) == (1, True)


def test_a_kept_image_that_was_altered_within_is_found_by_reading_it(limner: Limner, project: Path, made: str):
    whole = limner("audit", "verify", "--images")
    assert (whole.returncode, "1 kept image, 1 of them there and whole" in whole.stdout) == (0, True)
    [file] = (project / ".limner" / "images").glob("??/*")
    file.write_bytes(file.read_bytes()[:-1] + b"x")
    assert "what is in them is read with --images" in limner("audit", "verify").stdout
    broken = limner("audit", "verify", "--images")
    assert (broken.returncode, f"image 0 of request {made} is damaged" in broken.stdout) == (1, True)


def test_where_the_whole_store_is_gone_that_is_said_once(limner: Limner, project: Path, made: str, tmp_path: Path):
    limner("generate", "another circle", "-o", str(project / "out.png"))
    (project / ".limner" / "images").rename(tmp_path / "images")
    told = json.loads(limner("audit", "verify", "--json").stdout)
    assert ["none of the 2 kept images is here" in finding["what"] for finding in told["findings"]] == [True]


@pytest.mark.parametrize(
    ("statement", "told"),
    [
        ("DELETE FROM images", "which the record has, is not there"),
        ("UPDATE images SET sha256 = 'ab'", "stands there as another file"),
        ("UPDATE images SET wrapped_key = NULL, state = 'erased'", "the record has no erasure of it"),
        ("UPDATE subjects SET wrapped_key = NULL", "the key of its subject is gone, and the record has no erasure of that"),
    ],
)
def test_an_image_that_was_removed_behind_the_record_is_found(
    limner: Limner, project: Path, made: str, statement: str, told: str
):
    change(project, "DELETE FROM fingerprints")
    change(project, statement)
    found = limner("audit", "verify")
    assert (found.returncode, told in found.stdout) == (1, True)


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


@pytest.mark.parametrize("format", ["jsonl", "csv", "parquet"])
def test_an_export_is_on_the_record_and_verifies(limner: Limner, project: Path, made: str, tmp_path: Path, format: str):
    exported = limner("audit", "export", "--format", format, "--redacted", "-o", str(tmp_path / "out"))
    assert (exported.returncode, "events" in exported.stdout) == (0, True)
    assert limner("audit", "verify", "--export", str(tmp_path / "out")).returncode == 0
    assert "audit.exported" in (tmp_path / "out" / f"events.{format}").read_text(errors="replace")
    assert "a circle" not in (tmp_path / "out" / f"events.{format}").read_text(errors="replace")
    again = limner("audit", "export", "-o", str(tmp_path / "out"))
    assert (again.returncode, "something already" in again.stderr) == (2, True)
    assert limner("audit", "verify", "--export", str(project)).returncode == 2
    assert limner("audit", "export", "--request", "nobody's", "-o", str(tmp_path / "other")).returncode == 2


def test_a_subject_can_be_forgotten_from_the_command_line(limner: Limner, project: Path, made: str):
    subject = json.loads(limner("audit", "show", made, "--json").stdout)["caller"]
    held = limner("audit", "hold", "place", "--request", made[:8], "--reason", "a dispute").stdout.strip()
    assert json.loads(limner("audit", "hold", "list", "--json").stdout)[0]["id"] == held
    planned = limner("audit", "erase", "--subject", subject, "--reason", "asked for", "--dry-run")
    assert (planned.returncode, f"kept by the legal hold {held}" in planned.stdout) == (1, True)
    assert limner("audit", "hold", "lift", held, "--reason", "settled").returncode == 0
    [outcome] = [
        e for e in json.loads(limner("audit", "show", made, "--json").stdout)["events"] if e["kind"] == "image.outcome"
    ]
    image = outcome["body"]["image"]
    planned = limner("audit", "erase", "--image", image[:8], "--reason", "asked for", "--dry-run")
    assert planned.stdout == "would be erased: 1 image, 1 payload\n"
    assert limner("audit", "erase", "--image", image[:7], "--reason", "asked for").returncode == 2
    assert limner("audit", "erase", "--subject", subject, "--reason", "asked for").returncode == 0
    shown = limner("audit", "show", made).stdout
    assert "someone erased" in shown
    assert "a circle" not in shown
    assert limner("audit", "verify").returncode == 0
    assert limner("audit", "erase", "--subject", subject, "--reason", "again").returncode == 2
    assert limner("audit", "erase", "--reason", "nothing named").returncode == 2


def test_retention_is_read_from_beside_the_pipelines(limner: Limner, project: Path, made: str):
    assert "there is no such file" in limner("audit", "retention").stderr
    (project / "retention.yaml").write_text("limner: 1\nretention:\n  words: {of: payloads, keep: 1d}\n")
    assert limner("audit", "retention", "--dry-run").stdout.startswith("words: would be erased: 0 images, 0 payloads")
    assert limner("audit", "retention").returncode == 0
    (project / "retention.yaml").write_text("limner: 1\nretention:\n  words: {of: payloads, kept: 1d}\n")
    assert limner("audit", "retention").returncode == 4
