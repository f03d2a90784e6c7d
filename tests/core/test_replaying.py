"""A recorded request drawn again."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import house
import pytest
from sqlalchemy import select

from limner.app import App
from limner.audit import reading
from limner.audit.erasing import erase
from limner.audit.scope import find_scope
from limner.database.tables import images
from limner.errors import AuditError


def made(app: App, prompt: str = "a circle", **more: Any) -> str:
    request = app.request(prompt, seed=5, n=2, **more)
    app.run(request)
    return request.id


def test_the_same_pixels_are_drawn_again_and_the_same_file(tmp_path: Path):
    with house.house(tmp_path) as app:
        replay = app.replay(made(app, parameters={"shade": 0.25}))
        assert [(image.index, image.seed, image.verdict) for image in replay.images] == [
            (0, 5, "identical"),
            (1, 6, "identical"),
        ]
        assert all(image.decibels == math.inf for image in replay.images)
        assert (replay.identical, replay.changes) == (True, ())


def test_the_pipeline_is_that_of_the_record_and_not_todays(tmp_path: Path):
    with house.house(tmp_path) as app:
        id = made(app)
    with house.house(
        tmp_path,
        pipelines=house.PIPELINES.replace("{use: toy.draw, as: draw}", "{use: toy.draw, as: draw, with: {shade: 0.5}}"),
    ) as app:
        assert app.replay(id).identical
        other = made(app)
        assert other != id
        assert app.replay(other).identical


def test_a_difference_is_told_in_decibels_with_what_has_changed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    with house.house(tmp_path) as app:
        id = made(app)
    finish = house.Draw.finish

    def finish_otherwise(self: house.Draw, state: Any) -> Any:
        state.pixels = state.pixels + 0.01
        return finish(self, state)

    monkeypatch.setattr(house.Draw, "finish", finish_otherwise)
    monkeypatch.setattr("limner.app._ground", lambda: {"torch": "999", "limner": "0.0.0"})
    monkeypatch.setattr("limner.plugins.source.source_sha256", lambda module: "0123456789abcdef")
    with house.house(tmp_path) as app:
        replay = app.replay(id)
    assert [image.verdict for image in replay.images] == ["different"] * 2
    assert all(image.decibels is not None and 30 < image.decibels < 60 for image in replay.images)
    assert any(change.startswith("torch was ") and change.endswith("and is 999") for change in replay.changes)
    assert any(change.startswith("plugin toy was ") and change.endswith("(code 0123456789ab)") for change in replay.changes)
    assert not replay.identical


def test_what_has_no_pixels_on_the_record_or_no_file_is_told(tmp_path: Path):
    with house.house(tmp_path) as app:
        blocked = app.replay(made(app, "bad circle"))
        assert [image.verdict for image in blocked.images] == ["not recorded"] * 2
        id = made(app)
        with app.database.reading() as connection:
            first = str(connection.scalar(select(images.c.id).where(images.c.image == 0)))
            scope = find_scope(connection, app.keys, "image", first)
        erase(app.database, app.writer, scope, actor="x", reason="asked for", forget=app.images.forget)
        replayed = app.replay(id).images
        assert [(image.verdict, image.decibels) for image in replayed] == [("identical", None), ("identical", math.inf)]


def test_a_replay_is_recorded_and_gives_nothing_out(tmp_path: Path):
    with house.house(tmp_path) as app:
        id = made(app)
        before = len(reading.requests(app.database))
        app.replay(id)
        last = reading.request(app.database, app.keys, id).events[-1]
        assert (last.kind, [image["verdict"] for image in last.body["images"]]) == ("audit.replayed", ["identical"] * 2)
        assert len(reading.requests(app.database)) == before


def test_an_erased_request_cannot_be_replayed(tmp_path: Path):
    with house.house(tmp_path) as app:
        id = made(app)
        with app.database.reading() as connection:
            scope = find_scope(connection, app.keys, "request", id)
        erase(app.database, app.writer, scope, actor="x", reason="asked for", forget=app.images.forget)
        with pytest.raises(AuditError, match="prompt is erased"):
            app.replay(id)
