from __future__ import annotations

import json
from pathlib import Path

from limner.keyrings import KeyFolder


def test_a_key_is_added_on_the_record_and_the_old_one_stays(limner, project: Path):
    keys = KeyFolder(project / ".limner" / "keys")
    first = keys.ring("marks")["1"]
    added = limner("keys", "add-mark-key", "--reason", "the yearly one")
    assert (added.returncode, added.stdout) == (0, "key 2\n")
    assert list(keys.ring("marks")) == ["1", "2"]
    assert keys.ring("marks")["1"] == first
    assert json.loads(limner("audit", "verify", "--json").stdout)["ok"]
