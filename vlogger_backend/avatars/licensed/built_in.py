"""The built-in avatar's face as it is carried onto other heads: its surface, its shapes, its landmarks."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from ...motion.names import ARKIT_INDEX, ARKIT_NAMES, EYE_JOINTS, JOINT_INDEX
from ..library import load_avatar
from ..posing import rotation_matrices
from .body_model import Doubles, Ints

_FOOT, _BROAD = 1.42, 0.12  # metres: as much of the neck as is taken along
_LANDMARKS = (
    (-58.1, 1653.1, 126.2), (-51.1, 1659.7, 135.8), (-41.8, 1662.5, 144.4), (-28.5, 1661.9, 151.4),
    (-14.8, 1659.7, 154.3), (14.8, 1659.7, 154.3), (28.5, 1661.9, 151.4), (41.8, 1662.5, 144.4),
    (51.1, 1659.7, 135.8), (58.1, 1653.1, 126.2), (0, 1638.7, 150.8), (0, 1620.1, 155.2), (0, 1605.1, 165.3),
    (0, 1598.6, 169.4), (-12.3, 1590.3, 158), (-6.6, 1584.7, 157.3), (0, 1585.3, 161.2), (6.6, 1584.7, 157.3),
    (12.3, 1590.3, 158), (-43.6, 1635, 137), (-37.5, 1639, 144), (-28.4, 1639.4, 145.8), (-19.4, 1632.9, 142.1),
    (-27.7, 1630.9, 143.9), (-36.3, 1630.9, 142), (19.4, 1632.9, 142.1), (28.4, 1639.4, 145.8), (37.5, 1639, 144),
    (43.6, 1635, 137), (36.3, 1630.9, 142), (27.7, 1630.9, 143.9), (-24.8, 1562.3, 147.5), (-14.9, 1570.6, 158.2),
    (-7.8, 1572.5, 161.4), (0, 1571.2, 163), (7.8, 1572.5, 161.4), (14.9, 1570.6, 158.2), (24.8, 1562.3, 147.5),
    (14.6, 1554.6, 154.8), (8.2, 1552.5, 157), (0, 1552.1, 158.8), (-8.2, 1552.5, 157), (-14.6, 1554.6, 154.8),
    (-23, 1562.6, 146), (-6.1, 1563, 153.6), (0, 1562.8, 155.2), (6.1, 1563, 153.6), (23, 1562.6, 146),
    (6.3, 1562.9, 153.8), (0, 1562.8, 155.2), (-6.3, 1562.9, 153.8),
)  # fmt: skip
"""The 51 landmarks of iBUG's scheme without the jaw line on the default avatar, millimetres."""
UPPER_LIP, LOWER_LIP = (44, 45, 46), (48, 49, 50)
"""Landmarks of the lips' edges, which touch at rest; between the corners of the mouth."""
MOUTH = (43, 44, 45, 46, 47)
"""Landmarks along the seam of the lips."""
_OPENED = 0.33
"""Radians that jawOpen turns the jaw at its stiffest."""


@dataclass(frozen=True, eq=False)
class Face:
    """Skin of head and neck and the inside of the mouth of the built-in avatar, n vertices, metres, in rest pose.

    numbers    : (n,) of the avatar's vertices
    vertices   : (n, 3)
    faces      : (f, 3)
    outside    : (n,) whether it is skin; the rest lines the mouth
    jaw        : (n,) how far it goes with the jaw: 1 on the chin, 0 on the skull
    shapes     : (52, n, 3) displacement at weight 1 of each ARKit shape
    landmarks  : (51, 3) places of iBUG's landmarks
    at         : (51,) the vertex nearest to each, on its own lip
    eyes       : (2, 3) centres of the eyeballs, left and right
    """

    numbers: NDArray[np.intp]
    vertices: Doubles
    faces: Ints
    outside: NDArray[np.bool_]
    jaw: Doubles
    shapes: Doubles
    landmarks: Doubles
    at: NDArray[np.intp]
    eyes: Doubles


@lru_cache(maxsize=1)
def built_in_face() -> Face:
    """Of the default avatar."""
    avatar = load_avatar()
    surface = np.concatenate([avatar.faces_of(name) for name in ("face", "mouth", "skin")])
    corners = avatar.vertices[surface]
    surface = surface[((corners[..., 1] > _FOOT) & (np.abs(corners[..., 0]) < _BROAD)).all(axis=1)]
    numbers, faces = np.unique(surface, return_inverse=True)
    vertices = avatar.vertices[numbers].astype(np.float64)
    shapes = np.zeros((len(ARKIT_NAMES), len(avatar.vertices), 3))
    for shape, morph in zip(shapes, avatar.morphs, strict=True):
        shape[morph.vertices] = morph.offsets
    shapes = shapes[:, numbers]
    joints = avatar.joints.astype(np.float64)
    jaw = _jaw_share(vertices, shapes[ARKIT_INDEX["jawOpen"]], joints[JOINT_INDEX["jaw"]])
    landmarks = np.array(_LANDMARKS) / 1000
    outside = np.isin(numbers, np.concatenate([avatar.faces_of(name) for name in ("face", "skin")]))
    return Face(
        numbers=numbers.astype(np.intp),
        vertices=vertices,
        faces=faces.reshape(-1, 3).astype(np.int32),
        outside=outside,
        jaw=jaw,
        shapes=shapes,
        landmarks=landmarks,
        at=_nearest(vertices, outside, jaw, landmarks),
        eyes=joints[[JOINT_INDEX[name] for name in EYE_JOINTS]],
    )


def eyes_of(vertices: Doubles) -> Doubles:
    """(2, 3) the centres of the eyeballs, left and right, of the built-in avatar shaped like somebody (V, 3)."""
    avatar = load_avatar()
    balls = np.unique(avatar.faces_of("eyes"))
    left = avatar.vertices[balls, 0] > 0
    moved = vertices[balls] - avatar.vertices[balls]
    return np.asarray(built_in_face().eyes + np.stack([moved[left].mean(axis=0), moved[~left].mean(axis=0)]))


def _jaw_share(vertices: Doubles, opening: Doubles, joint: Doubles) -> Doubles:
    """(n,) the part of a stiff jaw's turn that jawOpen is at each vertex."""
    turn = rotation_matrices(np.array([[_OPENED, 0.0, 0.0]]))[0]
    stiff = (vertices - joint) @ (turn - np.eye(3)).T
    share = (opening * stiff).sum(axis=1) / np.maximum((stiff**2).sum(axis=1), 1e-12)
    return np.asarray(np.clip(share, 0, 1))


def _nearest(vertices: Doubles, outside: NDArray[np.bool_], jaw: Doubles, landmarks: Doubles) -> NDArray[np.intp]:
    chosen = []
    for number, place in enumerate(landmarks):
        mine = (jaw < 0.15) if number in UPPER_LIP else (jaw > 0.3) if number in LOWER_LIP else outside
        off = np.where(mine & outside, np.linalg.norm(vertices - place, axis=1), np.inf)
        chosen.append(int(off.argmin()))
    return np.array(chosen, np.intp)
