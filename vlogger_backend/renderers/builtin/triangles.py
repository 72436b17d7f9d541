"""Triangles in a picture: which of them is where, and where in it a point is."""

from __future__ import annotations

import numpy as np

from ...avatars.avatar import Ints
from ...camera import Doubles


def numbered(corners: Doubles, shape: tuple[int, ...]) -> Ints:
    """Which of the triangles (n, 3, 2) is at each pixel (H, W); -1 where there is none."""
    import cv2

    picture = np.full(shape, -1, np.float32)
    for number, triangle in enumerate(np.rint(corners * 16 - 8).astype(np.int32)):
        cv2.fillConvexPoly(picture, triangle, (float(number),), shift=4)
    return picture.astype(np.int32)


def shares_in(points: Doubles, corners: Doubles) -> Doubles:
    """Barycentric coordinates (n, 3) of `points` (n, 2) in the triangles `corners` (n, 3, 2), none below zero."""
    a, b, c = corners[:, 0], corners[:, 1], corners[:, 2]
    u, v, w = b - a, c - a, points - a
    area = u[:, 0] * v[:, 1] - u[:, 1] * v[:, 0]
    area = np.where(np.abs(area) < 1e-9, 1e-9, area)
    second = (w[:, 0] * v[:, 1] - w[:, 1] * v[:, 0]) / area
    third = (u[:, 0] * w[:, 1] - u[:, 1] * w[:, 0]) / area
    shares = np.clip(np.column_stack([1 - second - third, second, third]), 0, 1)
    return np.asarray(shares / shares.sum(axis=1, keepdims=True))
