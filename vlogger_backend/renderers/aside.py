"""How far a shot looks at a head from aside of where its photo was taken."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..avatars.library import load_avatar
from ..avatars.posing import joint_over
from ..motion.names import JOINT_INDEX
from .renderer import Scene

Doubles = NDArray[np.float64]

_HEAD = JOINT_INDEX["head"]
MOST_ASIDE = 35.0
"""Degrees from the photo's view up to which the warped photo still looks like a photo."""


def degrees_aside(scene: Scene) -> Doubles:
    """The angle (n,) at the face between where the photo was taken from and where each frame is, as the head turns."""
    fit, motion = scene.portrait.fit, scene.motion
    avatar = load_avatar()
    face = fit.vertices[np.unique(avatar.faces_of("face"))].mean(axis=0)
    frames = slice(scene.first, scene.last + 1)
    turned, place = joint_over(avatar.joints, motion.poses[frames], motion.trans[frames], _HEAD)
    place = place + turned @ (face - avatar.joints[_HEAD])
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
