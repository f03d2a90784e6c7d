"""Who signs manifests: a private key, a certificate chain, and the way from bytes to a signature.

C2PA wants a leaf certificate for e-mail protection or document signing under a certificate of authority, and one of the
algorithms below (C2PA 2.2, sections 13.2 and 14.5). Without any, development credentials are made: they prove only that one
installation signed, and every reader says that it does not trust them.
"""

from __future__ import annotations

import datetime
import os
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa, utils
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_private_key
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

import limner

Algorithm = Literal["es256", "es384", "es512", "ps256", "ed25519"]
CURVES: dict[str, tuple[Algorithm, hashes.HashAlgorithm]] = {
    "secp256r1": ("es256", hashes.SHA256()),
    "secp384r1": ("es384", hashes.SHA384()),
    "secp521r1": ("es512", hashes.SHA512()),
}
DEVELOPMENT = "Limner development certificate - not to be trusted"
DEVELOPMENT_YEARS = 10
COMMAND_SECONDS = 10.0
EVERYONE = 0o007  # the bits of a file's mode for those who are neither its owner nor of its group


@dataclass(frozen=True, slots=True)
class Credentials:
    """A certificate chain in PEM, the leaf first; its algorithm; and what signs: bytes in, the raw signature out."""

    chain: str
    algorithm: Algorithm
    sign: Callable[[bytes], bytes]


def of_key(pem: bytes, chain: str) -> Credentials:
    """Credentials whose private key is at hand. Raises ConfigurationError where key and certificate do not fit."""
    try:
        key = load_pem_private_key(pem, password=None)
    except (ValueError, TypeError) as error:
        raise limner.ConfigurationError(
            f"the key that manifests are signed with is no private key in PEM form: {error}"
        ) from None
    leaf = _leaf(chain)
    if key.public_key() != leaf.public_key():
        raise limner.ConfigurationError("the key that manifests are signed with does not belong to the first certificate")
    if isinstance(key, ed25519.Ed25519PrivateKey):
        return Credentials(chain, "ed25519", key.sign)
    return Credentials(chain, _algorithm(leaf), lambda data: _signed(key, data))


def of_command(command: str, chain: str) -> Credentials:
    """Credentials whose key stays elsewhere: a program gets the bytes on its input and puts the raw signature out."""

    def sign(data: bytes) -> bytes:
        done = subprocess.run([command], input=data, capture_output=True, timeout=COMMAND_SECONDS, check=True)
        return done.stdout

    return Credentials(chain, _algorithm(_leaf(chain)), sign)


def of_development(bundle: bytes) -> Credentials:
    """Credentials from what `make_development` gave."""
    return of_key(bundle, bundle[bundle.index(b"-----BEGIN CERTIFICATE") :].decode())


def make_development() -> bytes:
    """New development credentials in PEM: the private key, its certificate, and the authority's, whose key is thrown away."""
    authority, signer = ed25519.Ed25519PrivateKey.generate(), ed25519.Ed25519PrivateKey.generate()
    issuer, subject = _name("authority"), _name("signer")
    root = _certificate(issuer, issuer, authority.public_key(), authority, leaf=False)
    leaf = _certificate(subject, issuer, signer.public_key(), authority, leaf=True)
    key = signer.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return key + leaf.public_bytes(Encoding.PEM) + root.public_bytes(Encoding.PEM)


def secret_text(secret: limner.Secret) -> bytes:
    """A secret that holds PEM text, or the path of a file with it.

    Raises ConfigurationError where that cannot be read, or everyone on the machine can read it.
    """
    value, where = secret.reveal(), f"environment variable {secret.name}"
    if value.lstrip().startswith("-----BEGIN"):
        return value.encode()
    try:
        with Path(value).expanduser().open("rb") as file:
            if os.fstat(file.fileno()).st_mode & EVERYONE:
                what = f"everyone on this machine can get at the key that {secret.name} names"
                raise limner.ConfigurationError(what, where=where, fix=f"chmod 600 {value}")
            return file.read()
    except OSError as error:
        raise limner.ConfigurationError(
            f"the file that {secret.name} names cannot be read: {error.strerror}", where=where
        ) from None


def _leaf(chain: str) -> x509.Certificate:
    try:
        return x509.load_pem_x509_certificates(chain.encode())[0]
    except (ValueError, IndexError):
        raise limner.ConfigurationError("the certificates that manifests are signed with are not in PEM form") from None


def _algorithm(leaf: x509.Certificate) -> Algorithm:
    key = leaf.public_key()
    if isinstance(key, ed25519.Ed25519PublicKey):
        return "ed25519"
    if isinstance(key, rsa.RSAPublicKey):
        return "ps256"
    if isinstance(key, ec.EllipticCurvePublicKey) and key.curve.name in CURVES:
        return CURVES[key.curve.name][0]
    raise limner.ConfigurationError("C2PA signs with Ed25519, RSA, or the curves P-256, P-384 and P-521; this is another kind")


def _signed(key: object, data: bytes) -> bytes:
    if isinstance(key, ec.EllipticCurvePrivateKey):
        size = (key.curve.key_size + 7) // 8
        r, s = utils.decode_dss_signature(key.sign(data, ec.ECDSA(CURVES[key.curve.name][1])))
        return r.to_bytes(size, "big") + s.to_bytes(size, "big")
    assert isinstance(key, rsa.RSAPrivateKey)  # `_algorithm` let no other kind pass
    pss = padding.PSS(mgf=padding.MGF1(hashes.SHA256()), salt_length=hashes.SHA256.digest_size)
    return key.sign(data, pss, hashes.SHA256())


def _name(role: str) -> x509.Name:
    return x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, DEVELOPMENT),
            x509.NameAttribute(NameOID.COMMON_NAME, f"{DEVELOPMENT}: {role}"),
        ]
    )


def _certificate(
    subject: x509.Name,
    issuer: x509.Name,
    key: ed25519.Ed25519PublicKey,
    signer: ed25519.Ed25519PrivateKey,
    *,
    leaf: bool,
) -> x509.Certificate:
    now = datetime.datetime.now(datetime.UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=365 * DEVELOPMENT_YEARS))
        .add_extension(x509.BasicConstraints(ca=not leaf, path_length=None), critical=True)
        .add_extension(_usage(leaf), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), critical=False)
    )
    if leaf:
        builder = builder.add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.EMAIL_PROTECTION]), critical=True)
    return builder.sign(signer, None)


def _usage(leaf: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=leaf,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=not leaf,
        crl_sign=not leaf,
        encipher_only=False,
        decipher_only=False,
    )
