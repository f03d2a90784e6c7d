"""The same desk over PostgreSQL."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from house import house

from limner.deny import add
from limner.review import find, matching, recall, waiting


def test_the_desk_the_deny_list_and_recall_on_postgresql(tmp_path: Path, postgresql: Any) -> None:
    postgresql.empty_the_migrated_one()
    with house(tmp_path, database_url=postgresql.migrated) as app:
        desk = app.desk
        for prompt in ("an odd field", "dim field"):
            app.run(app.request(prompt, seed=7))
        held_input, held_image = waiting(app.database)
        resumed = desk.release(held_input, actor="local:rev", reason="fine").resumed
        assert resumed is not None
        assert app.run(resumed).images[0].outcome == "released"
        assert desk.release(held_image, actor="local:rev", reason="fine").file is not None
        assert find(app.database, held_image.id)[0].state == "released"
        found = matching(app.database, ["cohort=local", "since=1h"])
        assert len(found) == 2
        recall(app.writer, found, actor="local:op", reason="all of it")
        assert matching(app.database, ["cohort=local"]) == ()
        add(app.writer, "subject", app.keys.lookup(held_input.subject), actor="local:op", reason="why")
