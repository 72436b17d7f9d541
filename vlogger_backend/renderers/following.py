"""The preview's cameras: still for who speaks on the spot, and going along with who walks, turns or bows."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from ..avatars.avatar import Avatar
from ..avatars.posing import joint_over
from ..camera import Camera, Doubles, framing
from ..motion.motion import Motion
from ..motion.names import JOINT_INDEX

Shot = Literal["body", "face"]

_FAR = 0.25
"""Metres; who speaks on the spot, as all takes that are made here do, moves less."""
_TURNED = np.radians(60)
"""So far nobody turns the head for long who speaks on the spot."""


def filmed(avatar: Avatar, motion: Motion, size: tuple[int, int], shot: Shot = "body") -> Camera:
    """`framing`'s camera. If the person goes or turns far in the motion, it goes along, as slowly as in a second.

    The body's goes where the hips go; the face's turns with the head too.
    """
    still = framing(avatar, size, shot)
    if not len(motion):
        return still
    joint = JOINT_INDEX["head" if shot == "face" else "pelvis"]
    turns, places = joint_over(avatar.joints, motion.poses, motion.trans, joint)
    rest = avatar.joints[joint].astype(np.float64)
    slow = _slow(places, motion.fps)
    slow_turns = _slow(turns, motion.fps) if shot == "face" else np.broadcast_to(np.eye(3), turns.shape)
    cosines = (np.trace(slow_turns, axis1=1, axis2=2) - 1) / 2
    if np.linalg.norm(slow - rest, axis=1).max() < _FAR and cosines.min() > np.cos(_TURNED):
        return still
    first = still.pinhole()
    poses = np.tile(np.eye(4), (len(motion), 1, 1))
    poses[:, :3, :3] = _rotations(slow_turns) @ first.pose[:3, :3]
    poses[:, :3, 3] = slow + _rotations(slow_turns) @ (first.pose[:3, 3] - rest)
    return Camera.of(size, poses, first.field)


def _slow(curve: NDArray[np.float64], fps: float) -> Doubles:
    """(T, ...) what is slower than a second: at each frame the middle of a line through the second round it."""
    from scipy.signal import savgol_filter

    window = min(round(fps), len(curve) - 1) | 1
    return np.asarray(savgol_filter(curve, window, 1, axis=0) if 1 < window <= len(curve) else curve)


def _rotations(matrices: Doubles) -> Doubles:
    """(T, 3, 3) the nearest rotations."""
    left, _, right = np.linalg.svd(matrices)
    left[:, :, 2] *= np.linalg.det(left @ right)[:, None]
    return np.asarray(left @ right)
