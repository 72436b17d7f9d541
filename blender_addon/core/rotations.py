"""Rotations as Blender wants them: quaternions (w, x, y, z) in a bone's own rest frame."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def in_frame(axis_angle: NDArray[Any], basis: NDArray[Any]) -> Floats:
    """The same rotation, written in another frame.

    axis_angle : (..., 3) rotation vectors, radians
    basis      : (3, 3) rotation matrix whose columns are the other frame's axes

    With R for `basis` this is the conjugation R^-1 q R, which turns the axis and leaves the angle.
    """
    return np.asarray(axis_angle, np.float64) @ np.asarray(basis, np.float64)


def quaternions(axis_angle: NDArray[Any]) -> Floats:
    """Rotation vectors (T, 3) in radians as unit quaternions (T, 4), without jumps of sign from frame to frame.

    q and -q are the same rotation, but between keys a curve would go the long way round.
    """
    vectors = np.asarray(axis_angle, np.float64)
    half = np.linalg.norm(vectors, axis=-1, keepdims=True) / 2
    # np.sinc(x) is sin(pi x) / (pi x): exact at zero too
    q: Floats = np.concatenate([np.cos(half), vectors / 2 * np.sinc(half / np.pi)], axis=-1)
    if len(q) > 1:
        flips = np.where((q[1:] * q[:-1]).sum(axis=-1) < 0, -1.0, 1.0)
        q[1:] *= np.cumprod(flips)[:, None]
    return q
