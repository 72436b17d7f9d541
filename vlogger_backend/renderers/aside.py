"""How far a shot looks at a head from aside of where its photo was taken."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..avatars.library import load_avatar
from ..avatars.posing import rotation_matrices
from ..motion.names import JOINT_INDEX, JOINT_PARENTS
from .renderer import Scene

Doubles = NDArray[np.float64]

MOST_ASIDE = 35.0
"""Degrees from the photo's view up to which the warped photo still looks like a photo."""


def degrees_aside(scene: Scene) -> Doubles:
    """The angle (n,) at the face between where the photo was taken from and where each frame is, as the head turns."""
    fit, motion = scene.portrait.fit, scene.motion
    avatar = load_avatar()
    face = fit.vertices[np.unique(avatar.faces_of("face"))].mean(axis=0)
    frames = slice(scene.first, scene.last + 1)
    turned = np.broadcast_to(np.eye(3), (scene.last + 1 - scene.first, 3, 3))
    place, before = motion.trans[frames].astype(np.float64), np.zeros(3)
    for joint in _chain(JOINT_INDEX["head"]):
        place = place + turned @ (avatar.joints[joint] - before)
        turned = turned @ rotation_matrices(motion.poses[frames, joint])
        before = avatar.joints[joint]
    place = place + turned @ (face - before)
    taken_from = fit.camera.pinhole().pose[:3, 3]
    seen_from = scene.camera.over(len(place))[0][:, :3, 3]
    away = np.einsum("nji,nj->ni", turned, seen_from - place)
    cosines = away @ (taken_from - face) / (np.linalg.norm(away, axis=1) * np.linalg.norm(taken_from - face))
    return np.asarray(np.degrees(np.arccos(np.clip(cosines, -1, 1))))


def remark_on(scene: Scene) -> str:
    """What is to be said of a shot that looks too far from aside; nothing if it doesn't."""
    angles = degrees_aside(scene)
    if angles.max() <= MOST_ASIDE:
        return ""
    return (
        f"Frame {scene.first + int(angles.argmax())} sees the head {angles.max():.0f} degrees from the photo's side: "
        f"beyond {MOST_ASIDE:.0f}, what no photo showed is stretched from what it did. Turn the head or the camera "
        "less, or take a photo from nearer that side."
    )


def _chain(joint: int) -> list[int]:
    """The joint and those that it hangs on, from the first."""
    chain: list[int] = []
    while joint >= 0:
        chain.insert(0, joint)
        joint = JOINT_PARENTS[joint]
    return chain
