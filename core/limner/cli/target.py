"""Where a command writes its images."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from limner.errors import LimnerError, UsageError

if TYPE_CHECKING:
    from limner.result import ImageResult, Result

FORMATS: dict[str, Literal["png", "jpeg", "webp"]] = {".png": "png", ".jpg": "jpeg", ".jpeg": "jpeg", ".webp": "webp"}


class Target:
    """Where the images go: one file, numbered files beside it where there are several, or a folder."""

    def __init__(self, folder: Path, stem: str, suffix: str) -> None:
        self.folder, self.stem, self.suffix = folder, stem, suffix

    @classmethod
    def parse(cls, output: Path | None) -> Target:
        """From `-o`. Raises UsageError for a suffix that is no image format of ours."""
        if output is None or output.is_dir() or not output.suffix:
            return cls(output or Path(), "", ".png")
        if output.suffix.lower() not in FORMATS:
            raise UsageError(f"{output} is no image file", where="-o", fix=f"end it in {', '.join(FORMATS)}, or name a folder")
        return cls(output.parent, output.stem, output.suffix)

    @property
    def format(self) -> Literal["png", "jpeg", "webp"]:
        """The image format the suffix names."""
        return FORMATS[self.suffix.lower()]

    def numbered(self, number: int, of: str) -> Target:
        """The file of one of several requests; `of` is their common name where none was given."""
        return Target(self.folder, f"{self.stem or of}-{number}", self.suffix)

    def check(self) -> None:
        """Raises UsageError where nothing can be written: better before the images are made than after."""
        folder = self.folder.absolute()
        standing = next(path for path in (folder, *folder.parents) if path.exists())
        if not standing.is_dir() or not os.access(standing, os.W_OK | os.X_OK):
            raise UsageError(f"nothing can be written into {standing}", where="-o", fix="name another file or folder with -o")

    def save(self, result: Result, image: ImageResult) -> Path:
        """Write a released image's bytes, whole or not at all; returns the path. Raises LimnerError if the disk refuses."""
        from limner.files import save_atomically

        assert image.file is not None
        stem = self.stem or f"limner-{result.request_id[:8]}"
        name = f"{stem}-{image.index}" if len(result.images) > 1 or not self.stem else stem
        path = self.folder / f"{name}{self.suffix}"
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            save_atomically(path, image.file.data)
        except OSError as error:
            fix = f"it was made and is kept: image {image.index} of request {result.request_id}"
            raise LimnerError(f"the image cannot be written: {error.strerror}", where=str(path), fix=fix) from error
        return path
