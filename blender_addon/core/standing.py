"""Where the backend's avatar stands when it stands where a rig does, at the rig's size."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .rest import stance_of
from .rig import Rig, RigMapping
from .skeleton import REST

Floats = NDArray[np.float64]

PELVIS = np.array([0.0, 1.0324, -0.0288])
"""The built-in avatar's pelvis at rest, metres, from the point of the floor that it stands on."""
BY_HIPS = (("left_hip", "right_hip"), ("pelvis",), ("spine3",), ("neck",), ("head",))
BY_HEAD = BY_HIPS[::-1]
"""The joints that are where the rig's are: the first of these that it has."""


def standing(rig: Rig, mapping: RigMapping, held: tuple[tuple[str, ...], ...] = BY_HIPS) -> Floats:
    """(4, 4) what takes SMPL-X's coordinates (metres, Y up, facing +Z) to the armature's own space.

    The avatar has the rig's size then, looks where the rig looks, and its hips are where the rig's hips are at rest; or
    its head, where that is what is `held`.

    Raises AddonError if the rig has too few known bones to tell that.
    """
    stance = stance_of(rig, mapping)
    joints = next((joints for joints in held if stance.heads.keys() >= set(joints)), tuple(stance.heads))
    there = np.mean([stance.heads[joint] for joint in joints], axis=0)
    here = np.mean([REST[joint] for joint in joints], axis=0) + PELVIS
    matrix = np.eye(4)
    matrix[:3, :3] = stance.scale * stance.axes
    matrix[:3, 3] = stance.axes @ (there - stance.scale * here)
    return matrix
