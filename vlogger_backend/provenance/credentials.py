"""Content credentials (C2PA specification 2): signed statements in a file of how it came to be. Offline in both ways:
no time-stamp is asked for, and nothing that a file names is fetched."""

from __future__ import annotations

import io
import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .. import __version__
from ..errors import InputError
from ..files import writing
from .identity import known_roots, signing_identity
from .provenance import Provenance

LABEL = "vlogger.provenance"
"""Our own assertion's name."""
_SOURCES = "http://cv.iptc.org/newscodes/digitalsourcetype/"
_KINDS = {
    ".mp4": "video/mp4", ".mov": "video/quicktime", ".png": "image/png", ".jpg": "image/jpeg", ".jpeg": "image/jpeg",
    ".webp": "image/webp",
}  # fmt: skip
"""What can hold credentials itself."""
_ANY = "application/octet-stream"
_SETTINGS = {
    "verify": {"remote_manifest_fetch": False, "ocsp_fetch": False},
    "builder": {"thumbnail": {"enabled": False}},
}
_NOT_TRUSTED = {"signingCredential.untrusted"}
"""Codes that say nothing against a file, only that its signer is not known here."""


@dataclass(frozen=True)
class Credentials:
    """What a file's credentials say.

    whole     : whether file and credentials are as they were signed
    known     : whether this computer (or the user's own certificate) signed them
    generator : the program that made them
    signer    : the name in the certificate: with `known` false, anyone's who chose to call himself so
    source    : IPTC's digital source type, "" if it isn't said
    statement : our own assertion; empty if vlogger didn't make them
    faults    : C2PA's codes of what is wrong
    """

    whole: bool
    known: bool
    generator: str
    signer: str
    source: str
    statement: dict[str, Any]
    faults: tuple[str, ...] = ()


def sidecar_of(path: Path) -> Path:
    """Where the credentials of a file are that can't hold them itself."""
    return path.with_name(path.name + ".c2pa")


def sign(path: Path, provenance: Provenance, into: Path | None = None) -> Path:
    """Put credentials into a finished file (.mp4, .png, .jpg, .webp; beside it, as `NAME.c2pa`, for any other).

    With `into` the signed file is written there, and `path` stays as it was. Returns the file with the credentials.

    Raises InputError if it can't be read or written, or the user's own certificate can't be used.
    """
    import c2pa

    into = into or path
    identity = signing_identity()
    kind = _KINDS.get(into.suffix.lower(), _ANY)
    target = sidecar_of(into) if kind == _ANY else into
    try:
        with c2pa.Context.from_dict(_SETTINGS) as context, open(path, "rb") as source:
            builder = c2pa.Builder(_manifest(provenance, into.name), context)
            info = c2pa.C2paSignerInfo(identity.algorithm.encode(), identity.chain, identity.key, None)
            signer = c2pa.Signer.from_info(info)
            with writing(target) as temporary:
                if kind == _ANY:
                    builder.set_no_embed()
                    temporary.write_bytes(builder.sign(signer, kind, source, io.BytesIO()))
                else:
                    with open(temporary, "w+b") as signed:
                        builder.sign(signer, kind, source, signed)
    except c2pa.C2paError as error:
        raise InputError(f"{path} can't be given content credentials ({error}); it may be damaged.") from error
    except OSError as error:
        raise InputError(f"{path} can't be read ({error.strerror or error}), so it can't be signed.") from error
    if kind == _ANY and into != path:
        with writing(into) as temporary:
            shutil.copyfile(path, temporary)
    return target


def read_credentials(path: Path) -> Credentials | None:
    """The credentials in a file or beside it; None if there are none.

    Raises InputError if the file, or what is in the place of its credentials, can't be read.
    """
    import c2pa

    settings: dict[str, Any] = dict(_SETTINGS)
    if roots := known_roots():
        settings["trust"] = {"user_anchors": roots.decode("ascii", "replace")}
    kind, beside = _KINDS.get(path.suffix.lower(), _ANY), sidecar_of(path)
    try:
        context = c2pa.Context.from_dict(settings)
        with open(path, "rb") as file:
            if beside.is_file():
                reader = c2pa.Reader(_ANY if kind == _ANY else kind, file, beside.read_bytes(), context=context)
            elif kind == _ANY:
                return None
            else:
                found = c2pa.Reader.try_create(kind, file, context=context)
                if found is None:
                    return None
                reader = found
            with reader:
                return _credentials_of(json.loads(reader.json()))
    except OSError as error:
        raise InputError(f"{path} can't be read: {error.strerror or error}.") from error
    except (c2pa.C2paError, ValueError, KeyError, TypeError, AttributeError) as error:
        if not _may_hold_credentials(path):
            return None  # the file is damaged, but not that
        return Credentials(False, False, "", "", "", {}, (f"unreadable: {str(error)[:200]}",))


def _manifest(provenance: Provenance, title: str) -> dict[str, Any]:
    agent = {"name": "vlogger", "version": __version__}
    created = {
        "action": "c2pa.created",
        "digitalSourceType": _SOURCES + provenance.source.value,
        "softwareAgent": agent,
        "description": "Computer animation generated by vlogger; not a recording of a person.",
    }
    marked = {
        "action": "c2pa.watermarked.unbound",
        "softwareAgent": agent,
        "description": f"vlogger's invisible mark, format 1, take {provenance.take[:8]}.",
    }
    return {
        "claim_generator_info": [agent],
        "title": title,
        "assertions": [
            {
                "label": "c2pa.actions.v2",
                "data": {"actions": [created, marked] if provenance.marked else [created]},
            },
            {
                "label": LABEL,
                "data": {
                    "take": provenance.take,
                    "seed": provenance.seed,
                    "renderer": provenance.renderer,
                    "portrait": provenance.portrait,
                    "consent": provenance.consent,
                    "marked": provenance.marked,
                },
            },
        ],
    }


def _may_hold_credentials(path: Path) -> bool:
    """Whether there is anything of C2PA's in the file, or beside it."""
    if sidecar_of(path).is_file():
        return True
    with open(path, "rb") as file:
        before = b""
        while part := file.read(1 << 20):
            if b"c2pa" in before + part:
                return True
            before = part[-3:]
    return False


def _credentials_of(store: dict[str, Any]) -> Credentials:
    active = store["manifests"][store["active_manifest"]]
    faults = tuple(
        code for status in store.get("validation_status", []) if (code := str(status["code"])) not in _NOT_TRUSTED
    )
    state = store.get("validation_state")
    generator: dict[str, Any] = next(iter(active.get("claim_generator_info") or []), {})
    statement: dict[str, Any] = {}
    source = ""
    # someone may have gone on from our file: then ours is among the ingredients of his
    for manifest in (active, *store["manifests"].values()):
        for assertion in manifest.get("assertions", []):
            label, data = str(assertion.get("label")), assertion.get("data")
            if label == LABEL and isinstance(data, dict):
                statement = statement or data
            if label.startswith("c2pa.actions") and isinstance(data, dict):
                said = (str(action.get("digitalSourceType", "")) for action in data.get("actions", []))
                source = source or next((one.removeprefix(_SOURCES) for one in said if one), "")
    signature = active.get("signature_info") or {}
    return Credentials(
        whole=state in ("Valid", "Trusted") and not faults,
        known=state == "Trusted",
        generator=f"{generator.get('name', '')} {generator.get('version', '')}".strip(),
        signer=str(signature.get("common_name") or signature.get("issuer") or ""),
        source=source,
        statement=statement,
        faults=faults,
    )
