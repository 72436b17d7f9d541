"""The head model at MediaPipe's landmarks: places, shapes and expressions, and how likely each is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np

from ..avatars.avatar import Morph
from ..avatars.parts import vertex_normals
from ..motion.names import ARKIT_NAMES
from .head import Doubles, load_head
from .landmarks import LEFT_IRIS, LEFT_PUPIL, RIGHT_IRIS, RIGHT_PUPIL

IRISES = (RIGHT_PUPIL, *RIGHT_IRIS, LEFT_PUPIL, *LEFT_IRIS)
LIP_PAIRS = ((191, 95), (80, 88), (81, 178), (82, 87), (13, 14), (312, 317), (311, 402), (310, 318), (415, 324))
"""Landmarks of upper and lower lip that touch when the mouth is shut."""
LID_PAIRS = (
    ((386, 374), (385, 380), (387, 373), (384, 381), (388, 390)),
    ((159, 145), (158, 153), (160, 144), (157, 154), (161, 163)),
)
"""Landmarks of upper and lower lid, left eye and right, the middle first."""

_USE = {
    "eyeBlink": 0.4, "eyeLookDown": 0.3, "eyeLookIn": 0.25, "eyeLookOut": 0.25, "eyeLookUp": 0.25, "eyeSquint": 0.25,
    "eyeWide": 0.25, "jawForward": 0.12, "jawLeft": 0.1, "jawRight": 0.1, "jawOpen": 0.4, "mouthClose": 0.25,
    "mouthFunnel": 0.25, "mouthPucker": 0.3, "mouthLeft": 0.15, "mouthRight": 0.15, "mouthSmile": 0.45,
    "mouthFrown": 0.2, "mouthDimple": 0.2, "mouthStretch": 0.2, "mouthRollLower": 0.25, "mouthRollUpper": 0.25,
    "mouthShrugLower": 0.25, "mouthShrugUpper": 0.2, "mouthPress": 0.2, "mouthLowerDown": 0.3, "mouthUpperUp": 0.3,
    "browDown": 0.3, "browInnerUp": 0.3, "browOuterUp": 0.3, "cheekPuff": 0.12, "cheekSquint": 0.25,
    "noseSneer": 0.2, "tongueOut": 0.01,
}  # fmt: skip
"""How much of each shape faces use: the root of its mean square over people and moments; the tongue isn't seen."""

_RARE = {"eyeBlink": 4.0, "eyeWide": 3.0, "eyeSquint": 2.0, "browDown": 2.5}
"""Shapes that are used either clearly or not at all: narrow eyes and low brows are the person's own, mostly."""


@dataclass(frozen=True, eq=False)
class Face:
    """The head model at the landmarks, in rest pose, metres.

    places      : (478, 3) of the mean head
    shapes      : (K, 478, 3) displacement for one standard deviation
    expressions : (52, 478, 3) displacement at weight 1
    normals     : (478, 3) of the surface, for what is seen from where
    trust       : (478,) how well each landmark is found, as a weight of its square; 1 is usual
    """

    places: Doubles
    shapes: Doubles
    expressions: Doubles
    normals: Doubles
    trust: Doubles

    def moved(self, shift: Doubles) -> Face:
        """With the landmarks (478, 3) shifted."""
        return replace(self, places=self.places + shift)


@lru_cache(maxsize=1)
def load_face() -> Face:
    """Of the shipped head model."""
    head = load_head()
    mean = head.shaped(np.zeros(len(head.basis)))
    moves = zip(head.basis, head.eyes_basis, strict=True)
    normals = head.landmarks @ vertex_normals(mean, head.avatar.faces)
    return Face(
        places=head.landmarks @ mean,
        shapes=np.stack([head.landmarks @ head.spread(skin, eyes) for skin, eyes in moves]),
        expressions=np.stack([head.landmarks @ _dense(morph, len(mean)) for morph in head.avatar.morphs]),
        normals=normals / np.linalg.norm(normals, axis=1, keepdims=True),
        trust=_trust(head.noise),
    )


def _trust(noise: Doubles) -> Doubles:
    trust = np.clip((np.median(noise) / noise) ** 2, 0.3, 2.0)
    trust[list(IRISES)] = 2.0
    return np.asarray(trust)


def uses() -> Doubles:
    """(52,) how much of each ARKit shape faces use."""
    return np.array([_of(name, _USE) for name in ARKIT_NAMES])


def rarities() -> Doubles:
    """(52,) how much likelier than by its use it is that a shape isn't used at all."""
    return np.array([_of(name, _RARE) for name in ARKIT_NAMES])


def _of(name: str, table: Mapping[str, float]) -> float:
    return table.get(name) or table.get(name.removesuffix("Left").removesuffix("Right"), 1.0)


def _dense(morph: Morph, count: int) -> Doubles:
    offsets = np.zeros((count, 3))
    offsets[morph.vertices] = morph.offsets
    return offsets
