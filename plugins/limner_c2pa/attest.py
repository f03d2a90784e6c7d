"""The step that signs: `c2pa` puts a manifest into the encoded file, whose pixels stay as they are."""

from __future__ import annotations

import hashlib
import io
import logging
from collections.abc import Sequence
from functools import cached_property
from threading import Lock
from typing import TYPE_CHECKING, Any, ClassVar
from weakref import WeakSet

from pydantic import model_validator

import limner

if TYPE_CHECKING:
    import torch

    from limner_c2pa.credentials import Credentials

RING = "c2pa-development"
EDITS = ("edit", "vary", "blend")

logger = logging.getLogger(__name__)
_warned: WeakSet[limner.KeyRings] = WeakSet()
_warning = Lock()


class AttestOptions(limner.Options):
    """Who signs: a certificate chain in PEM, the leaf first, and either the `key` or the program that `sign_with` names.

    `key` is an environment variable with the private key in PEM, or the path of its file. `sign_with` is one with the path of a
    program that gets the bytes on its input and writes the raw signature. With none of them, development certificates are made.
    """

    certificates: limner.Asset | None = None
    key: limner.Secret | None = None
    sign_with: limner.Secret | None = None

    @model_validator(mode="after")
    def _whole(self) -> AttestOptions:
        signers = (self.key is not None) + (self.sign_with is not None)
        if signers != (self.certificates is not None):
            raise ValueError("certificates go with one of key and sign_with; leave out all three for development certificates")
        return self


def _warn_once(keys: limner.KeyRings) -> None:
    """Every worker loads the step; an installation is warned once by a process."""
    with _warning:
        warned = keys in _warned
        _warned.add(keys)
    if not warned:
        logger.warning(
            "images are signed with a development certificate, which no reader trusts: see docs/provenance.md for your own"
        )


class Attest(limner.Step):
    """Signs a manifest into the file. A subclass may give `credentials` of its own, such as a hardware module's."""

    type: ClassVar[str] = "c2pa"
    Options = AttestOptions
    max_batch: ClassVar[int] = 8

    def load(self, models: limner.Models, device: torch.device, dtype: torch.dtype) -> None:
        """Open the credentials, which may have to be made."""
        self.credentials()

    def credentials(self) -> Credentials:
        """Whose signature the manifests bear."""
        return self._own

    @cached_property
    def _own(self) -> Credentials:
        from limner_c2pa import credentials

        options: AttestOptions = self.options
        if options.certificates is None:
            _warn_once(self.keys)
            *_, bundle = self.keys.ring(RING, credentials.make_development).values()
            return credentials.of_development(bundle)
        chain = options.certificates.read_bytes().decode("utf-8", "replace")
        if options.key is not None:
            return credentials.of_key(credentials.secret_text(options.key), chain)
        assert options.sign_with is not None  # the options were checked
        return credentials.of_command(options.sign_with.reveal(), chain)

    @limner.hookimpl
    def attest(self, generations: Sequence[limner.Generation]) -> list[limner.EncodedImage]:
        """The file with its manifest."""
        return [self._attested(generation) for generation in generations]

    def _attested(self, generation: limner.Generation) -> limner.EncodedImage:
        import c2pa

        from limner_c2pa.manifest import manifest
        from limner_c2pa.reading import context

        file, provenance = generation.file, generation.provenance
        assert file is not None  # the engine gives no generation without what the stage needs
        assert provenance is not None
        credentials, signed = self.credentials(), io.BytesIO()
        algorithm = c2pa.C2paSigningAlg[credentials.algorithm.upper()]
        with (
            c2pa.Signer.from_callback(credentials.sign, algorithm, credentials.chain, None) as signer,
            c2pa.Builder(manifest(provenance, limner.__version__), context()) as builder,
        ):
            _open_input(builder, generation)
            store = builder.sign(signer, f"image/{file.format}", io.BytesIO(file.data), signed)
        return limner.EncodedImage(signed.getvalue(), file.format, hashlib.sha256(store).hexdigest())


def _open_input(builder: Any, generation: limner.Generation) -> None:  # c2pa.Builder has no types
    """Where the image was made of another, that one is the manifest's ingredient: its hash, and no pixels."""
    import c2pa

    given = generation.input("image")
    if generation.task not in EDITS or given is None:
        return
    file = io.BytesIO()
    given.pillow().save(file, "PNG", compress_level=1)
    builder.set_intent(c2pa.C2paBuilderIntent.EDIT)
    file.seek(0)
    builder.add_ingredient({"title": "the input image", "relationship": "parentOf"}, "image/png", file)
