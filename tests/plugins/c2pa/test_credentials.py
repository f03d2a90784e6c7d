from __future__ import annotations

import datetime
import stat
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from limner import ConfigurationError, EncodedImage, Generation
from limner.testing import SampleKeys, run_step
from limner_c2pa import read_manifest
from limner_c2pa.attest import Attest
from limner_c2pa.credentials import DEVELOPMENT, make_development, of_development, of_key

Key = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey
KEYS: dict[str, Callable[[], Key]] = {
    "es256": lambda: ec.generate_private_key(ec.SECP256R1()),
    "es384": lambda: ec.generate_private_key(ec.SECP384R1()),
    "ps256": lambda: rsa.generate_private_key(65537, 2048),
    "ed25519": ed25519.Ed25519PrivateKey.generate,
}


def pem(key: Key) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def chain(key: Key) -> bytes:
    """A certificate for the key, by an authority of its own."""
    authority = ec.generate_private_key(ec.SECP256R1())
    now = datetime.datetime.now(datetime.UTC)

    def certificate(name: str, public: object, ca: bool) -> x509.Certificate:
        usage = x509.KeyUsage(not ca, False, False, False, False, ca, ca, False, False)
        builder = (
            x509.CertificateBuilder()
            .subject_name(x509.Name([x509.NameAttribute(NameOID.ORGANIZATION_NAME, name)]))
            .issuer_name(x509.Name([x509.NameAttribute(NameOID.ORGANIZATION_NAME, "authority")]))
            .public_key(public)  # type: ignore[arg-type]
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(days=1))
            .not_valid_after(now + datetime.timedelta(days=30))
            .add_extension(x509.BasicConstraints(ca, None), critical=True)
            .add_extension(usage, critical=True)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(authority.public_key()), critical=False)
        )
        if not ca:
            builder = builder.add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.EMAIL_PROTECTION]), critical=True)
        return builder.sign(authority, hashes.SHA256())

    both = (certificate("signer", key.public_key(), False), certificate("authority", authority.public_key(), True))
    return b"".join(one.public_bytes(Encoding.PEM) for one in both)


@pytest.mark.parametrize("algorithm", KEYS)
def test_a_key_of_ones_own_signs_what_holds(
    algorithm: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, finished: Callable[..., Generation]
):
    key = KEYS[algorithm]()
    (tmp_path / "chain.pem").write_bytes(chain(key))
    monkeypatch.setenv("ACME_KEY", pem(key).decode())
    made = finished()
    options = {"certificates": "chain.pem", "key": {"env": "ACME_KEY"}}
    file: EncodedImage = run_step(Attest, options, root=tmp_path, file=made.file, provenance=made.provenance)
    reading = read_manifest(file, SampleKeys())
    assert reading is not None
    assert (reading.state, reading.problems) == ("valid", ())


def test_a_key_file_that_everyone_can_read_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, finished: Callable[..., Generation]
):
    key, file = KEYS["ed25519"](), tmp_path / "key.pem"
    (tmp_path / "chain.pem").write_bytes(chain(key))
    file.write_bytes(pem(key))
    monkeypatch.setenv("ACME_KEY", str(file))
    made = finished()
    options = {"certificates": "chain.pem", "key": {"env": "ACME_KEY"}}
    file.chmod(0o604)
    with pytest.raises(ConfigurationError, match="everyone on this machine can get at the key that ACME_KEY names") as refused:
        run_step(Attest, options, root=tmp_path, file=made.file, provenance=made.provenance)
    assert refused.value.fix == f"chmod 600 {file}"
    file.chmod(0o640)
    signed: EncodedImage = run_step(Attest, options, root=tmp_path, file=made.file, provenance=made.provenance)
    assert read_manifest(signed, SampleKeys()) is not None


def test_a_program_may_hold_the_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, finished: Callable[..., Generation]):
    key = KEYS["ed25519"]()
    (tmp_path / "chain.pem").write_bytes(chain(key))
    (tmp_path / "key.pem").write_bytes(pem(key))
    program = tmp_path / "sign"
    program.write_text(
        "#!/usr/bin/env python3\nimport sys\n"
        "from cryptography.hazmat.primitives.serialization import load_pem_private_key\n"
        f"key = load_pem_private_key(open({str(tmp_path / 'key.pem')!r}, 'rb').read(), None)\n"
        "sys.stdout.buffer.write(key.sign(sys.stdin.buffer.read()))\n"
    )
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("ACME_SIGN", str(program))
    made = finished()
    options = {"certificates": "chain.pem", "sign_with": {"env": "ACME_SIGN"}}
    file: EncodedImage = run_step(Attest, options, root=tmp_path, file=made.file, provenance=made.provenance)
    reading = read_manifest(file, SampleKeys())
    assert reading is not None
    assert reading.state == "valid"


def test_a_key_and_a_certificate_that_do_not_fit_are_refused():
    key = KEYS["ed25519"]()
    with pytest.raises(ConfigurationError, match="does not belong"):
        of_key(pem(KEYS["ed25519"]()), chain(key).decode())
    with pytest.raises(ConfigurationError, match="no private key"):
        of_key(b"nonsense", chain(key).decode())
    with pytest.raises(ConfigurationError, match="not in PEM form"):
        of_key(pem(key), "nonsense")


def test_development_certificates_say_what_they_are():
    leaf, root = x509.load_pem_x509_certificates(of_development(make_development()).chain.encode())
    assert DEVELOPMENT in leaf.subject.rfc4514_string()
    assert leaf.issuer == root.subject
    leaf.verify_directly_issued_by(root)


def test_each_installation_has_its_own():
    assert make_development() != make_development()
