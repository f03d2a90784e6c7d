"""The evidence pack of a request: it verifies, opens only what was chosen, and holds no image that nobody is given unasked."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from house import POLICY, house
from sqlalchemy import select

from limner.app import App
from limner.audit.verifier import Key, verify_export
from limner.database.tables import fingerprints
from limner.deny import add
from limner.errors import UsageError
from limner.evidence import Picture, pictures, write_evidence
from limner.images.likeness import unsigned
from limner.review import matching, recall

KEPT = POLICY.replace("categories: {words: {}}", "categories: {words: {}, own: {keep: quarantine}}")
KEPT = KEPT.replace("at_least: 0.9, then: block", "at_least: 0.9, then: block, category: own")


def made(app: App, prompt: str = "a circle", seed: int = 5) -> str:
    request = app.request(prompt, seed=seed)
    app.run(request)
    return request.id


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
        for name, packed in {"plain": [], "all": kept}.items():
            path = tmp_path / f"{name}.zip"
            names = write_evidence(app.database, app.keys, app.images, request, path, opens=lambda name: True, packed=packed)
            assert (picture.name in names) == (name == "all")
            with zipfile.ZipFile(path) as pack:
                pages[name] = pack.read("index.html").decode()
        assert f"Image 0 is not in the pack: {why}." in pages["plain"]
        assert f"{why}: not to be given out" in pages["all"]


def test_an_image_that_is_called_back_after_it_was_chosen_stays_out(tmp_path: Path) -> None:
    with house(tmp_path) as app:
        request = made(app)
        chosen = pictures(app.database, request)
        assert chosen == (Picture(chosen[0].id, 0, "png"),)
        recall(app.writer, matching(app.database, [request]), actor="x", reason="a likeness")
        path = tmp_path / "e.zip"
        names = write_evidence(app.database, app.keys, app.images, request, path, opens=lambda name: True, packed=chosen)
    assert not [name for name in names if name.startswith("images/")]


def test_an_evidence_pack_verifies_and_opens_only_what_was_chosen(tmp_path: Path) -> None:
    with house(tmp_path) as app:
        id = made(app, "a <b>circle</b> odd")
        shown = made(app, "a square")
        for request, opened in ((id, ("evidence",)), (shown, ("prompt", "fingerprint"))):
            write_evidence(
                app.database,
                app.keys,
                app.images,
                request,
                tmp_path / f"{request}.zip",
                opens=lambda name, o=opened: name in o,
                packed=pictures(app.database, request),
            )
            with zipfile.ZipFile(tmp_path / f"{request}.zip") as pack:
                pack.extractall(tmp_path / request)
        key = Key.parse((tmp_path / id / "keys.txt").read_text().splitlines()[0])
        with pytest.raises(UsageError, match="something already"):
            write_evidence(app.database, app.keys, app.images, id, tmp_path / f"{id}.zip", opens=lambda name: True)
    for request in (id, shown):
        report = verify_export(tmp_path / request, [key])
        assert (report.ok, report.part) == (True, True), report.findings
    assert "circle" not in (tmp_path / id / "index.html").read_text() + (tmp_path / id / "events.jsonl").read_text()
    page = (tmp_path / shown / "index.html").read_text()
    [policy] = (tmp_path / shown / "texts").glob("policy.*")
    for said in ("<th>asked for</th><td><pre>a square", f"house: texts/{policy.name}", "<th>image 0</th><td><pre>released"):
        assert said in page
    assert "review at the prompt by odd-word (enforce)" in (tmp_path / id / "index.html").read_text()
    assert len(list((tmp_path / shown / "images").iterdir())) == 1
    assert {path.name.split(".")[0] for path in (tmp_path / shown / "texts").iterdir()} == {"pipeline", "policy", "plugins"}


def test_a_prompt_does_not_become_markup(tmp_path: Path) -> None:
    with house(tmp_path) as app:
        id = made(app, "<script>alert(1)</script>")
        write_evidence(app.database, app.keys, app.images, id, tmp_path / "e.zip", opens=lambda name: True)
    with zipfile.ZipFile(tmp_path / "e.zip") as pack:
        page = pack.read("index.html").decode()
    assert "<script>" not in page
    assert "&lt;script&gt;" in page


def test_a_pack_whose_image_was_exchanged_does_not_verify(tmp_path: Path) -> None:
    with house(tmp_path) as app:
        id = made(app)
        kept = pictures(app.database, id)
        write_evidence(app.database, app.keys, app.images, id, tmp_path / "e.zip", opens=lambda name: True, packed=kept)
    with zipfile.ZipFile(tmp_path / "e.zip") as pack:
        pack.extractall(tmp_path / "pack")
    key = Key.parse((tmp_path / "pack" / "keys.txt").read_text().splitlines()[0])
    (tmp_path / "pack" / kept[0].name).write_bytes(b"another picture")
    [finding] = verify_export(tmp_path / "pack", [key]).findings
    assert (finding.kind, kept[0].name in finding.what) == ("changed", True)
