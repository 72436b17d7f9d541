"""Hands' shapes: seven numbers that bend fifteen joints."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..motion.names import JOINT_INDEX

Floats = NDArray[np.float64]

CHANNELS = ("index", "middle", "ring", "pinky", "spread", "thumb_in", "thumb_curl")
"""Curl of each finger (0 straight, 1 a fist), spread of all, the thumb's way across the palm and its curl."""

SHAPES: dict[str, tuple[float, ...]] = {
    "relaxed": (0.26, 0.34, 0.40, 0.44, 0.00, 0.20, 0.42),
    "open": (0.10, 0.12, 0.17, 0.22, 0.50, 0.05, 0.08),
    "flat": (0.08, 0.10, 0.12, 0.16, -0.30, 0.10, 0.20),
    "cupped": (0.18, 0.24, 0.30, 0.36, 0.25, 0.15, 0.15),
    "loose": (0.46, 0.55, 0.60, 0.64, -0.10, 0.40, 0.60),
    "pinch": (0.56, 0.42, 0.38, 0.38, 0.15, 0.85, 0.40),
    "point": (0.10, 0.52, 0.62, 0.66, -0.10, 0.40, 0.60),
}
"""Named shapes: relaxed fingers curl more towards the little finger."""

_FULL_CURL = np.radians((72.0, 95.0, 55.0))  # knuckle, middle and end joint of a finger at curl 1
_SPLAY = {"index": -9.0, "middle": -1.0, "ring": 6.0, "pinky": 13.0}  # degrees about Y, left hand


def _matrix() -> Floats:
    """(7, 45) from the seven numbers to the left hand's axis-angles, in SMPL-X's joint order."""
    bend = np.zeros((7, 15, 3))
    first = JOINT_INDEX["left_index1"]
    for channel, finger in enumerate(("index", "middle", "ring", "pinky")):
        joint = JOINT_INDEX[f"left_{finger}1"] - first
        # the palm faces down and the fingers point along +X, so that curling turns about -Z
        bend[channel, joint : joint + 3, 2] = -_FULL_CURL
        bend[4, joint, 1] = np.radians(_SPLAY[finger])
    thumb = JOINT_INDEX["left_thumb1"] - first
    bend[5, thumb] = np.radians((38.0, 12.0, -14.0))
    bend[5, thumb + 1] = np.radians((4.0, 8.0, -4.0))
    bend[6, thumb + 1] = np.radians((12.0, 26.0, -16.0))
    bend[6, thumb + 2] = np.radians((16.0, 42.0, -22.0))
    return bend.reshape(7, 45)


_BEND = _matrix()


def finger_rotations(shape: Floats) -> Floats:
    """(T, 7) shapes in `CHANNELS` -> (T, 15, 3) axis-angles of the left hand's joints, in SMPL-X's order."""
    limited = np.clip(shape, (-0.05, -0.05, -0.05, -0.05, -0.5, -0.2, -0.1), 1.1)
    return (limited @ _BEND).reshape(-1, 15, 3)
