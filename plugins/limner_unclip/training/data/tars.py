"""Tars in the form that webdataset has: members of one name up to its first dot are a sample, a picture beside its caption.

The caption is a `.txt`, or a `.json` with a `text` that is a caption or a list of captions. Tars are read where they lie, and
never unpacked.
"""

from __future__ import annotations

import json
import os
import tarfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from glob import glob

import numpy as np
from numpy.typing import NDArray

from limner import ConfigurationError, Problem
from limner_unclip.training.data.captions import captions_of
from limner_unclip.training.data.indexed import Entry, Indexed, raise_problems
from limner_unclip.training.data.picture import SUFFIXES, complaint, read_picture

END = bytes(1024)  # two empty blocks close every tar

Sample = Mapping[str, tarfile.TarInfo]  # members by extension


def tar_source(pattern: str, *, held_out: float, convert: bool) -> Indexed:
    """The samples of all tars that match a glob. Looks at each of them once.

    Raises InvalidFile with the mistakes of all samples, ConfigurationError for a tar that is broken or where none match.
    """
    shards = sorted(glob(pattern))
    if not shards:
        raise ConfigurationError(f"no tar matches {pattern}", fix="correct data.tars, a glob such as pictures/*.tar")
    entries: list[Entry] = []
    problems: list[Problem] = []
    for shard in shards:
        with _opened(shard) as tar:
            for key, sample in _samples(tar).items():
                try:
                    entries.append(Entry(f"{shard}/{key}", _captions(tar, sample), shard))
                    _check_picture(tar, sample, convert=convert)
                except _Faulty as error:
                    problems.append(Problem(shard, 0, 0, key, str(error), error.fix))
    raise_problems(problems)

    def read(chosen: Sequence[Entry], side: int) -> Iterator[NDArray[np.uint8]]:
        pixels = dict(_pictures(chosen, side, convert=convert))
        return (pixels[entry.name] for entry in chosen)

    return Indexed(f"{len(shards)} tars, {pattern},", entries, read, held_out)


class _Faulty(Exception):
    """A sample that cannot be trained on."""

    def __init__(self, what: str, fix: str) -> None:
        super().__init__(what)
        self.fix = fix


@contextmanager
def _opened(shard: str) -> Iterator[tarfile.TarFile]:
    try:
        with open(shard, "rb") as file:
            file.seek(-min(len(END), file.seek(0, os.SEEK_END)), os.SEEK_END)
            if file.read() != END:
                raise tarfile.ReadError("it has no end, as if cut off")
        with tarfile.open(shard, "r:") as tar:
            yield tar
    except (tarfile.TarError, EOFError, OSError) as error:
        raise ConfigurationError(
            f"the tar is broken: {error}", where=shard, fix="fetch it again, or write it anew, uncompressed"
        ) from error


def _samples(tar: tarfile.TarFile) -> dict[str, dict[str, tarfile.TarInfo]]:
    samples: dict[str, dict[str, tarfile.TarInfo]] = {}
    for member in tar:
        folder, slash, name = member.name.rpartition("/")
        key, dot, extension = name.partition(".")
        if member.isfile() and dot:
            samples.setdefault(f"{folder}{slash}{key}", {})[f".{extension.lower()}"] = member
    return samples


def _captions(tar: tarfile.TarFile, sample: Sample) -> tuple[str, ...]:
    try:
        if ".txt" in sample:
            return captions_of(_content(tar, sample[".txt"]).decode("utf-8"))
        if ".json" in sample:
            row = json.loads(_content(tar, sample[".json"]))
            return captions_of(row.get("text") if isinstance(row, dict) else None)
    except ValueError as error:
        raise _Faulty(str(error), "correct its .txt or .json") from error
    raise _Faulty("is a picture without a caption", "add its .txt, or remove it")


def _check_picture(tar: tarfile.TarFile, sample: Sample, *, convert: bool) -> None:
    member = _picture(sample)
    if member is None:
        raise _Faulty("is a caption without a picture", "add the picture, or remove the caption")
    what, fix = complaint(_content(tar, member), convert=convert)
    if what:
        raise _Faulty(what, fix)


def _picture(sample: Sample) -> tarfile.TarInfo | None:
    return next((sample[suffix] for suffix in SUFFIXES if suffix in sample), None)


def _content(tar: tarfile.TarFile, member: tarfile.TarInfo) -> bytes:
    file = tar.extractfile(member)
    assert file is not None, "only plain files are samples"
    with file:
        return file.read()


def _pictures(entries: Sequence[Entry], side: int, *, convert: bool) -> Iterator[tuple[str, NDArray[np.uint8]]]:
    """The entries' pictures, tar by tar."""
    wanted = {entry.name for entry in entries}
    for shard in sorted({entry.home for entry in entries}):
        with _opened(shard) as tar:
            for key, sample in _samples(tar).items():
                member = _picture(sample)
                if (name := f"{shard}/{key}") in wanted and member is not None:
                    yield name, read_picture(_content(tar, member), side, convert=convert, where=name)
