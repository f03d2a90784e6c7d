"""A store of images, and what it keeps."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import PIL.Image
import pytest

from limner.audit.events import Pinned, image_outcome, request_accepted
from limner.audit.writer import AuditWriter
from limner.generation import Caller, EncodedImage, Image, Request
from limner.images.encoding import encode
from limner.images.store import ImageStore, StoredImage
from limner.keys import Keys

Keep = Callable[..., StoredImage]


@pytest.fixture
def file() -> EncodedImage:
    return encode(Image(PIL.Image.new("RGB", (16, 16), "red")), "png")


@pytest.fixture
def store(tmp_path: Path, keys: Keys) -> ImageStore:
    return ImageStore(tmp_path / "images", keys)


@pytest.fixture
def accept(writer: AuditWriter) -> Callable[[str], None]:
    def record(id: str) -> None:
        request = Request(id, "generate", "text-to-image", "a red circle", Caller("local:ada", "local"))
        writer.append([request_accepted(request, Pinned("", "standard", "", {}, "", {}, "lease"))]).result(30)

    return record


@pytest.fixture
def keep(store: ImageStore, writer: AuditWriter, file: EncodedImage) -> Keep:
    """Writes a file and records its outcome."""

    def record(request_id: str, *, held: bool = False) -> StoredImage:
        stored = store.write(
            file.data, "local:ada", request_id=request_id, index=0, pixels_sha256="5" * 64, state="held" if held else "released"
        )
        outcome = image_outcome(request_id, 0, "held" if held else "released", file=file, image_id=stored.id)
        writer.append([outcome], stored.changes).result(30)
        return stored

    return record
