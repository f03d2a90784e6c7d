"""`limner deny`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import PIL.Image


def test_terms_images_and_subjects_come_and_go(limner: Any, project: Path) -> None:
    PIL.Image.radial_gradient("L").save(project / "logo.png")
    assert limner("deny", "add", "--term", "kite", "--reason", "a campaign", "--expires", "30d").returncode == 0
    assert "image " in limner("deny", "add", "--image", "logo.png", "--reason", "a logo").stdout
    limner("deny", "add", "--subject", "local:eve", "--reason", "abuse")
    entries = json.loads(limner("deny", "list", "--json").stdout)
    assert [entry["kind"] for entry in entries] == ["term", "image", "subject"]
    assert entries[0]["expires"] > entries[0]["created"]
    assert "eve" not in limner("deny", "list").stdout
    assert limner("generate", "a kite").returncode == 3
    assert limner("deny", "remove", entries[0]["id"][:8], "--reason", "over").returncode == 0
    assert limner("generate", "a bright kite").returncode == 0


def test_a_wrong_call_says_what_is_wanted(limner: Any) -> None:
    assert "exactly one of" in limner("deny", "add", "--reason", "x").stderr
    assert "write 90m" in limner("deny", "add", "--term", "x", "--reason", "x", "--expires", "soon").stderr
