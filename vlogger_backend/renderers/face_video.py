"""Wan-Animate's face video: the head alone, as large in every frame, painted by any renderer.

The square is cut as Wan-Animate's own preprocessing cuts it (`get_face_bboxes` in
`wan/modules/animate/preprocess/utils.py`): round iBUG's 68 landmarks, 1.3 times their box's area, and more of the
forehead than of the neck.
"""

from __future__ import annotations

import math
from collections.abc import Generator
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from ..avatars.posing import posed_vertices
from ..camera import Camera
from ..progress import Progress, no_progress
from .compositing import straight_over
from .renderer import Renderer, Scene
from .skeleton import IBUG, Picture, project

_GREATER = 1.3
_MARGIN = 1.7
"""The side of the head's picture, in diameters of its landmarks: enough for the square, however the head is turned."""
_LEAST_SIDE = 64
_GREY = np.full(3, 127, np.uint8)


def face_video(
    scene: Scene, renderer: Renderer, side: int, progress: Progress = no_progress
) -> Generator[Picture, None, None]:
    """Yield the face (side, side, 3) in each of the scene's frames, before grey, seen from where its camera stands."""
    places = [_landmarks(scene, frame) for frame in range(scene.first, scene.last + 1)]
    camera = _head_camera(scene, places, max(side, _LEAST_SIDE))
    poses, fields = camera.over(len(places))
    for frame, picture in renderer.paint(replace(scene, camera=camera), progress):
        index = frame - scene.first
        pixels, _ = project(places[index], poses[index], float(fields[index]), (camera.width, camera.height))
        yield _cut(picture, pixels, side)


def _landmarks(scene: Scene, frame: int) -> NDArray[np.float32]:
    """Where the 68 landmarks are in a frame, (68, 3)."""
    figure, motion = scene.in_photo, scene.motion
    vertices = posed_vertices(figure.avatar, motion.poses[frame], motion.trans[frame], motion.arkit[frame])
    return np.asarray((figure.landmarks @ vertices)[list(IBUG)], np.float32)


def _head_camera(scene: Scene, places: list[NDArray[np.float32]], side: int) -> Camera:
    """Where the scene's camera stands, but turned to the head and filled by it."""
    eyes, _ = scene.camera.over(len(places))
    poses, fields = np.empty((len(places), 4, 4)), np.empty(len(places))
    for index, (eye, points) in enumerate(zip(eyes, places, strict=True)):
        middle = points.mean(axis=0)
        back = eye[:3, 3] - middle
        away = float(np.linalg.norm(back))
        poses[index] = _looking(eye, back / away if away > 1e-6 else eye[:3, 2])
        radius = float(np.linalg.norm(points - middle, axis=1).max())
        fields[index] = 2 * math.atan(_MARGIN * radius / max(away, radius))
    return Camera.of((side, side), poses, fields.tolist())


def _looking(eye: NDArray[np.float64], back: NDArray[np.float64]) -> NDArray[np.float64]:
    """A camera's pose (4, 4), turned so that it looks against `back`, as upright as it was."""
    right = np.cross(eye[:3, 1], back)
    if np.linalg.norm(right) < 1e-6:  # it would look along its own upright
        right = eye[:3, 0]
    right = right / np.linalg.norm(right)
    pose = np.eye(4)
    pose[:3] = np.column_stack([right, np.cross(back, right), back, eye[:3, 3]])
    return pose


def _cut(picture: Picture, pixels: NDArray[np.float32], side: int) -> Picture:
    """The square round the landmarks' pixels (68, 2), stretched to `side` pixels each way as the original does."""
    import cv2

    flat = straight_over(picture, _GREY)
    low, high = pixels.min(axis=0), pixels.max(axis=0)
    width, height = (high - low) * (math.sqrt(_GREATER) - 1)
    left, top = np.maximum(low - (width / 2, 3 * height / 4), 0).astype(int)
    right, bottom = np.minimum(high + np.array((width / 2, height / 4)), flat.shape[1::-1]).astype(int)
    return np.asarray(cv2.resize(flat[top : max(bottom, top + 1), left : max(right, left + 1)], (side, side)), np.uint8)
