from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pictures import scene

from limner.cli.inspect import _with_marks

Limner = Callable[..., Any]


def test_a_folder_is_inspected_file_by_file(limner: Limner, project: Path):
    folder = project / "found"
    folder.mkdir()
    scene(64).save(folder / "a.png")
    scene(64).save(folder / "b.JPEG")
    (folder / "notes.txt").write_text("no image")
    result = limner("inspect", str(folder), "--json")
    assert result.returncode == 0, result.stderr
    lines = [json.loads(line) for line in result.stdout.splitlines()]
    assert [(Path(line["file"]).name, line["verdict"]) for line in lines] == [("a.png", "unknown"), ("b.JPEG", "unknown")]


def test_beside_a_mark_id_stands_the_mark_as_people_read_it():
    seen = {"marks": ({"mark_id": 0x446942580C53, "key_id": "1"},), "manifests": [{"mark_id": None}], "distance": 3}
    told = _with_marks(seen)
    assert told["marks"] == [{"mark_id": 0x446942580C53, "key_id": "1", "mark": "446942580c53"}]
    assert (told["manifests"], told["distance"]) == ([{"mark_id": None}], 3)


def test_what_is_no_image_is_told_and_the_others_go_on(limner: Limner, project: Path):
    folder = project / "found"
    folder.mkdir()
    (folder / "a.png").write_text("no image")
    scene(64).save(folder / "b.png")
    result = limner("inspect", str(folder))
    assert result.returncode == 1
    assert "a.png: the file is no image" in result.stdout
    assert "b.png: nothing in it leads to this record" in result.stdout


def test_a_path_where_nothing_is_says_so(limner: Limner, project: Path):
    for path in (project / "nothing.png", project / "policies"):
        result = limner("inspect", str(path))
        assert result.returncode == 2
        assert "Traceback" not in result.stderr


def test_what_a_stranger_named_a_file_does_not_write_to_the_terminal(limner: Limner, project: Path):
    folder = project / "found"
    folder.mkdir()
    scene(64).save(folder / "a\x1b[2J.png")
    (folder / "b\x9b2J.png").write_text("no image")
    for more in ((), ("--json",)):
        result = limner("inspect", str(folder), *more)
        assert result.returncode == 1
        assert not {"\x1b", "\x9b"} & set(result.stdout)
