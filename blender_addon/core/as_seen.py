"""A take as the built-in character in the scene performs it: with keys edited by hand, pins, constraints and all.

The character has the avatar's own skeleton and the avatar's own rest pose, so every bone turns as its joint does, and
nothing has to be guessed: the way back is exact, but for bones that were pulled off their joints or scaled.
"""

from __future__ import annotations

from collections.abc import Mapping as Dictionary
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from .names import JOINT_NAMES
from .rotations import from_matrix
from .skeleton import PARENTS, local_poses
from .take import Take

Floats = NDArray[np.float64]

_FAR = 0.005
"""Metres by which a bone must be off its joint to be worth a word,"""
_LARGE = 0.02
"""... and the part by which it must be larger or smaller."""
_PLACES = 5
"""Decimals of radians and metres: what is less is noise, for which no picture should be made anew."""


def as_seen(
    take: Take,
    first: int,
    rest: Dictionary[str, Floats],
    bones: Dictionary[str, Floats],
    shapes: Dictionary[str, Floats],
    placing: Floats,
) -> tuple[Take, list[str]]:
    """The take with what was seen from frame `first` on, and sentences on what can't be shown of it.

    rest    : (4, 4) each joint's bone at rest, and
    bones   : (T, 4, 4) as it was seen, both in the armature's space
    shapes  : (T,) the values of shape keys; of the face, those that are missing stay the take's own
    placing : (4, 4) what takes SMPL-X's coordinates to the armature's space
    """
    inside = np.linalg.inv(placing)
    still = {joint: inside @ rest[joint] for joint in JOINT_NAMES}
    moved = {joint: inside @ bones[joint] for joint in JOINT_NAMES}
    axes = {joint: _axes(moved[joint]) @ np.swapaxes(_axes(still[joint]), -1, -2) for joint in JOINT_NAMES}
    rows = slice(first, first + len(moved["pelvis"]))
    poses, trans, face = take.poses.copy(), take.trans.copy(), take.face.copy()
    poses[rows] = local_poses({joint: from_matrix(turn) for joint, turn in axes.items()}).round(_PLACES)
    trans[rows] = (moved["pelvis"][:, :3, 3] - still["pelvis"][:3, 3]).round(_PLACES)
    for i, name in enumerate(take.face_names):
        if name in shapes:
            face[rows, i] = np.clip(shapes[name], 0, 1).round(_PLACES)
    return replace(take, poses=poses, trans=trans, face=face), _notes(still, moved, axes)


def _axes(matrices: Floats) -> Floats:
    """The directions (..., 3, 3) of a bone's axes, without its size."""
    columns = matrices[..., :3, :3]
    return np.asarray(columns / np.linalg.norm(columns, axis=-2, keepdims=True))


def _notes(still: Dictionary[str, Floats], moved: Dictionary[str, Floats], axes: Dictionary[str, Floats]) -> list[str]:
    off = []
    for joint in JOINT_NAMES:
        parent = PARENTS[joint]
        sizes = np.linalg.norm(moved[joint][:, :3, :3], axis=1) / np.linalg.norm(still[joint][:3, :3], axis=0)
        is_off = np.abs(sizes - 1).max() > _LARGE
        if parent is not None:
            way = still[joint][:3, 3] - still[parent][:3, 3]
            pulled = moved[joint][:, :3, 3] - moved[parent][:, :3, 3] - axes[parent] @ way
            is_off |= np.linalg.norm(pulled, axis=1).max() > _FAR
        if is_off:
            off.append(joint)
    more = f" and {len(off) - 3} more" if len(off) > 3 else ""
    return [f"Bones that were moved or scaled don't show in pictures: {', '.join(off[:3])}{more}."] if off else []
