"""Content credentials: in every kind of file, broken by any change, signed by an identity that is safe."""

import json
import os
import random
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import cv2
import numpy as np
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from marked_pictures import PROVENANCE, TAKE, decode, textured

from vlogger_backend import __version__
from vlogger_backend.errors import InputError
from vlogger_backend.provenance import identity
from vlogger_backend.provenance.credentials import read_credentials, sidecar_of, sign
from vlogger_backend.provenance.identity import signing_identity
from vlogger_backend.renderers.video import write_video

KINDS = (".mp4", ".png", ".jpg", ".webp", ".exr")


@pytest.fixture(autouse=True)
def _own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VLOGGER_DATA", str(tmp_path / "data"))


def made(folder: Path, suffix: str) -> Path:
    """A file with a picture in it; .exr stands for all that can't hold credentials."""
    path = folder / f"a{suffix}"
    picture = textured(96, 128)
    if suffix == ".mp4":
        write_video(path, [picture] * 5, 25.0)
    elif suffix == ".exr":
        path.write_bytes(b"\x76\x2f\x31\x01" + picture.tobytes())
    else:
        cv2.imwrite(str(path), picture)
    return path


@pytest.mark.parametrize("suffix", KINDS)
def test_a_signed_file_says_how_it_came_to_be(tmp_path, suffix):
    path = made(tmp_path, suffix)
    assert read_credentials(path) is None
    where = sign(path, PROVENANCE)
    assert where == (sidecar_of(path) if suffix == ".exr" else path)
    found = read_credentials(path)
    assert found is not None
    assert (found.whole, found.known, found.faults) == (True, True, ())
    assert found.generator == f"vlogger {__version__}"
    assert found.source == "compositeWithTrainedAlgorithmicMedia"
    assert found.statement == {
        "take": TAKE,
        "seed": 7,
        "renderer": "builtin",
        "portrait": "cd" * 32,
        "consent": "She agreed.",
        "marked": True,
    }


@pytest.mark.parametrize("suffix", KINDS)
def test_any_changed_byte_breaks_them(tmp_path, suffix):
    path = made(tmp_path, suffix)
    plain = len(path.read_bytes())
    sign(path, PROVENANCE)
    signed = path.read_bytes()
    start = signed.find(b"jumb") - 64 if suffix != ".exr" else len(signed)
    held = range(start, start + len(signed) - plain + 128)  # the credentials themselves, padding included
    chance = random.Random(0)
    for _ in range(40):
        changed = bytearray(signed)
        place = chance.randrange(len(changed))
        changed[place] ^= 1 << chance.randrange(8)
        path.write_bytes(changed)
        found = read_credentials(path)
        if found and found.whole:  # padding of theirs may change, what they say may not
            assert place in held or (suffix == ".mp4" and place < 32), (
                place
            )  # an mp4's ftyp is not part of what is signed
            assert found.statement["take"] == TAKE


@pytest.mark.parametrize("suffix", KINDS)
def test_hostile_files_are_read_without_harm(tmp_path, suffix):
    path = made(tmp_path, suffix)
    sign(path, PROVENANCE)
    said = read_credentials(path)
    where = sidecar_of(path) if suffix == ".exr" else path
    signed = where.read_bytes()
    at = max(signed.find(b"jumb"), 0)
    chance = random.Random(1)
    for _ in range(60):
        changed = bytearray(signed)
        for _ in range(chance.randrange(1, 6)):
            place = min(max(at - 8 + chance.randrange(4000), 0), len(changed) - 1)
            changed[place] = chance.choice((0, 1, 0x7F, 0x80, 0xFF, chance.randrange(256)))
        if chance.random() < 0.3:
            del changed[chance.randrange(len(changed)) :]
        where.write_bytes(changed)
        found = read_credentials(path)
        assert found is None or not found.whole or found == said


def test_pixels_and_sound_are_as_they_were(tmp_path):
    path = made(tmp_path, ".mp4")
    before = decode(path)
    sign(path, PROVENANCE, tmp_path / "signed.mp4")
    np.testing.assert_array_equal(before, decode(tmp_path / "signed.mp4"))
    assert read_credentials(path) is None
    picture = made(tmp_path, ".png")
    sign(picture, PROVENANCE, tmp_path / "signed.png")
    np.testing.assert_array_equal(cv2.imread(str(picture)), cv2.imread(str(tmp_path / "signed.png")))


def test_a_picture_without_a_mark_says_so(tmp_path):
    path = made(tmp_path, ".png")
    sign(path, replace(PROVENANCE, marked=False))
    assert read_credentials(path).statement["marked"] is False  # type: ignore[union-attr]
    assert b"watermarked" not in path.read_bytes()
    sign(path, PROVENANCE)
    assert b"c2pa.watermarked" in path.read_bytes()


def test_a_file_that_is_none_is_refused_and_left_alone(tmp_path):
    path = tmp_path / "a.png"
    path.write_text("no picture")
    with pytest.raises(InputError, match=r"a\.png"):
        sign(path, PROVENANCE)
    with pytest.raises(InputError, match=r"b\.png"):
        sign(tmp_path / "b.png", PROVENANCE)
    assert path.read_text() == "no picture"
    assert [p.name for p in tmp_path.glob("*.png")] == ["a.png"]


def test_the_certificate_is_as_c2pa_wants_it_and_the_root_key_is_gone(tmp_path):
    kept = signing_identity()
    leaf, root = x509.load_pem_x509_certificates(kept.chain)
    leaf.verify_directly_issued_by(root)
    usage = leaf.extensions.get_extension_for_class(x509.KeyUsage)
    assert usage.critical
    assert usage.value.digital_signature
    assert not usage.value.key_cert_sign
    assert not leaf.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    assert root.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    assert leaf.extensions.get_extension_for_class(x509.ExtendedKeyUsage)
    assert leaf.not_valid_after_utc > datetime.now(UTC) + timedelta(days=365 * 20)
    folder = tmp_path / "data" / "credentials"
    assert sum(p.read_text().count("PRIVATE KEY-----\n") for p in folder.iterdir()) == 2, "one key: begin and end"
    if os.name != "nt":
        assert (folder / "identity.pem").stat().st_mode & 0o777 == 0o600
        assert folder.stat().st_mode & 0o777 == 0o700


def test_an_identity_is_kept_and_replaced_only_if_it_must_be(tmp_path, monkeypatch):
    path = tmp_path / "data" / "credentials" / "identity.pem"
    first = signing_identity()
    assert signing_identity() == first
    old = made(tmp_path, ".png")
    sign(old, PROVENANCE)
    for harm in (
        lambda: path.write_text("damaged"),
        lambda: path.write_bytes(path.read_bytes()[:-100]),
        lambda: path.chmod(0o644),
        lambda: monkeypatch.setattr(identity, "_LEAST_YEARS", 31),
    ):
        if os.name == "nt" and harm.__code__.co_names[:1] == ("chmod",):
            continue
        before = signing_identity()
        harm()
        after = signing_identity()
        assert after != before
    assert read_credentials(old).known, "what an earlier identity signed is still known"  # type: ignore[union-attr]


def test_two_processes_that_begin_at_once_have_one_identity(tmp_path):
    code = (
        "import sys; from vlogger_backend.provenance.identity import signing_identity as s; import cryptography.x509; "
        "sys.stdin.readline(); print(hash(s().chain))"
    )
    env = {**os.environ, "PYTHONHASHSEED": "0", "VLOGGER_DATA": str(tmp_path / "both")}
    started = [
        subprocess.Popen(
            [sys.executable, "-c", code], env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        for _ in range(3)
    ]
    for process in started:
        assert process.stdin
        process.stdin.write("\n")
        process.stdin.flush()
    assert len({process.communicate(timeout=60)[0] for process in started}) == 1
    assert len(list((tmp_path / "both" / "credentials").glob("*"))) == 2


def test_without_a_place_for_the_key_files_are_signed_all_the_same(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("VLOGGER_DATA", str(tmp_path / "file"))
    path = made(tmp_path, ".png")
    sign(path, PROVENANCE)
    found = read_credentials(path)
    assert found is not None
    assert (found.whole, found.known) == (True, False)


def chain_of(key, folder: Path, name: str) -> tuple[Path, Path]:
    """A chain by an authority for a key of the user's, as files."""
    authority = ec.generate_private_key(ec.SECP256R1())
    now = datetime.now(UTC)

    def certificate(subject: str, public, ca: bool):
        usage = x509.KeyUsage(not ca, False, False, False, False, ca, ca, False, False)
        builder = (
            x509.CertificateBuilder()
            .subject_name(x509.Name([x509.NameAttribute(NameOID.ORGANIZATION_NAME, subject)]))
            .issuer_name(x509.Name([x509.NameAttribute(NameOID.ORGANIZATION_NAME, "authority")]))
            .public_key(public).serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(days=1)).not_valid_after(now + timedelta(days=9))
            .add_extension(x509.BasicConstraints(ca, None), True).add_extension(usage, True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(authority.public_key()), False)
        )  # fmt: skip
        if not ca:
            builder = builder.add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.EMAIL_PROTECTION]), False)
        return builder.sign(authority, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)

    (folder / f"{name}.pem").write_bytes(
        certificate("Studio", key.public_key(), False) + certificate("authority", authority.public_key(), True)
    )
    (folder / f"{name}.key").write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return folder / f"{name}.pem", folder / f"{name}.key"


def test_the_users_own_certificate_signs_instead(tmp_path, monkeypatch):
    keys = {
        "p256": ec.generate_private_key(ec.SECP256R1()),
        "p384": ec.generate_private_key(ec.SECP384R1()),
        "ed": ed25519.Ed25519PrivateKey.generate(),
        "rsa": rsa.generate_private_key(65537, 2048),
    }
    for name, key in keys.items():
        chain, secret = chain_of(key, tmp_path, name)
        monkeypatch.setenv(identity.CERTIFICATE, str(chain))
        monkeypatch.setenv(identity.KEY, str(secret))
        path = made(tmp_path, ".png")
        sign(path, PROVENANCE)
        found = read_credentials(path)
        assert found is not None
        assert (found.whole, found.known, found.signer) == (True, True, "Studio"), name
    monkeypatch.setenv(identity.KEY, str(tmp_path / "p256.key"))
    with pytest.raises(InputError, match="another certificate's"):
        sign(path, PROVENANCE)
    monkeypatch.delenv(identity.KEY)
    with pytest.raises(InputError, match="both"):
        sign(path, PROVENANCE)
    monkeypatch.delenv(identity.CERTIFICATE)
    assert not read_credentials(path).known  # type: ignore[union-attr]


def test_it_is_readable_by_any_tool_of_c2pa(tmp_path):
    import c2pa

    path = made(tmp_path, ".jpg")
    sign(path, PROVENANCE)
    with open(path, "rb") as file, c2pa.Reader("image/jpeg", file) as reader:
        store = json.loads(reader.json())
    assert store["validation_state"] == "Valid"
    assert {status["code"] for status in store["validation_status"]} == {"signingCredential.untrusted"}
