"""Landmarks of the avatar itself, as a camera would see them: a fit's truth is then known."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from vlogger_backend.avatars.posing import posed_vertices
from vlogger_backend.camera import Camera
from vlogger_backend.motion.names import ARKIT_INDEX
from vlogger_backend.portraits.head import load_head

Doubles = NDArray[np.float64]
SIZE = (640, 480)
STILL = np.zeros((55, 3))


def person(seed: int, spread: float = 0.5) -> Doubles:
    """Some head's vertices (V, 3) at rest; with spread 0 the mean head."""
    head = load_head()
    shape = np.random.default_rng(seed).normal(0, spread, len(head.basis))
    shape[head.symmetric :] *= 0.5
    return head.shaped(shape)


def weights(**shapes: float) -> Doubles:
    """ARKit weights (52,); a name without its side is both."""
    arkit = np.zeros(len(ARKIT_INDEX))
    for name, weight in shapes.items():
        for side in ("", "Left", "Right"):
            if name + side in ARKIT_INDEX:
                arkit[ARKIT_INDEX[name + side]] = weight
    return arkit


def camera(yaw: float = 0, pitch: float = 0, distance: float = 1.0, field: float = 0.45) -> Camera:
    """Before the face, turned by degrees."""
    turn = Rotation.from_euler("YX", [yaw, pitch], degrees=True)
    pose = np.eye(4)
    pose[:3, :3] = turn.as_matrix()
    pose[:3, 3] = np.array([0.01, 1.62, 0.09]) + turn.apply([0.02, -0.01, distance])
    return Camera.of(SIZE, pose, field)


def pixels(points: Doubles, seen_by: Camera) -> Doubles:
    """Where a camera's picture shows points (n, 3): (n, 2) from the top left."""
    poses, fields = seen_by.over(1)
    view = np.linalg.inv(poses[0])
    y = points @ view[:3, :3].T + view[:3, 3]
    focal = seen_by.height / 2 / np.tan(fields[0] / 2)
    flat = y[:, :2] / -y[:, 2:] * (focal, -focal)
    return np.asarray(flat + np.divide((seen_by.width, seen_by.height), 2))


def places(
    vertices: Doubles, arkit: Doubles, poses: Doubles = STILL, trans: tuple[float, float, float] | Doubles = (0, 0, 0)
) -> Doubles:
    """The landmarks (478, 3) of a posed head."""
    head = load_head()
    body = replace(head.avatar, vertices=vertices.astype(np.float32))
    return np.asarray(head.landmarks @ posed_vertices(body, poses, trans, arkit).astype(np.float64))


def lip_gap(vertices: Doubles, arkit: Doubles) -> float:
    """Millimetres between the middles of the lips."""
    seen = places(vertices, arkit)
    return 1000 * float(seen[13, 1] - seen[14, 1])


def lids_apart(vertices: Doubles, arkit: Doubles) -> float:
    """Millimetres between the lids, of the narrower eye."""
    seen = places(vertices, arkit)
    return 1000 * float(min(seen[159, 1] - seen[145, 1], seen[386, 1] - seen[374, 1]))
