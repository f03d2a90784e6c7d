"""A house that makes pictures large enough to be marked, signs them, and one picture made there."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar
from zlib import crc32

import pytest
from house import POLICY, house, plugin
from pictures import clouds

import limner
import limner_c2pa
import limner_watermark
from limner.app import App
from limner.images.encoding import decode

SIDE = 256
PIPELINES = """\
limner: 1
pipelines:
  painted:
    task: generate
    policy: house
    steps: [{use: toy.words}, {use: toy.draw}, {use: toy.paint}, {use: toy.look}, {use: watermark.invisible}, {use: c2pa}]
"""


class Paint(limner.Step):
    """Clouds of the image's own seed."""

    type: ClassVar[str] = "toy.paint"

    @limner.hookimpl
    def transform_image(self, generations: Sequence[limner.Generation]) -> list[Any]:
        return [limner.Image(clouds(generation.seed, SIDE)) for generation in generations]


@dataclass(frozen=True)
class Made:
    """A released picture: its request, the file as it was delivered, and what it shows."""

    request_id: str
    data: bytes
    image: limner.Image
    mark_id: int
    manifest_sha256: str


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[App]:
    folder = tmp_path_factory.mktemp("house")
    plugins = [plugin(Paint), limner_watermark, limner_c2pa]
    with house(folder, pipelines=PIPELINES, policies={"house": POLICY}, plugins=plugins) as opened:
        yield opened


@pytest.fixture(scope="module")
def folder(app: App) -> Path:
    return app.project.root


def make(app: App, seed: int) -> Made:
    asked = app.request("a bright field", seed=seed)
    [made] = app.run(asked).images
    assert made.file is not None, made.error
    assert made.mark_id is not None
    return Made(asked.id, made.file.data, decode(made.file.data), made.mark_id, made.file.manifest_sha256)


@pytest.fixture(scope="module")
def made(app: App) -> Made:
    return make(app, 1)


@pytest.fixture
def another(app: App, request: pytest.FixtureRequest) -> Made:
    """A picture of the test's own."""
    return make(app, 100 + crc32(request.node.name.encode()) % 1000)
