"""The evidence pack of a request: it verifies, opens only what was chosen, and holds no image that nobody is given unasked."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from collections.abc import Callable
from errno import EACCES
from pathlib import Path
from typing import Any

import pytest
from house import POLICY, house
from sqlalchemy import select

from limner.app import App
from limner.audit.administering import EVIDENCE
from limner.audit.reading import request as record_of
from limner.audit.standing import Refused
from limner.audit.verifier import Key, verify_export
from limner.database.tables import fingerprints
from limner.deny import add
from limner.errors import AuditError, UsageError
from limner.evidence import Choice, Pack, make_pack, pictures
from limner.images.likeness import unsigned
from limner.review import matching, recall

KEPT = POLICY.replace("categories: {words: {}}", "categories: {words: {}, own: {keep: quarantine}}")
KEPT = KEPT.replace("at_least: 0.9, then: block", "at_least: 0.9, then: block, category: own")


def made(app: App, prompt: str = "a circle", seed: int = 5) -> str:
    request = app.request(prompt, seed=seed)
    app.run(request)
    return request.id


def packed(app: App, request: str, path: Path, **choice: object) -> Pack:
    chosen = Choice(**choice)  # type: ignore[arg-type]  # as the tests below give it
    return make_pack(app.database, app.keys, app.images, app.writer, request, path, actor="local:ada", choice=chosen)


def unpacked(path: Path) -> tuple[Path, Key]:
    """The folder that a pack is unpacked into, and the log's key."""
    with zipfile.ZipFile(path) as pack:
        pack.extractall(folder := path.with_suffix(""))
    return folder, Key.parse((folder / "keys.txt").read_text().splitlines()[0])


def stored(app: App) -> Path:
    """The file of the only image in the store."""
    [file] = (app.project.state / "images").glob("??/*")
    return file


def told_of(app: App, request: str) -> dict[str, Any]:
    """The body of the newest event about a pack."""
    return dict(next(e.body for e in reversed(record_of(app.database, app.keys, request).events) if e.kind == EVIDENCE))


def call_back(app: App) -> str:
    request = made(app)
    recall(app.writer, matching(app.database, [request]), actor="x", reason="a likeness")
    return request


def deny_its_likeness(app: App) -> str:
    request = made(app)
    with app.database.reading() as connection:
        seen = unsigned(connection.execute(select(fingerprints.c.fingerprint)).scalar_one())
    add(app.writer, "image", f"{seen:016x}", actor="x", reason="a logo")
    return request


@pytest.mark.parametrize(
    ("make", "why"),
    [
        (lambda app: made(app, "dim field"), "held"),
        (lambda app: made(app, "dark night"), "quarantined"),
        (call_back, "recalled"),
        (deny_its_likeness, "denied"),
    ],
)
def test_an_image_that_nobody_is_given_goes_in_only_if_it_is_chosen(
    tmp_path: Path, database_url: str, make: Callable[[App], str], why: str
) -> None:
    with house(tmp_path, policies={"house": KEPT}, database_url=database_url) as app:
        request = make(app)
        [picture] = kept = pictures(app.database, request)
        assert picture.kept_back == why
        pages = {}
        for name in ("plain", "all"):
            path = tmp_path / f"{name}.zip"
            done = packed(app, request, path, withheld=name == "all")
            assert (picture.name in done.files, done.left_out == kept) == (name == "all", name == "plain")
            with zipfile.ZipFile(path) as pack:
                pages[name] = pack.read("index.html").decode()
        assert told_of(app, request)["withheld"] == {picture.id: why}
        assert f"Image 0 is not in the pack: {why}." in pages["plain"]
        assert f"{why}: not to be given out" in pages["all"]


def test_of_an_image_that_is_called_back_while_it_is_packed_there_is_no_pack(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with house(tmp_path) as app:
        request, read = made(app), app.images.read

        def read_and_recall(*which: Any, **how: Any) -> bytes:
            data = read(*which, **how)
            recall(app.writer, matching(app.database, [request]), actor="x", reason="a likeness")
            return data

        monkeypatch.setattr(app.images, "read", read_and_recall)
        with pytest.raises(Refused, match="recalled by now"):
            packed(app, request, tmp_path / "e.zip")
        assert not (tmp_path / "e.zip").exists()
        assert EVIDENCE not in {event.kind for event in record_of(app.database, app.keys, request).events}


@pytest.mark.parametrize("loss", ["gone", "damaged"])
def test_an_image_whose_stored_file_is_lost_is_told_everywhere_and_not_claimed(tmp_path: Path, loss: str) -> None:
    with house(tmp_path) as app:
        request = made(app)
        [picture] = pictures(app.database, request)
        file = stored(app)
        file.unlink() if loss == "gone" else file.write_bytes(file.read_bytes()[:-1] + b"x")
        done = packed(app, request, tmp_path / "e.zip")
        told = told_of(app, request)
    assert (done.lost, done.left_out) == ({picture: loss}, ())
    assert (told["images"], told["lost"]) == ([], {picture.id: loss})
    with zipfile.ZipFile(tmp_path / "e.zip") as pack:
        assert f"Image 0 is not in the pack: its stored file is {loss}." in pack.read("index.html").decode()


def test_an_evidence_pack_verifies_and_opens_only_what_was_chosen(tmp_path: Path) -> None:
    with house(tmp_path) as app:
        id = made(app, "a <b>circle</b> odd")
        shown = made(app, "a square")
        for request, opened in ((id, ("evidence",)), (shown, ("prompt", "fingerprint"))):
            packed(app, request, tmp_path / f"{request}.zip", opened=opened)
        with pytest.raises(UsageError, match="something already"):
            packed(app, id, tmp_path / f"{id}.zip")
    for request in (id, shown):
        _, key = unpacked(tmp_path / f"{request}.zip")
    for request in (id, shown):
        for pack in (tmp_path / request, tmp_path / f"{request}.zip"):
            report = verify_export(pack, [key])
            assert (report.ok, report.part) == (True, True), report.findings
    assert "circle" not in (tmp_path / id / "index.html").read_text() + (tmp_path / id / "events.jsonl").read_text()
    page = (tmp_path / shown / "index.html").read_text()
    [policy] = (tmp_path / shown / "texts").glob("policy.*")
    for said in ("<th>asked for</th><td><pre>a square", f"house: texts/{policy.name}", "<th>image 0</th><td><pre>released"):
        assert said in page
    assert "review at the prompt by odd-word (enforce)" in (tmp_path / id / "index.html").read_text()
    assert len(list((tmp_path / shown / "images").iterdir())) == 1
    assert {path.name.split(".")[0] for path in (tmp_path / shown / "texts").iterdir()} == {"pipeline", "policy", "plugins"}


def test_of_a_pack_that_cannot_be_written_nothing_is_recorded(tmp_path: Path) -> None:
    with house(tmp_path) as app:
        request = made(app)
        with pytest.raises(FileNotFoundError):
            packed(app, request, tmp_path / "nowhere" / "e.zip")
        assert EVIDENCE not in {event.kind for event in record_of(app.database, app.keys, request).events}


def test_of_an_image_that_may_not_be_read_there_is_no_pack_and_no_word_of_its_loss(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(path: Path) -> bytes:
        raise PermissionError(EACCES, "Permission denied")

    with house(tmp_path) as app:
        request = made(app)
        with monkeypatch.context() as patched:
            patched.setattr(Path, "read_bytes", refuse)
            with pytest.raises(AuditError, match="cannot be read: Permission denied"):
                packed(app, request, tmp_path / "e.zip")
        assert EVIDENCE not in {event.kind for event in record_of(app.database, app.keys, request).events}


@pytest.mark.parametrize("alias", ["./record.json", "/record.json", "../record.json", "RECORD.json"])
def test_a_zip_in_which_two_files_would_be_unpacked_as_one_is_not_verified(tmp_path: Path, alias: str) -> None:
    with house(tmp_path) as app:
        packed(app, made(app), tmp_path / "e.zip")
    _, key = unpacked(tmp_path / "e.zip")
    with zipfile.ZipFile(tmp_path / "e.zip", "a") as pack:
        pack.writestr(alias, "{}")
    with pytest.raises(ValueError, match="several files have one name"):
        verify_export(tmp_path / "e.zip", [key])


def test_a_prompt_does_not_become_markup(tmp_path: Path) -> None:
    with house(tmp_path) as app:
        id = made(app, "<script>alert(1)</script>")
        packed(app, id, tmp_path / "e.zip")
    with zipfile.ZipFile(tmp_path / "e.zip") as pack:
        page = pack.read("index.html").decode()
    assert "<script>" not in page
    assert "&lt;script&gt;" in page


def test_a_pack_whose_image_was_exchanged_or_taken_out_does_not_verify(tmp_path: Path) -> None:
    with house(tmp_path) as app:
        id = made(app)
        [picture] = pictures(app.database, id)
        packed(app, id, tmp_path / "e.zip")
    folder, key = unpacked(tmp_path / "e.zip")
    (folder / picture.name).write_bytes(b"another picture")
    exchanged, gone = verify_export(folder, [key]).findings
    assert (exchanged.kind, picture.name in exchanged.what) == ("changed", True)
    assert (gone.kind, picture.id in gone.what) == ("missing", True)
    (folder / picture.name).unlink()
    assert verify_export(folder, [key]).findings == [gone]
    rows = (folder / "events.jsonl").read_text().splitlines(keepends=True)
    (folder / "events.jsonl").write_text("".join(row for row in rows if EVIDENCE not in row))
    assert {finding.kind for finding in verify_export(folder, [key]).findings} == {"missing"}


def test_a_pack_holds_the_texts_of_its_own_request_alone(tmp_path: Path) -> None:
    with house(tmp_path) as app:
        other = app.request("a square", pipeline="rewritten")
        app.run(other)
        packed(app, id := made(app), tmp_path / "e.zip")
        accepted = record_of(app.database, app.keys, id).events[0].body
    folder, key = unpacked(tmp_path / "e.zip")
    named = {accepted["pipeline"]["hash"], accepted["policy"]["revision"], accepted["plugins"]}
    assert {path.name.split(".")[1] for path in (folder / "texts").iterdir()} == named
    assert verify_export(folder, [key]).ok


def test_the_verifier_of_a_pack_reads_its_zip_and_says_what_it_does_not_look_at(tmp_path: Path) -> None:
    with house(tmp_path) as app:
        packed(app, made(app), tmp_path / "e.zip")
    folder, key = unpacked(tmp_path / "e.zip")
    words = [sys.executable, str(folder / "verify.py"), str(tmp_path / "e.zip"), "--key", key.text]
    done = subprocess.run(words, capture_output=True, text=True, env={})
    assert done.returncode == 0, done.stderr
    assert "not checked, for reading alone: index.html, record.json" in done.stdout
