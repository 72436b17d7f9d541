"""Quaternions as the other ways in which bones are rotated in Blender: Euler angles in any order, axis and angle."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

_LOCKED = 1e-3
"""Below this cosine of the middle angle the first and the last turn about the same axis."""


def eulers(q: Floats, order: str, before: Floats | None = None) -> Floats:
    """Unit quaternions (T, 4) as Euler angles (T, 3) in x, y, z, radians, without jumps from frame to frame.

    order  : as Blender's rotation modes; "XYZ" turns about X first. Of the two ways to write a rotation, and all the
             full turns, each frame takes what is nearest to the frame before
    before : (3,) the angles of the frame before the first, if there is one
    """
    i, j, k = ("XYZ".index(axis) for axis in order)
    sign = 1.0 if (j - i) % 3 == 1 else -1.0
    m = _matrices(q)
    middle = np.arcsin(np.clip(-sign * m[:, k, i], -1, 1))
    first = np.arctan2(sign * m[:, k, j], m[:, k, k])
    last = np.arctan2(sign * m[:, j, i], m[:, i, i])
    locked = np.cos(middle) < _LOCKED
    if locked.any():
        # Only the sum or difference is known: the last stays as it was, the first has the rest
        free = np.flatnonzero(~locked)
        last = np.interp(np.arange(len(q)), free, np.unwrap(last[free])) if len(free) else np.zeros(len(q))
        both = np.arctan2(-sign * m[:, j, k], m[:, j, j])
        first = np.where(locked, both + np.sign(middle) * sign * last, first)
    angles = np.empty((len(q), 3))
    angles[:, i], angles[:, j], angles[:, k] = first, middle, last
    other = np.empty((len(q), 3))
    other[:, i], other[:, j], other[:, k] = first + np.pi, np.pi - middle, last + np.pi
    if before is not None and _distance(before[None], other[:1]) < _distance(before[None], angles[:1]):
        angles, other = other, angles
    # From one frame to the next, staying is as far in one writing as in the other, and so is changing over.
    stay, change = _distance(angles[:-1], angles[1:]), _distance(angles[:-1], other[1:])
    changed = np.concatenate([[0], np.cumsum(change < stay)]) % 2 == 1
    unwrapped: Floats = np.unwrap(np.where(changed[:, None], other, angles), axis=0)
    return unwrapped if before is None else unwrapped + 2 * np.pi * np.round((before - unwrapped[0]) / (2 * np.pi))


def axis_angles(q: Floats, before: Floats | None = None) -> Floats:
    """Unit quaternions (T, 4), each near the one before, as angle and axis (T, 4), as Blender has them.

    The axis keeps its side, so the angle may be negative; where nothing turns, it is that of the frames around.
    `before` (4,) is what the frame before the first had, if there is one.
    """
    sine = np.linalg.norm(q[:, 1:], axis=1)
    axis = np.zeros((len(q), 3))
    turning = np.flatnonzero(sine > 1e-7)
    if not len(turning):
        return np.tile(np.array([0.0, 0.0, 1.0, 0.0]) if before is None else before * [0, 1, 1, 1], (len(q), 1))
    unit = q[turning, 1:] / sine[turning, None]
    flips = np.cumprod(np.concatenate([[1.0], np.where(np.einsum("ti,ti->t", unit[1:], unit[:-1]) < 0, -1.0, 1.0)]))
    for column in range(3):
        axis[:, column] = np.interp(np.arange(len(q)), turning, unit[:, column] * flips)
    axis /= np.linalg.norm(axis, axis=1, keepdims=True)
    if before is not None and axis[0] @ before[1:] < 0:
        axis = -axis
    angle = np.unwrap(2 * np.arctan2(np.einsum("ti,ti->t", q[:, 1:], axis), q[:, 0]))
    if before is not None:
        angle += 2 * np.pi * np.round((before[0] - angle[0]) / (2 * np.pi))
    return np.concatenate([angle[:, None], axis], axis=1)


def _distance(one: Floats, other: Floats) -> Floats:
    """How far apart angles (T, 3) are, full turns left out."""
    apart = (other - one + np.pi) % (2 * np.pi) - np.pi
    distance: Floats = np.abs(apart).sum(axis=1)
    return distance


def _matrices(q: Floats) -> Floats:
    w, x, y, z = (q / np.linalg.norm(q, axis=1, keepdims=True)).T
    return np.stack([
        np.stack([1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)], axis=-1),
        np.stack([2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)], axis=-1),
        np.stack([2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)], axis=-1),
    ], axis=-2)  # fmt: skip
