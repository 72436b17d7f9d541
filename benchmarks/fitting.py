"""How well is the head fitted to faces, and followed through a video?

    python benchmarks/fitting.py [PHOTO_OR_VIDEO...] [--heads 40]

Synthetic truth: pictures of the avatar with random heads (of the head model's shapes, and bumps that it doesn't know),
expressions and poses, up to 40 degrees to a side, are drawn, MediaPipe looks at them, and the fit is compared with what was
drawn. Beside the fit stand the same without a shape of its own (mean head) and without expression. Of photos and
videos the landmarks' errors are measured, and in a video those of every frame after the first.

error      mean distance of the fitted landmarks from those found, in percent of the distance between the eyes
pose       degrees between the drawn and the fitted head's rotation
shape      mean distance of the front of the face from the drawn one, both at rest and laid over one another, mm
lips       correlation of the gap between the lips with the drawn one
shut       the gap between the lips of the fitted head at rest, mm
r          correlation of a weight with the drawn one over all pictures; 1 is perfect
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from vlogger_backend.avatars.posing import posed_vertices
from vlogger_backend.motion.names import ARKIT_INDEX, ARKIT_NAMES
from vlogger_backend.portraits.finding import find_faces
from vlogger_backend.portraits.fitting import fit_face
from vlogger_backend.portraits.head import Head, load_head
from vlogger_backend.portraits.portrait import Fit
from vlogger_backend.portraits.shape_space import similarity
from vlogger_backend.renderers.stage import Stage

Doubles = NDArray[np.float64]

SIZE = (512, 512)
MOST = np.radians([40.0, 15.0, 12.0])
SHAPES = {
    "eyeBlink": 0.8, "eyeLookDown": 0.5, "eyeLookUp": 0.4, "eyeSquint": 0.5, "eyeWide": 0.5, "jawOpen": 0.7, "mouthPucker": 0.7,
    "mouthFunnel": 0.5, "mouthSmile": 0.8, "mouthFrown": 0.5, "mouthStretch": 0.5, "mouthRollLower": 0.5,
    "mouthRollUpper": 0.5, "mouthUpperUp": 0.6, "mouthLowerDown": 0.6, "browDown": 0.8, "browInnerUp": 0.8,
    "browOuterUp": 0.8, "mouthLeft": 0.4, "mouthRight": 0.4, "noseSneer": 0.6,
}  # fmt: skip
"""What is drawn, to which weight at most."""


@dataclass(frozen=True)
class Drawn:
    """A picture's truth."""

    landmarks: Doubles
    vertices: Doubles
    arkit: Doubles
    turn: Doubles


def drawn_heads(count: int) -> Iterator[Drawn]:
    """Pictures that MediaPipe found a face in."""
    head = load_head()
    rng = np.random.default_rng(3)
    with closing(Stage(head.avatar)) as stage:
        for _ in range(count):
            vertices, arkit = random_head(head, rng), random_expression(rng)
            person = replace(head.avatar, vertices=vertices.astype(np.float32))
            turn = Rotation.from_euler("YXZ", rng.uniform(-MOST, MOST))
            distance = rng.uniform(0.5, 2.0)
            pose = np.eye(4)
            pose[:3, :3] = turn.as_matrix()
            pose[:3, 3] = (0, 1.62, 0.08) + turn.apply([0.03, 0, distance])
            stage.pose(posed_vertices(person, np.zeros((55, 3)), np.zeros(3), arkit))
            picture = stage.draw(SIZE, pose, 2 * np.arctan(0.2 / distance))
            wall = ((255 - picture[..., 3:]) * np.array([0.5, 0.55, 0.6])).astype(np.uint8)
            faces = find_faces(picture[..., :3] + wall)
            if faces:
                yield Drawn(faces[0].landmarks, vertices, arkit, turn.as_matrix())


def random_head(head: Head, rng: np.random.Generator) -> Doubles:
    """Of the model's shapes, with bumps of a millimetre or two that it doesn't know."""
    shape = rng.normal(0, 0.7, len(head.basis))
    shape[head.symmetric :] *= 0.5
    rest = head.avatar.vertices[head.vertices]
    front = np.flatnonzero(rest[:, 2] > 0.1)
    skin = head.mean + np.tensordot(shape, head.basis, 1)
    for _ in range(6):
        middle = rest[rng.choice(front)] * rng.choice([-1, 1])
        near = np.exp(-(((rest - middle) / 0.025) ** 2).sum(axis=1))
        skin += near[:, None] * rng.normal(0, 0.001, 3)
    eyes = head.eyes_mean + np.tensordot(shape, head.eyes_basis, 1)
    return head.avatar.vertices + head.spread(skin, eyes)


def random_expression(rng: np.random.Generator) -> Doubles:
    """A few shapes, mostly alike on both sides."""
    weights = np.zeros(len(ARKIT_NAMES))
    for name in rng.choice(list(SHAPES), 5, replace=False):
        value = rng.uniform(0.2, 1) * SHAPES[name]
        for side in ("", "Left", "Right"):
            if name + side in ARKIT_INDEX:
                weights[ARKIT_INDEX[name + side]] = np.clip(value + rng.normal(0, 0.08), 0, 1)
    return weights


def lip_gap(vertices: Doubles, arkit: Doubles) -> float:
    """Millimetres between the lips' middles."""
    head = load_head()
    person = replace(head.avatar, vertices=vertices.astype(np.float32))
    places = head.landmarks @ posed_vertices(person, np.zeros((55, 3)), np.zeros(3), arkit)
    return 1000 * float(places[13, 1] - places[14, 1])
