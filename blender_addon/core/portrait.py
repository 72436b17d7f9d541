"""Portraits as the add-on needs them: what their file says of the person, and from where the photo was taken.

A `.portrait` is a zip, made by the backend (docs/portraits.md). Only the text in it is read here, and it may come from
a stranger: sizes and kinds are checked before anything is believed.
"""

from __future__ import annotations

import hashlib
import json
import math
import zipfile
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .errors import AddonError

Floats = NDArray[np.float64]

SUFFIX = ".portrait"
FORMAT = 1
AFFIRMED = "The person in this photo is me, or has agreed that their picture is animated with this program."
"""What a user affirms, once for each portrait: the backend's very sentence, which is stored in the portrait."""

_ABOUT = "portrait.json"
_LONGEST = 200_000
"""Bytes of the text."""
_SIZES = (16, 4096)
"""The least and the most pixels each way."""
_SKEW = 1e-3
"""How far the camera's axes may be from square to each other, and from a length of 1."""
_NAME = 200
"""Letters of a name."""


@dataclass(frozen=True)
class PortraitFile:
    """What a portrait's file says.

    name          : of the person, for people to read
    width, height : of the photo, in pixels
    pose          : (4, 4) of the photo's camera, in SMPL-X's coordinates about the avatar
    field         : its vertical field of view, radians
    mean, worst   : how far the fit is off, in pixels of the photo, where `between_eyes` are between the pupils
    """

    name: str
    width: int
    height: int
    pose: Floats
    field: float
    mean: float
    worst: float
    between_eyes: float


def read_portrait_file(path: Path) -> PortraitFile:
    """Raises AddonError if there is no such file, or if it is another kind, damaged or of another version.

    It is read once as long as it stays the same, so panels may call this.
    """
    try:
        known = path.stat()
        return _read(path, known.st_mtime_ns, known.st_size)
    except FileNotFoundError as error:
        raise AddonError(
            f"The portrait is not at {path} any more. Choose it again under Photo, or fit the photo anew."
        ) from error
    except OSError as error:
        raise AddonError(f"{path} can't be read ({error.strerror or error}). Check its permissions.") from error


@lru_cache(8)
def _read(path: Path, changed: int, size: int) -> PortraitFile:
    try:
        with zipfile.ZipFile(path) as file, file.open(_ABOUT) as stream:
            text = stream.read(_LONGEST + 1)
        if len(text) > _LONGEST:
            raise ValueError("a long text")
        about = json.loads(text)
        if about["format"] == FORMAT:
            return _portrait(about)
    except OSError:
        raise
    except Exception as error:  # what a damaged or hostile file leads to can be anything
        raise AddonError(f"{path.name} is no portrait, or a damaged one. Fit the photo again.") from error
    raise AddonError(f"{path.name} is of another version of vlogger. Fit the photo again.")


def digest_of(path: Path) -> str:
    """What tells a portrait from another one: the hash of its file. Raises AddonError if it can't be read."""
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise AddonError(f"{path} can't be read ({error.strerror or error}). Check its permissions.") from error


def _portrait(about: dict[str, Any]) -> PortraitFile:
    camera, error = about["camera"], about["error"]
    (rows,), (field,) = camera["poses"], camera["fields"]
    pose = np.eye(4)
    pose[:3] = np.reshape([_number(number) for number in rows], (3, 4))
    if np.abs(pose[:3, :3].T @ pose[:3, :3] - np.eye(3)).max() > _SKEW or np.linalg.det(pose[:3, :3]) < 0:
        raise ValueError("a camera that is no camera")
    width, height = int(camera["width"]), int(camera["height"])
    field = _number(field)
    if not (_SIZES[0] <= min(width, height) and max(width, height) <= _SIZES[1] and 0.001 < field < 3.14):
        raise ValueError("a camera that can't be")
    name = "".join(c if c.isprintable() else " " for c in str(about["name"])[:_NAME])
    return PortraitFile(
        name, width, height, pose, field, *(_number(error[key]) for key in ("mean", "worst", "between_eyes"))
    )


def _number(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise ValueError("not a number")
    return float(value)
