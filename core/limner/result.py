"""What a request comes to, and what its caller may follow meanwhile."""

from __future__ import annotations

from dataclasses import dataclass

from limner.generation import Decision, EncodedImage, Outcome


@dataclass(frozen=True, slots=True)
class ImageResult:
    """One image's outcome. `file` is there only if it was released; `pixels_sha256` is that of the pixels before marking.

    `mark_id` is the mark that was read back from the file, None where it carries none. `misconfigured` says that what a step
    lacked stands in a file or in the environment, a model say, and not in the request.
    """

    index: int
    seed: int
    outcome: Outcome
    decisions: tuple[Decision, ...] = ()
    file: EncodedImage | None = None
    pixels_sha256: str = ""
    mark_id: int | None = None
    error: str = ""
    misconfigured: bool = False


@dataclass(frozen=True, slots=True)
class Preview:
    """How far image `index` is: a file that has been through gate, mark and record like any that leaves. `number` is from 1."""

    index: int
    number: int
    file: EncodedImage


@dataclass(frozen=True, slots=True)
class Result:
    """A request's answer: one ImageResult for each image, in order."""

    request_id: str
    pipeline: str
    images: tuple[ImageResult, ...]


class Watcher:
    """What a caller may follow while its request runs. A subclass overrides what it wants; it must be quick, and not raise.

    `previews` is how many it wants of each image; there are fewer where a gate stops one, and none without `previews: gated`.
    """

    previews: int = 0

    def progressed(self, index: int, step: str, i: int, n: int) -> None:
        """Image `index` has done i of n parts of a step. Called on engine threads."""

    def previewed(self, preview: Preview) -> None:
        """A preview is released; its record is durable. Called on the request's thread."""

    def ended(self, image: ImageResult) -> None:
        """An image has its outcome, and the outcome is durable. Called on the request's thread."""
