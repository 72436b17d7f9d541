"""Cameras made of a portrait's own: its framing as it is, and moves that begin with it and stay near.

Moves are small, since one photo shows one side of a person.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from ..camera import Camera
from ..painting import Move, Painting, even_size
from ..portraits.portrait import Fit, Portrait

Doubles = NDArray[np.float64]

_CLOSER = 0.15
"""The part of the way to the head that a dolly goes."""
_TURN = math.radians(5)
"""How far an orbit goes to either side."""
_PERIOD = 8.0
"""Seconds of an orbit, there and back."""
_SHAKE = (0.15, 1.6)
"""Hz between which a hand moves a camera (most of it is slow)."""
_WAVES = 8
_SWAY, _TREMBLE = 0.008, math.radians(0.45)
"""Metres and radians by which a hand moves a camera at most, for each metre to the head and along each axis."""


def shot_camera(portrait: Portrait, painting: Painting, fps: float, first: int, last: int) -> Camera:
    """The camera of the frames `first` to `last`, as the painting asks.

    Raises InputError if it moves for another number of frames.
    """
    if isinstance(painting.camera, Camera):
        painting.camera.over(last - first + 1)
        return painting.camera
    own = portrait.fit.camera
    still = own.pinhole()
    size = even_size((own.width, own.height), painting.longest)
    if painting.camera is None:
        return Camera.of(size, still.pose, still.field)
    times = np.arange(first, last + 1) / fps
    moved = _moved(painting.camera, still.pose, away_from_head(portrait.fit), times, painting.seed)
    return Camera.of(size, moved, still.field)


def away_from_head(fit: Fit) -> float:
    """Metres from the photo's camera to the head, along its axis."""
    from ..avatars.library import load_avatar

    pose = fit.camera.pinhole().pose
    face = fit.vertices[np.unique(load_avatar().faces_of("face"))].mean(axis=0)
    return max(0.05, -float((face - pose[:3, 3]) @ pose[:3, 2]))


def _moved(move: Move, pose: Doubles, away: float, times: Doubles, seed: int) -> Doubles:
    """Poses (n, 4, 4) at `times` in seconds of the take."""
    poses = np.tile(pose, (len(times), 1, 1))
    if move == "dolly":
        part = (times - times[0]) / max(times[-1] - times[0], 1e-9)
        poses[:, :3, 3] -= np.outer((1 - np.cos(np.pi * part)) / 2 * _CLOSER * away, pose[:3, 2])
        return poses
    if move == "orbit":
        angles = _TURN * np.sin(2 * np.pi * (times - times[0]) / _PERIOD)
        turns = Rotation.from_rotvec(np.outer(angles, [0.0, 1.0, 0.0])).as_matrix()
        poses[:, :3, :3] = pose[:3, :3] @ turns
        poses[:, :3, 3] = pose[:3, 3] + away * (poses[:, :3, 2] - pose[:3, 2])
        return poses
    sway, tremble = np.split(_hand(times, seed), 2, axis=1)
    turns = Rotation.from_rotvec(tremble * _TREMBLE * (1, 1, 0.5)).as_matrix()
    poses[:, :3, :3] = pose[:3, :3] @ turns
    poses[:, :3, 3] += sway * _SWAY * away @ pose[:3, :3].T
    return poses


def _hand(times: Doubles, seed: int) -> Doubles:
    """Six smooth curves (n, 6), each at most 1 in size, which depend on the take's time alone."""
    random = np.random.default_rng(seed)
    rates = np.exp(random.uniform(math.log(_SHAKE[0]), math.log(_SHAKE[1]), (_WAVES, 6)))
    phases = random.uniform(0, 2 * np.pi, (_WAVES, 6))
    sizes = 1 / rates
    waves = np.sin(2 * np.pi * rates * times[:, None, None] + phases)
    return np.asarray((waves * sizes).sum(axis=1) / sizes.sum(axis=0))
