"""Who signs: a private key and its certificates, made once on this computer, or the user's own.

C2PA asks of a signing certificate (specification 2, "X.509 certificates"): version 3, not self-signed, basic
constraints without CA, key usage digitalSignature alone, an extended key usage of a short list, subject and authority
key identifiers. So there are two certificates: a root that signs one other, whose key is then thrown away, and the
one that it signed, whose key is kept in `identity.pem` and can be read by its user alone. Nobody else trusts that
root: what it proves is that a file is as this computer left it, to this computer.
"""

from __future__ import annotations

import datetime
import os
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import InputError
from ..files import write_secret
from ..folders import data_folder

if TYPE_CHECKING:
    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric import ec

CERTIFICATE, KEY = "VLOGGER_CERTIFICATE", "VLOGGER_CERTIFICATE_KEY"
"""Environment variables with the paths of the user's own chain (the signing certificate first) and its key, PEM."""
_YEARS = 30
"""How long a certificate is good. There is no time-stamp to tell that a signature was made in time, so a file's
credentials are good no longer."""
_LEAST_YEARS = 20
"""How long one must be good for more, to be signed with."""
_NAME = "vlogger on this computer"


@dataclass(frozen=True, repr=False)
class Identity:
    """`algorithm` as C2PA names it; `chain` and `key` as PEM, the signing certificate first."""

    algorithm: str
    chain: bytes
    key: bytes


def signing_identity() -> Identity:
    """The user's own identity if the environment names one, else this computer's, which is made if there is none.

    One that is damaged, runs out, or could have been read by others is replaced. Where nothing can be stored, one is
    made for this process alone.

    Raises InputError if the user's own can't be used.
    """
    if os.environ.get(CERTIFICATE) or os.environ.get(KEY):
        return _own_identity(os.environ.get(CERTIFICATE, ""), os.environ.get(KEY, ""))
    folder = identity_folder()
    path = folder / "identity.pem"
    if identity := _kept(path):
        return identity
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        return _made(path)
    except OSError:
        return _passing_identity()


def known_roots() -> bytes:
    """The root certificates (PEM) of all identities that this computer has had, and of the user's own."""
    roots = b""
    for path in sorted(identity_folder().glob("root-*.pem")):
        with suppress(OSError):
            roots += path.read_bytes()
    if os.environ.get(CERTIFICATE):
        with suppress(InputError):
            own = _own_identity(os.environ[CERTIFICATE], os.environ.get(KEY, ""))
            roots += b"-----BEGIN" + own.chain.rpartition(b"-----BEGIN")[2]
    return roots


def identity_folder() -> Path:
    """Where identities are kept."""
    return data_folder() / "credentials"


def _kept(path: Path) -> Identity | None:
    """The identity at `path`, unless it is damaged, runs out, or others could have read it."""
    from cryptography import x509
    from cryptography.hazmat.primitives import serialization

    try:
        if os.name != "nt" and path.stat().st_mode & 0o077:
            return None
        pem = path.read_bytes()
        key, chain = _parted(pem)
        certificate, root = x509.load_pem_x509_certificates(chain)
        certificate.verify_directly_issued_by(root)
        private = serialization.load_pem_private_key(key, None)
        if private.public_key() != certificate.public_key() or certificate.not_valid_after_utc < _years(_LEAST_YEARS):
            return None
    except Exception:  # whatever is wrong with it, another one is made
        return None
    return Identity("es256", chain, key)


def _made(path: Path) -> Identity:
    """A new identity, kept at `path`. Of two processes that make one at once, both use the first's."""
    identity = _new_identity()
    _, root = identity.chain.split(b"-----END CERTIFICATE-----\n", 1)
    name = f"root-{_fingerprint(root)}.pem"
    (path.parent / name).write_bytes(root)
    fresh = path.with_name(f"{name}.key")
    write_secret(fresh, (identity.key + identity.chain).decode())
    try:
        os.link(fresh, path)
    except OSError:  # there is one, or the disk knows no links
        if kept := _kept(path):
            (path.parent / name).unlink(missing_ok=True)
            return kept
        os.replace(fresh, path)
    finally:
        fresh.unlink(missing_ok=True)
    return identity


@cache
def _passing_identity() -> Identity:
    return _new_identity()


def _new_identity() -> Identity:
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    root_key, key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    root = _certificate(f"{_NAME}: root", root_key, None)
    certificate = _certificate(_NAME, key, (root, root_key))
    pem = serialization.Encoding.PEM
    return Identity(
        "es256",
        certificate.public_bytes(pem) + root.public_bytes(pem),
        key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()),
    )


def _certificate(
    name: str,
    key: ec.EllipticCurvePrivateKey,
    issuer: tuple[x509.Certificate, ec.EllipticCurvePrivateKey] | None,
) -> x509.Certificate:
    """A certificate by `issuer`; a root if there is none."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes
    from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

    subject = x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, _NAME),
            x509.NameAttribute(NameOID.COMMON_NAME, name),
        ]
    )
    root = issuer is None
    issued_by, signed_with = (subject, key) if issuer is None else (issuer[0].subject, issuer[1])
    usage = x509.KeyUsage(
        digital_signature=not root, content_commitment=False, key_encipherment=False, data_encipherment=False,
        key_agreement=False, key_cert_sign=root, crl_sign=root, encipher_only=False, decipher_only=False,
    )  # fmt: skip
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issued_by)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(_years(0) - datetime.timedelta(days=1))  # clocks differ
        .not_valid_after(_years(_YEARS))
        .add_extension(x509.BasicConstraints(ca=root, path_length=0 if root else None), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signed_with.public_key()), critical=False)
    )
    if not root:
        purposes = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.EMAIL_PROTECTION])  # what C2PA's own list begins with
        builder = builder.add_extension(purposes, critical=False)
    return builder.sign(signed_with, hashes.SHA256())


def _own_identity(chain: str, key: str) -> Identity:
    from cryptography import x509
    from cryptography.hazmat.primitives import serialization

    if not chain or not key:
        raise InputError(f"Set both {CERTIFICATE} and {KEY}, or neither: one is the chain, the other its key, as PEM.")
    try:
        pem, secret = Path(chain).read_bytes(), Path(key).read_bytes()
        certificate = x509.load_pem_x509_certificates(pem)[0]
        private = serialization.load_pem_private_key(secret, None)
        if private.public_key() != certificate.public_key():
            raise ValueError("the key is another certificate's")
        algorithm = _algorithm_of(private)
    except (OSError, ValueError, TypeError, IndexError) as error:
        raise InputError(
            f"The certificate {chain} with the key {key} can't be used ({error}); give a PEM chain, the signing "
            f"certificate first, and its key without a password."
        ) from error
    return Identity(algorithm, pem, secret)


def _algorithm_of(key: object) -> str:
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

    if isinstance(key, ec.EllipticCurvePrivateKey) and key.curve.name in ("secp256r1", "secp384r1", "secp521r1"):
        return {"secp256r1": "es256", "secp384r1": "es384", "secp521r1": "es512"}[key.curve.name]
    if isinstance(key, ed25519.Ed25519PrivateKey):
        return "ed25519"
    if isinstance(key, rsa.RSAPrivateKey):
        return "ps256"
    raise ValueError("C2PA knows no such kind of key")


def _parted(pem: bytes) -> tuple[bytes, bytes]:
    """A key, and the certificates behind it."""
    key, begin, chain = pem.partition(b"-----BEGIN CERTIFICATE-----")
    return key, begin + chain


def _fingerprint(certificate: bytes) -> str:
    import hashlib

    return hashlib.sha256(certificate).hexdigest()[:16]


def _years(count: int) -> datetime.datetime:
    return datetime.datetime.now(datetime.UTC) + datetime.timedelta(days=365 * count)
