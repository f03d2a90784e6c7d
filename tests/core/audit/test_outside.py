from __future__ import annotations

import logging
import sys
import threading
from pathlib import Path

import pytest

from limner.audit.event import Event
from limner.audit.heads import public_key, sign_head, trusted_keys
from limner.audit.outside import HeadFolder, sinks
from limner.audit.publishing import Publisher, leaves_since, publish
from limner.audit.verifier import Head, Key, Range, leaf_hash
from limner.audit.writer import AuditWriter
from limner.database.connection import Database
from limner.errors import AuditError
from limner.keys import Keys, open_folder

LEAVES = [leaf_hash(bytes([number])) for number in range(40)]


@pytest.fixture
def own_keys(tmp_path: Path) -> Keys:
    return open_folder(tmp_path / "keys", create=True)


@pytest.fixture
def folder(tmp_path: Path) -> HeadFolder:
    return HeadFolder(tmp_path / "heads")


def upto(size: int):
    return lambda first: LEAVES[first:size]


def root(size: int) -> bytes:
    tree = Range()
    for leaf in LEAVES[:size]:
        tree.append(leaf)
    return tree.root()


def test_a_head_is_a_signed_note_that_its_public_key_verifies(own_keys: Keys):
    head = sign_head(own_keys, 3, root(3))
    key = public_key(own_keys)
    assert Key.parse(key.text) == key
    assert Head.parse(head.note) == head
    assert head.is_signed([key])
    assert head.note.splitlines()[:2] == [own_keys.origin, "3"]
    assert not Head.parse(head.note.replace("\n3\n", "\n4\n")).is_signed([key])
    assert not head.is_signed([Key(key.origin, bytes(32))])
    shortened = (head.note.partition("\n\n")[0], head.note.rstrip("\n"))
    for nonsense in ("", "a\nb\nc\n\nd\n", head.note.replace("\n3\n", "\n03\n"), f"{head.note}x", f"{head.note}\n", *shortened):
        with pytest.raises(ValueError, match="a signed head"):
            Head.parse(nonsense)
    with pytest.raises(ValueError, match="public key"):
        Key.parse(key.text.replace(key.id.hex(), "00000000"))


def test_each_head_continues_the_one_before(own_keys: Keys, folder: HeadFolder):
    for size in (1, 7, 8, 40):
        head = folder.publish(own_keys, upto(size))
        assert head is not None
        assert (head.size, head.root) == (size, root(size))
        folder = HeadFolder(folder.folder) if size == 8 else folder
    assert folder.publish(own_keys, upto(40)) is None
    assert [head.size for head in folder.history()] == [1, 7, 8, 40]
    assert folder.newest() == folder.history()[-1]
    assert folder.hashes() == LEAVES


def test_what_a_crash_left_behind_is_mended(own_keys: Keys, folder: HeadFolder):
    folder.publish(own_keys, upto(9))
    with (folder.folder / "hashes").open("ab") as hashes:
        hashes.write(b"half a ha")
    (folder.folder / "frontier").write_text("cut sho")
    with next((folder.folder / "history").iterdir()).open("a") as history:
        history.write('"limner/cut')
    mended = HeadFolder(folder.folder)
    mended.publish(own_keys, upto(20))
    assert mended.hashes() == LEAVES[:20]
    (folder.folder / "checkpoint").write_text("")
    newest = HeadFolder(folder.folder).newest()
    assert newest is not None
    assert newest.root == root(newest.size)


def test_hashes_that_do_not_lead_to_the_head_are_not_built_upon(own_keys: Keys, folder: HeadFolder):
    folder.publish(own_keys, upto(9))
    (folder.folder / "frontier").unlink()
    (folder.folder / "hashes").write_bytes(b"".join(LEAVES[1:10]))
    with pytest.raises(AuditError, match="not those of the newest head"):
        HeadFolder(folder.folder).publish(own_keys, upto(20))


def test_several_who_publish_to_one_folder_take_turns(own_keys: Keys, folder: HeadFolder):
    def work():
        mine = HeadFolder(folder.folder)
        for size in range(1, 41):
            mine.publish(own_keys, upto(size))

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    sizes = [head.size for head in folder.history()]
    assert sizes == sorted(set(sizes))
    assert folder.hashes() == LEAVES
    assert all(head.root == root(head.size) for head in folder.history())


def test_heads_go_to_every_sink_that_is_named(own_keys: Keys, folder: HeadFolder, tmp_path: Path):
    copy = "import sys; open(sys.argv[1], 'w').write(sys.stdin.read())"
    command = f'|{sys.executable} -c "{copy}" {tmp_path / "sent"}'
    for sink in sinks(folder, (str(tmp_path / "mount"), command)):
        sink.publish(own_keys, upto(5))
    assert (tmp_path / "sent").read_text() == (folder.folder / "checkpoint").read_text()
    assert [head.size for head in HeadFolder(tmp_path / "mount").history()] == [5]
    failing = sinks(folder, ("|false",))[1]
    with pytest.raises(AuditError, match="could not be given out"):
        failing.publish(own_keys, upto(5))


def test_the_publisher_follows_commits_and_ends_with_the_last(database: Database, keys: Keys, folder: HeadFolder):
    publisher = Publisher(database, keys, [folder], interval=60)
    writer = AuditWriter(database, keys, committed=publisher.committed)
    for number in range(30):
        writer.append([Event("note", "", {"number": number})]).result(30)
    writer.close()
    publisher.close()
    newest = folder.newest()
    assert newest is not None
    assert newest.size == 30
    assert newest.is_signed(trusted_keys(keys))
    assert len(folder.history()) <= 2  # one after the first commit, one at the end


def test_a_log_shorter_than_its_head_is_told_once_and_not_signed(
    database: Database, keys: Keys, folder: HeadFolder, caplog: pytest.LogCaptureFixture
):
    folder.publish(keys, upto(5))
    publisher = Publisher(database, keys, [folder], interval=0)
    with caplog.at_level(logging.CRITICAL):
        for _ in range(3):
            publish(database, keys, [folder], publisher._tell)
        publisher.close()
    assert [record.message for record in caplog.records] == [
        "heads of the record: the record has 0 events, and 5 were attested\n  limner audit verify"
    ]
    with pytest.raises(AuditError):
        leaves_since(database, 5)


def test_a_sink_that_fails_does_not_keep_the_others_from_theirs(
    database: Database, keys: Keys, writer: AuditWriter, folder: HeadFolder, tmp_path: Path
):
    writer.append([Event("note", "", {})]).result(30)
    (tmp_path / "a file").write_text("")
    told: list[str] = []
    publish(database, keys, [HeadFolder(tmp_path / "a file"), folder], lambda _, error: told.append(str(error)))
    assert "a file" in told[0]
    assert told[1] == "None"
    assert [head.size for head in folder.history()] == [1]
