"""The images that come with a request: read from strangers' files, and checked to be what the request's task needs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from limner.canonical import sha256_hex
from limner.errors import UsageError
from limner.generation import Input, Role, Task
from limner.images.encoding import decode, decode_mask

MOST_BYTES = 32 * 2**20  # of one input file: it is kept with the record
ROLES: Mapping[Task, tuple[Role, ...]] = {
    "generate": (),
    "vary": ("image",),
    "edit": ("image", "mask"),  # the mask where a step reads it
    "blend": ("image", "second"),
}


def read_input(role: Role, file: bytes, *, where: str = "") -> Input:
    """The input in a file's bytes. Raises UsageError, at `where`, for one that is no image we take, or too large."""
    if len(file) > MOST_BYTES:
        what = f"the file has {len(file):,} bytes"
        raise UsageError(what, where=where or role, fix=f"at most {MOST_BYTES:,} bytes are taken")
    try:
        image = decode_mask(file) if role == "mask" else decode(file)
    except UsageError as error:
        error.where = where or role
        raise
    return Input(role, image, sha256_hex(file), file)


def load_input(role: Role, path: Path) -> Input:
    """The input in a file. Raises UsageError, naming the file, where it cannot be read."""
    try:
        with path.open("rb") as opened:
            file = opened.read(MOST_BYTES + 1)
    except OSError as error:
        raise UsageError(f"the file cannot be read: {error.strerror}", where=str(path)) from error
    return read_input(role, file, where=str(path))


def check_inputs(task: Task, inputs: Sequence[Input], *, masked: bool) -> None:
    """Raises UsageError unless these are the inputs the task needs, each with its own file.

    A mask is wanted where `masked`; it has the size of the image, and some pixel of it may change.
    """
    wanted = [role for role in ROLES[task] if role != "mask" or masked]
    given = [input.role for input in inputs]
    if sorted(given) != sorted(wanted):
        fix = f"give {' and '.join(wanted)}" if wanted else "leave them out"
        raise UsageError(f"the inputs are {', '.join(given) or 'none'}", where=f"task {task}", fix=fix)
    for input in inputs:
        if sha256_hex(input.file) != input.sha256:
            fix = "read it with limner.images.inputs.read_input"
            raise UsageError("the file is not the one of its hash", where=f"input {input.role}", fix=fix)
    if masked:
        _check_mask({input.role: input for input in inputs})


def _check_mask(inputs: Mapping[str, Input]) -> None:
    mask, image = inputs["mask"].image, inputs["image"].image
    if mask.size != image.size:
        what = f"the mask has {mask.size[0]} x {mask.size[1]} pixels, the image {image.size[0]} x {image.size[1]}"
        raise UsageError(what, where="input mask", fix="give a mask of the image's own size")
    if mask.pillow().getbbox() is None:
        fix = "make white, or transparent, what may change"
        raise UsageError("the mask lets no pixel change", where="input mask", fix=fix)
