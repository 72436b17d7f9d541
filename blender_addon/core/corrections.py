"""What a user has set by hand, kept as a file and applied to every rig with the same bone names."""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from collections.abc import Mapping as Dictionary
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .errors import AddonError
from .names import JOINT_NAMES
from .rig import Rig

_VERSION = 1


@dataclass(frozen=True)
class Correction:
    """What differs from the mapping that was found.

    bones : for a joint the name of its bone, None if it has none
    keys  : for a shape key, on whatever mesh, by how much each ARKit shape or viseme moves it; {} if nothing does
    """

    bones: Dictionary[str, str | None] = field(default_factory=dict)
    keys: Dictionary[str, Dictionary[str, float]] = field(default_factory=dict)


def fingerprint(rig: Rig) -> str:
    """The same for all rigs with these bone names, in any order."""
    names = json.dumps(sorted(bone.name for bone in rig.bones), ensure_ascii=False)
    return hashlib.sha256(names.encode()).hexdigest()[:20]


def save_correction(folder: Path, rig: Rig, correction: Correction) -> Path:
    """Keep a correction for rigs with these bones; the file that it is in.

    Raises AddonError if it names joints or bones that there are not, or if the folder can't be written.
    """
    _check(correction, rig)
    path = folder / f"{fingerprint(rig)}.json"
    text = json.dumps(
        {
            "version": _VERSION,
            "rig": rig.name,
            "bones": dict(correction.bones),
            "keys": {key: dict(parts) for key, parts in correction.keys.items()},
        },
        ensure_ascii=False,
        indent=2,
    )
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile("w", encoding="utf-8", dir=folder, suffix=".part", delete=False) as file:
            file.write(text + "\n")
        os.replace(file.name, path)
    except OSError as error:
        raise AddonError(
            f"The correction can't be written to {folder} ({error.strerror}). Choose another folder."
        ) from error
    return path


def read_correction(folder: Path, rig: Rig) -> Correction | None:
    """The correction for rigs with these bones, None if there is none.

    Raises AddonError if there is one that is damaged or doesn't fit.
    """
    path = folder / f"{fingerprint(rig)}.json"
    if not path.exists():
        return None
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        correction = _correction(data)
        _check(correction, rig)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise AddonError(
            f"{path} is not a correction of a rig ({error}). Delete it and assign the bones again."
        ) from error
    except AddonError as error:
        raise AddonError(f"{path} doesn't fit {rig.name}: {error} Delete it and assign the bones again.") from error
    return correction


def forget_correction(folder: Path, rig: Rig) -> bool:
    """Delete the correction for rigs with these bones; False if there is none. Raises AddonError if it can't be."""
    path = folder / f"{fingerprint(rig)}.json"
    try:
        path.unlink()
    except FileNotFoundError:
        return False
    except OSError as error:
        raise AddonError(f"{path} can't be deleted ({error.strerror}). Delete it by hand.") from error
    return True


def _correction(data: dict[str, Any]) -> Correction:
    if data["version"] != _VERSION:
        raise ValueError(f"its version is {data['version']}")
    bones = {str(joint): None if bone is None else str(bone) for joint, bone in data["bones"].items()}
    keys = {
        str(key): {str(name): float(weight) for name, weight in parts.items()}
        for key, parts in data.get("keys", {}).items()
    }
    return Correction(bones, keys)


def _check(correction: Correction, rig: Rig) -> None:
    names = {bone.name for bone in rig.bones}
    chosen = [bone for bone in correction.bones.values() if bone is not None]
    for joint, bone in correction.bones.items():
        if joint not in JOINT_NAMES:
            raise AddonError(f"{joint} is not a joint of a take. Choose one of its 55 joints.")
        if bone is not None and bone not in names:
            raise AddonError(f"{rig.name} has no bone {bone}. Choose one of its bones.")
        if bone is not None and chosen.count(bone) > 1:
            raise AddonError(f"{bone} is assigned to two joints. Choose another bone for one of them.")
    for key, parts in correction.keys.items():
        if not all(abs(weight) < 1e3 for weight in parts.values()):  # not for NaN either
            raise AddonError(f"The weights of {key} are not sensible numbers. Choose weights between -1 and 2.")
