"""Content credentials: a signed C2PA manifest in the file, saying that a model made the image, when, and under which ids."""

from __future__ import annotations

import limner


@limner.hookimpl
def register_steps() -> list[type[limner.Step]]:
    """The steps of this plugin."""
    from limner_c2pa.attest import Attest

    return [Attest]


@limner.hookimpl
def read_manifest(file: limner.EncodedImage, keys: limner.KeyRings) -> limner.ManifestReading | None:
    """The manifest in a file from anywhere. What it refers to elsewhere is never fetched."""
    from limner_c2pa.reading import read

    return read(file, keys)
