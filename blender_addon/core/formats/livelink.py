"""Live Link Face: the CSV that Apple's ARKit face capture app by Epic Games writes, one row a frame."""

from __future__ import annotations

import csv
import math
import re
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import AddonError
from ..names import JOINT_NAMES
from ..rotations import about, multiply, to_vectors
from ..take import FULL_LOOK, NECK_SHARE, Floats, Take

_TIMECODE = re.compile(r"(\d+):(\d+):(\d+)[:;](\d+)(?:\.(\d+))?")
_LARGEST = 512 << 20
_USUAL_RATE = 60.0
_HEAD = ("HeadYaw", "HeadPitch", "HeadRoll")
_TURNS = ("Yaw", "Pitch", "Roll")
_LEFT, _UP, _FORWARD = np.eye(3)


def read_live_link(path: Path) -> Take:
    """Read a Live Link Face CSV: 52 face weights, and the head's and the eyes' turns where they were recorded.

    The app writes yaw, pitch and roll in radians. The frame rate comes from the timecodes, 60 if they tell none.

    Raises AddonError if there is no such file, or if it is not one, with the reason.
    """
    try:
        if path.stat().st_size > _LARGEST:
            raise ValueError("it is larger than 512 MB")
        with open(path, newline="", encoding="utf-8-sig") as file:
            rows = [row for row in csv.reader(file) if row]
        header, rows = [cell.strip() for cell in rows[0]], rows[1:]
        columns = {name.lower(): i for i, name in enumerate(header)}
        names = [name for name in header if _arkit(name) and not name.endswith(_TURNS)]
        if "timecode" not in columns or len(names) < 10:
            raise ValueError("its first line has no Timecode and no face shapes")
        rows = [row for row in rows if len(row) >= len(header)]
        if not rows:
            raise ValueError("it has no frames")
        numbers = {name: np.array([float(row[columns[name.lower()]] or 0) for row in rows])
                   for name in (*names, *(turn for turn in _HEAD if turn.lower() in columns))}  # fmt: skip
        if not all(np.isfinite(column).all() for column in numbers.values()):
            raise ValueError("it holds numbers that are not finite")
        rate = _rate([row[columns["timecode"]] for row in rows])
    except FileNotFoundError as error:
        raise AddonError(f"There is no face capture at {path}. Choose another file.") from error
    except (OSError, ValueError, IndexError, csv.Error) as error:
        raise AddonError(
            f"{path} is not a Live Link Face CSV ({error}). Choose a file that the app exported."
        ) from error
    face = np.stack([numbers[name] for name in names], axis=1).astype(np.float32)
    still = np.zeros((len(rows), 3), np.float32)
    return Take(rate, _poses(numbers), still, face, tuple(_arkit(name) for name in names))


def _arkit(name: str) -> str:
    """`EyeBlinkLeft` as Apple spells it, `eyeBlinkLeft`; "" for what is no face shape."""
    if not name.startswith(("Eye", "Jaw", "Mouth", "Brow", "Cheek", "Nose", "Tongue", "eye", "jaw", "mouth", "brow",
                            "cheek", "nose", "tongue")):  # fmt: skip
        return ""
    return name[0].lower() + name[1:]


def _poses(numbers: dict[str, NDArray[Any]]) -> Floats:
    """The joints (T, 55, 3) that a face capture moves: neck, head, eyes.

    The head's angles are in radians, signed and ordered as Unreal's rotators: yaw to the person's right, pitch up, roll
    to the right shoulder, the yaw outermost. The eyes turn as their eyeLook weights say.
    """
    nothing = np.zeros(len(next(iter(numbers.values()))))
    yaw, pitch, roll = (numbers.get(name, nothing) for name in _HEAD)
    poses = np.zeros((len(nothing), len(JOINT_NAMES), 3), np.float32)
    turned = multiply(multiply(about(_UP, -yaw), about(_LEFT, -pitch)), about(_FORWARD, roll))
    turn = to_vectors(turned)
    poses[:, JOINT_NAMES.index("neck")] = NECK_SHARE * turn
    poses[:, JOINT_NAMES.index("head")] = (1 - NECK_SHARE) * turn
    looks = {_arkit(name): column for name, column in numbers.items()}
    for side, left, right in (("left", "Out", "In"), ("right", "In", "Out")):
        to_left, to_right, up, down = (
            looks.get(f"eyeLook{way}{side.capitalize()}", nothing) for way in (left, right, "Up", "Down")
        )
        vectors = _UP * ((to_left - to_right) * FULL_LOOK)[:, None] + _LEFT * ((down - up) * FULL_LOOK)[:, None]
        poses[:, JOINT_NAMES.index(f"{side}_eye_smplhf")] = vectors
    return poses


def _rate(timecodes: list[str]) -> float:
    """Frames per second, from first and last of timecodes `HH:MM:SS:FF.mmm`, where FF counts the frames in a second."""
    read = [match for code in timecodes if (match := _TIMECODE.search(code))]
    if len(read) < 3:
        return _USUAL_RATE
    per_second = 1 + max(int(match[4]) for match in read)
    for usual in (24, 25, 30, 48, 50, 60, 120):
        if per_second <= usual:
            base = float(usual)
            break
    else:
        return _USUAL_RATE
    if base < _USUAL_RATE and len(read) < base:  # too short to have counted through a second
        base = _USUAL_RATE
    times = [int(m[1]) * 3600 + int(m[2]) * 60 + int(m[3]) + (int(m[4]) + float(f"0.{m[5] or 0}")) / base for m in read]
    seconds = times[-1] - times[0]
    rate = (len(read) - 1) / seconds if seconds > 0 else base
    near = round(rate)
    return float(near) if math.isclose(rate, near, rel_tol=0.02) and near > 0 else base
