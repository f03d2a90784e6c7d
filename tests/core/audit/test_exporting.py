from __future__ import annotations

import csv
import json
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import insert
from tests.core.audit.conftest import PINNED

from limner.audit.administering import rotate
from limner.audit.event import Event
from limner.audit.events import image_outcome, request_closed
from limner.audit.exporting import Format, Selection, export
from limner.audit.heads import public_key, sign_head, trusted_keys
from limner.audit.merkle import Tree
from limner.audit.stored import stored_rows
from limner.audit.verifier import Head, Range, leaf_hash, root_by_proof, verify_export
from limner.audit.writer import AuditWriter
from limner.canonical import sha256_hex
from limner.database.connection import Database
from limner.database.tables import texts
from limner.errors import UsageError
from limner.generation import EncodedImage, Request
from limner.keys import Keys

Accept = Callable[..., Request]
FORMATS: tuple[Format, ...] = ("jsonl", "csv", "parquet")


@pytest.fixture
def record(writer: AuditWriter, accept: Accept) -> None:
    """Two requests, one of them closed."""
    accept("r1", prompt='a "red"\ncircle, \udcff')
    writer.append([image_outcome("r1", 0, "released"), request_closed("r1", ["released"])]).result(30)
    accept("r2", prompt="a blue square", negative_prompt="red")
    writer.append([Event("note", "r2", {"text": 'a","id":"b\nc'})]).result(30)


def everything(name: str) -> bool:
    return True


@pytest.mark.parametrize("size", [1, 2, 3, 7, 8, 13])
def test_a_proof_leads_to_the_root_for_its_own_leaf_alone(size: int):
    leaves = [leaf_hash(bytes([number])) for number in range(size)]
    tree, grown = Tree(leaves), Range()
    for leaf in leaves:
        grown.append(leaf)
    assert tree.root == grown.root()
    for index, leaf in enumerate(leaves):
        proof = tree.proof(index)
        assert root_by_proof(index, size, leaf, proof) == tree.root
        for wrong in (index + 1, index - 1):
            assert root_by_proof(wrong, size, leaf, proof) != tree.root
        assert root_by_proof(index, size, leaf_hash(b"another"), proof) != tree.root
        assert root_by_proof(index, size, leaf, [*proof, proof[0] if proof else leaf]) != tree.root


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.usefixtures("record")
def test_an_export_verifies_in_every_format(database: Database, keys: Keys, tmp_path: Path, format: Format):
    count = export(database, keys, tmp_path / "out", format=format, selection=Selection(), opens=everything)
    report = verify_export(tmp_path / "out", trusted_keys(keys))
    assert (report.ok, report.events, count) == (True, 5, 5), report.findings
    part = export(database, keys, tmp_path / "r2", format=format, selection=Selection(request="r2"), opens=everything)
    report = verify_export(tmp_path / "r2", trusted_keys(keys))
    assert (report.ok, report.events, part) == (True, 2, 2), report.findings


@pytest.mark.parametrize(
    ("hash", "kind"), [("0" * 64, "policy"), (f"x/../../../{'b' * 8}", "policy"), (sha256_hex(b"{}"), "../../outside")]
)
@pytest.mark.usefixtures("record")
def test_a_text_that_was_altered_is_not_written_and_leads_nowhere_else(
    database: Database, keys: Keys, tmp_path: Path, hash: str, kind: str
):
    with database.writing() as connection:
        connection.execute(insert(texts).values(hash=hash, kind=kind, text=b"{}"))
    out = tmp_path / "exports" / "one"
    export(database, keys, out, selection=Selection(), opens=everything)
    assert len(list((out / "texts").iterdir())) == 3
    assert list(out.parent.iterdir()) == [out]
    assert verify_export(out, trusted_keys(keys)).ok


@pytest.mark.usefixtures("record")
def test_payloads_are_opened_only_where_wanted(database: Database, keys: Keys, tmp_path: Path):
    export(database, keys, tmp_path / "all", selection=Selection(), opens=everything)
    export(database, keys, tmp_path / "some", selection=Selection(), opens=lambda name: name == "negative_prompt")
    export(database, keys, tmp_path / "none", selection=Selection(), opens=lambda name: False)
    opened = {}
    for name in ("all", "some", "none"):
        rows = map(json.loads, (tmp_path / name / "events.jsonl").read_text().splitlines())
        opened[name] = [sorted(json.loads(row["payloads"] or "{}")) for row in rows]
    assert opened["all"] == [["prompt"], [], [], ["negative_prompt", "prompt"], []]
    assert opened["some"] == [[], [], [], ["negative_prompt"], []]
    assert opened["none"] == [[]] * 5
    assert "a blue square" not in (tmp_path / "none" / "events.jsonl").read_text()


def edited(folder: Path, edit: Callable[[list[dict[str, str]]], object]) -> None:
    path = folder / "events.jsonl"
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    edit(rows)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


def rewrite(rows: list[dict[str, str]]) -> None:
    rows[1]["canonical"] = rows[1]["canonical"].replace("released", "withheld")


def resalt(rows: list[dict[str, str]]) -> None:
    rows[0]["payloads"] = rows[0]["payloads"].replace('"payload": "', '"payload": "QUJD')


EDITS: dict[str, tuple[Callable[[list[dict[str, str]]], object], str, int | None]] = {
    "changed": (rewrite, "changed", 1),
    "column": (lambda rows: rows[2].update(kind="other"), "changed", 2),
    "missing": (lambda rows: rows.pop(2), "missing", 2),
    "missing at the end": (lambda rows: rows.pop(), "missing", 4),
    "swapped": (lambda rows: rows.insert(1, rows.pop(3)), "reordered", 1),
    "payload": (resalt, "payload", 0),
    "unreadable": (lambda rows: rows[3].pop("canonical"), "changed", None),
}


@pytest.mark.parametrize("name", EDITS)
@pytest.mark.usefixtures("record")
def test_an_export_edited_by_hand_is_found_out_and_the_row_named(database: Database, keys: Keys, tmp_path: Path, name: str):
    edit, kind, index = EDITS[name]
    export(database, keys, tmp_path / "out", selection=Selection(), opens=everything)
    edited(tmp_path / "out", edit)
    report = verify_export(tmp_path / "out", trusted_keys(keys))
    assert (kind, index) in {(finding.kind, finding.first) for finding in report.findings}, report.findings


@pytest.mark.usefixtures("record")
def test_what_is_named_once_is_not_bracketed_as_well(database: Database, keys: Keys, tmp_path: Path):
    export(database, keys, tmp_path / "out", selection=Selection(), opens=everything)
    edited(tmp_path / "out", rewrite)
    assert [(found.kind, found.first) for found in verify_export(tmp_path / "out", trusted_keys(keys)).findings] == [
        ("changed", 1)
    ]


@pytest.mark.parametrize("selection", [Selection(), Selection(request="r1")])
@pytest.mark.usefixtures("record")
def test_texts_and_images_beside_the_events_must_be_those_they_name(
    database: Database, keys: Keys, writer: AuditWriter, tmp_path: Path, selection: Selection
):
    out, image = tmp_path / "out", EncodedImage(b"pixels", "png")
    writer.append([image_outcome("r1", 1, "released", file=image)]).result(30)
    export(database, keys, out, selection=selection, opens=everything)
    (out / "images").mkdir()
    (out / "images" / "0.png").write_bytes(image.data)
    assert verify_export(out, trusted_keys(keys)).ok
    (out / "images" / "0.png").write_bytes(b"others")
    [policy] = (out / "texts").glob("policy.*")
    policy.write_text(policy.read_text() + " ")
    [plugins] = (out / "texts").glob("plugins.*")
    plugins.unlink()
    report = verify_export(out, trusted_keys(keys))
    assert {(found.kind, found.first) for found in report.findings} == {("changed", None), ("missing", 0)}
    told = "\n".join(map(str, report.findings))
    assert all(name in told for name in (policy.name, PINNED.policy_revision[:16], PINNED.plugins[:16], "images/0.png"))
    assert PINNED.pipeline[:16] not in told


@pytest.mark.usefixtures("record")
def test_a_part_is_called_one_and_is_not_compared_with_earlier_heads(database: Database, keys: Keys, tmp_path: Path):
    export(database, keys, tmp_path / "out", selection=Selection(request="r2"), opens=everything)
    assert verify_export(tmp_path / "out", trusted_keys(keys)).part
    with pytest.raises(ValueError, match="only a whole one"):
        verify_export(tmp_path / "out", trusted_keys(keys), [Head.parse((tmp_path / "out" / "checkpoint").read_text())])


@pytest.mark.usefixtures("record")
def test_a_part_under_a_key_that_was_rotated_says_which_key_it_needs(
    database: Database, keys: Keys, writer: AuditWriter, tmp_path: Path
):
    renewed = rotate(writer, keys, "local:ada", "yearly")
    for name, selection in {"whole": Selection(), "part": Selection(request="r1")}.items():
        export(database, renewed, tmp_path / name, selection=selection, opens=everything)
    assert verify_export(tmp_path / "whole", [public_key(keys)]).ok
    forged, hint = verify_export(tmp_path / "part", [public_key(keys)]).findings
    assert (forged.kind, "get the key that the log has now" in hint.what) == ("forged head", True)
    assert verify_export(tmp_path / "part", [public_key(renewed)]).ok


@pytest.mark.usefixtures("record")
def test_another_export_to_the_same_folder_that_fails_does_this_one_no_harm(database: Database, keys: Keys, tmp_path: Path):
    out, others = tmp_path / "out", Selection(request="nobody's")
    asked: list[str] = []

    def opens(name: str) -> bool:
        if not asked:
            asked.append(name)
            with pytest.raises(UsageError, match="no such event"):
                export(database, keys, out, selection=others, opens=everything)
        return True

    export(database, keys, out, selection=Selection(), opens=opens)
    assert asked
    assert verify_export(out, trusted_keys(keys)).ok


def test_a_signing_key_that_has_been_replaced_is_not_replaced_again(keys: Keys, writer: AuditWriter):
    renewed = rotate(writer, keys, "local:ada", "yearly")
    with pytest.raises(UsageError, match="replaced meanwhile"):
        rotate(writer, keys, "local:bob", "at the same time")
    again = rotate(writer, renewed, "local:bob", "yearly")
    assert trusted_keys(again) == [public_key(one) for one in (again, keys, renewed)]


@pytest.mark.usefixtures("record")
def test_an_export_must_agree_with_a_head_that_was_kept(database: Database, keys: Keys, tmp_path: Path):
    with database.reading() as connection:
        tree = Tree([row.leaf_hash for row in stored_rows(connection)][:3])
    export(database, keys, tmp_path / "out", selection=Selection(), opens=everything)
    kept, other = sign_head(keys, 3, tree.root), sign_head(keys, 3, leaf_hash(b"another history"))
    assert verify_export(tmp_path / "out", trusted_keys(keys), [kept]).ok
    assert [finding.kind for finding in verify_export(tmp_path / "out", trusted_keys(keys), [other]).findings] == ["changed"]
    forged = Head.parse(kept.note.replace("\n3\n", "\n2\n"))
    assert "forged head" in {found.kind for found in verify_export(tmp_path / "out", trusted_keys(keys), [forged]).findings}


@pytest.mark.usefixtures("record")
def test_the_verifier_that_goes_with_it_needs_nothing_of_limner(database: Database, keys: Keys, tmp_path: Path):
    export(database, keys, tmp_path / "out", format="csv", selection=Selection(), opens=everything)
    key = public_key(keys).text

    def verify(*words: str) -> subprocess.CompletedProcess[str]:
        code = "import sys, runpy; sys.modules['limner'] = None; runpy.run_path('verify.py', run_name='__main__')"
        done = [sys.executable, "-c", code, ".", *words]
        return subprocess.run(done, cwd=tmp_path / "out", capture_output=True, text=True, env={})

    good = verify("--key", key)
    assert (good.returncode, good.stdout.strip()) == (0, "5 events: all is as it was recorded"), good.stderr
    with (tmp_path / "out" / "events.csv").open(newline="") as file:
        rows = list(csv.reader(file))
    rows[2][6] = rows[2][6].replace("released", "withheld")
    with (tmp_path / "out" / "events.csv").open("w", newline="") as file:
        csv.writer(file).writerows(rows)
    bad = verify("--key", key)
    assert bad.returncode == 1
    assert "changed: event 1" in bad.stdout
    assert verify("--key", "nonsense").returncode == 2


def append_to(name: str, more: str) -> Callable[[Path], None]:
    def spoil(out: Path) -> None:
        with (out / name).open("a") as file:
            file.write(more)

    return spoil


@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        (append_to("checkpoint", "x"), "a signed head ends in its signatures"),
        (append_to("checkpoint", "\n"), "a signed head ends in its signatures"),
        (lambda out: (out / "checkpoint").unlink(), "checkpoint is missing"),
        (lambda out: (out / "events.jsonl").unlink(), "the events are missing"),
        (lambda out: (out / "manifest.json").unlink(), "manifest.json is missing"),
        (lambda out: (out / "manifest.json").write_text("[]"), "manifest.json is not that of an export"),
    ],
)
@pytest.mark.parametrize("selection", [Selection(), Selection(request="r1")])
@pytest.mark.usefixtures("record")
def test_what_an_export_lacks_or_has_too_much_is_named(
    database: Database, keys: Keys, tmp_path: Path, selection: Selection, spoil: Callable[[Path], None], told: str
):
    export(database, keys, tmp_path / "out", selection=selection, opens=everything)
    spoil(tmp_path / "out")
    with pytest.raises(ValueError, match=told):
        verify_export(tmp_path / "out", trusted_keys(keys))


@pytest.mark.usefixtures("record")
def test_a_part_from_which_events_were_taken_says_so(database: Database, keys: Keys, tmp_path: Path):
    export(database, keys, tmp_path / "out", selection=Selection(request="r1"), opens=everything)
    edited(tmp_path / "out", lambda rows: rows.pop())
    [finding] = verify_export(tmp_path / "out", trusted_keys(keys)).findings
    assert (finding.kind, finding.what) == ("missing", "of 3 events in this part, 2 are there")


@pytest.mark.usefixtures("record")
def test_a_zip_that_cannot_be_told_apart_or_unpacked_is_refused(keys: Keys, tmp_path: Path):
    with zipfile.ZipFile(tmp_path / "twice.zip", "w") as archive:
        archive.writestr("checkpoint", "one")
        with pytest.warns(UserWarning, match="Duplicate name"):
            archive.writestr("checkpoint", "another")
    with pytest.raises(ValueError, match="several files have one name"):
        verify_export(tmp_path / "twice.zip", trusted_keys(keys))
    (tmp_path / "note.txt").write_text("no zip")
    for nothing in (tmp_path / "note.txt", tmp_path / "nowhere"):
        with pytest.raises(ValueError, match="neither the folder of an export nor a zip"):
            verify_export(nothing, trusted_keys(keys))


@pytest.mark.usefixtures("record")
def test_an_export_is_there_whole_or_not_at_all(database: Database, keys: Keys, tmp_path: Path):
    with pytest.raises(UsageError, match="no such event"):
        export(database, keys, tmp_path / "out", selection=Selection(request="r9"), opens=everything)
    assert list(tmp_path.glob("*out*")) == []
    (tmp_path / "out").mkdir()
    with pytest.raises(UsageError, match="something already"):
        export(database, keys, tmp_path / "out", selection=Selection(), opens=everything)
