"""Reading and keeping a take: the curves of one performance."""

from __future__ import annotations

import json
import os
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .arrays import Arrays, read_arrays
from .errors import AddonError
from .names import JOINT_NAMES

Floats = NDArray[np.float32]
FULL_JAW = 0.35
"""Radians that the jaw opens at a jawOpen of 1."""
FULL_LOOK = float(np.radians(30.0))
"""Radians that an eye turns at an eyeLook weight of 1."""
NECK_SHARE = 0.45
"""The neck's part of the head's turn."""

_ARRAYS = ("fps", "poses", "trans", "arkit", "arkit_names")


@dataclass(frozen=True)
class Take:
    """Curves sampled at `fps`, in SMPL-X's coordinates (metres, Y up, facing +Z).

    poses : (T, 55, 3) axis-angle rotations of the joints in `JOINT_NAMES`, each in its parent's frame, radians
    trans : (T, 3) translation of the pelvis from its rest place, metres
    face  : (T, K) blend-shape weights, named by `face_names`
    meta  : the request, versions and hash of the sound that it was made from, as JSON; "" if the file tells none
    """

    fps: float
    poses: Floats
    trans: Floats
    face: Floats
    face_names: tuple[str, ...]
    meta: str = field(default="", repr=False)

    def __len__(self) -> int:
        return len(self.poses)

    def since(self, frame: int) -> Take:
        """The rest of it, from `frame` on."""
        return replace(self, poses=self.poses[frame:], trans=self.trans[frame:], face=self.face[frame:])


def read_take(path: Path) -> Take:
    """Read a take's `.npz`.

    Raises AddonError if there is no such file, or if it is not a take, with the reason.
    """
    return _take(path, read_arrays(path, _ARRAYS, "take", optional=("meta",)))


def read_meta(path: Path) -> str:
    """What a take was made from, as `Take.meta`, without reading its curves.

    Raises AddonError as `read_take`.
    """
    return _without_speech(str(read_arrays(path, ("meta",), "take")["meta"]))


def read_piece(path: Path) -> tuple[int, Take]:
    """Read a piece of a take that is still being made: the number of its first frame, and its curves.

    Raises AddonError as `read_take`.
    """
    arrays = read_arrays(path, ("start", *_ARRAYS), "piece of a take")
    try:
        start = int(arrays["start"])
    except (TypeError, ValueError) as error:
        raise AddonError(
            f"{path} is not a piece of a take ({error}). Choose an .npz file that vlogger wrote."
        ) from error
    return start, _take(path, arrays)


def save_take(path: Path, take: Take) -> None:
    """Write a take's `.npz`, whole or not at all.

    Raises AddonError if it can't be written.
    """
    partial = path.with_name(f".{path.name}.part")
    try:
        with open(partial, "wb") as file:
            np.savez(
                file,
                fps=np.asarray(take.fps),
                poses=take.poses.reshape(len(take), -1),
                trans=take.trans,
                arkit=take.face,
                arkit_names=np.asarray(take.face_names, np.str_),
                meta=np.asarray(take.meta),
            )
        os.replace(partial, path)
    except OSError as error:
        with suppress(OSError):
            partial.unlink()
        raise AddonError(f"{path} can't be written ({error.strerror}). Save the blend file elsewhere.") from error


def _without_speech(meta: str) -> str:
    """The phones and words of an hour are megabytes, which nobody wants in every Action."""
    try:
        data = json.loads(meta)
        return json.dumps({name: value for name, value in data.items() if name != "speech"}, ensure_ascii=False)
    except (ValueError, AttributeError, RecursionError):
        return ""


def _take(path: Path, arrays: Arrays) -> Take:
    try:
        names = tuple(str(name) for name in arrays["arkit_names"])
        frames = len(arrays["poses"])
        fps = float(arrays["fps"])
        if not (np.isfinite(fps) and fps > 0):
            raise ValueError(f"its frame rate is {fps}")
        if not frames:
            raise ValueError("it has no frames")
        return Take(
            fps=fps,
            poses=_floats(arrays["poses"], (frames, len(JOINT_NAMES) * 3)).reshape(frames, -1, 3),
            trans=_floats(arrays["trans"], (frames, 3)),
            face=_floats(arrays["arkit"], (frames, len(names))),
            face_names=names,
            meta=_without_speech(str(arrays.get("meta", ""))),
        )
    except (TypeError, ValueError) as error:
        raise AddonError(f"{path} is not a take ({error}). Choose an .npz file that vlogger wrote.") from error


def _floats(array: NDArray[Any], shape: tuple[int, ...]) -> Floats:
    values = np.asarray(array, np.float32)
    if values.shape != shape:
        raise ValueError(f"an array of it has shape {values.shape}, expected {shape}")
    if not np.isfinite(values).all():
        raise ValueError("it holds numbers that are not finite")
    return values
