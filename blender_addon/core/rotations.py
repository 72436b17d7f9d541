"""Rotations as Blender wants them: quaternions (w, x, y, z), the last axis of an array."""

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
    """Rotation vectors (T, 3) in radians as unit quaternions (T, 4), without jumps of sign from frame to frame."""
    return continuous(from_vectors(axis_angle))


def continuous(q: Floats, before: Floats | None = None) -> Floats:
    """The same rotations (T, 4), with signs such that no quaternion is far from the one before.

    q and -q are the same rotation, but between keys a curve would go the long way round. `before` (4,) is the
    quaternion of the frame before the first, if there is one.
    """
    last = np.concatenate([q[:1] if before is None else before[None], q[:-1]])
    turned = np.cumsum(np.einsum("ti,ti->t", q, last) < 0) % 2
    return np.asarray(q * (1.0 - 2.0 * turned)[:, None]) if turned.any() else q


def from_vectors(axis_angle: NDArray[Any]) -> Floats:
    """Rotation vectors (..., 3) in radians as unit quaternions (..., 4)."""
    vectors = np.asarray(axis_angle, np.float64)
    half = np.sqrt(np.einsum("...i,...i->...", vectors, vectors))[..., None] / 2
    # np.sinc(x) is sin(pi x) / (pi x): exact at zero too
    q: Floats = np.concatenate([np.cos(half), vectors / 2 * np.sinc(half / np.pi)], axis=-1)
    return q


def to_vectors(q: Floats) -> Floats:
    """Unit quaternions (..., 4) as rotation vectors (..., 3), radians, of at most half a turn."""
    near = np.where(q[..., :1] < 0, -q, q)
    length = np.linalg.norm(near[..., 1:], axis=-1, keepdims=True)
    angle = 2 * np.arctan2(length, near[..., :1])
    return np.asarray(near[..., 1:] * np.where(length > 1e-9, angle / np.maximum(length, 1e-12), 2.0))


def about(axis: Floats, angle: Floats | float) -> Floats:
    """The turns (..., 4) by `angle` (...), radians, about a unit `axis` (..., 3)."""
    return from_vectors(np.asarray(axis, np.float64) * np.asarray(angle, np.float64)[..., None])


def from_matrix(matrix: Floats) -> Floats:
    """Rotation matrices (..., 3, 3) as quaternions (..., 4): the eigenvector of Bar-Itzhack (2000), at any angle."""
    (a, b, c), (d, e, f), (g, h, i) = np.moveaxis(np.asarray(matrix, np.float64), (-2, -1), (0, 1))
    k = np.array([
        [a - e - i, b + d, c + g, h - f],
        [b + d, e - a - i, f + h, c - g],
        [c + g, f + h, i - a - e, d - b],
        [h - f, c - g, d - b, a + e + i],
    ])  # fmt: skip
    largest = np.linalg.eigh(np.moveaxis(k, (0, 1), (-2, -1)))[1][..., -1]
    turn = np.roll(largest, 1, axis=-1)  # from x, y, z, w
    return np.where(turn[..., :1] < 0, -turn, turn)


def multiply(a: Floats, b: Floats) -> Floats:
    """First `b`, then `a`; both (..., 4)."""
    if b.ndim == 1:  # the same for all: one product of matrices, ten times as fast
        w, x, y, z = b
        return np.asarray(a @ np.array([[w, x, y, z], [-x, w, -z, y], [-y, z, w, -x], [-z, -y, x, w]]))
    aw, ax, ay, az = np.moveaxis(a, -1, 0)
    bw, bx, by, bz = np.moveaxis(b, -1, 0)
    out = np.empty(np.broadcast_shapes(a.shape, b.shape))
    out[..., 0] = aw * bw - ax * bx - ay * by - az * bz
    out[..., 1] = aw * bx + ax * bw + ay * bz - az * by
    out[..., 2] = aw * by - ax * bz + ay * bw + az * bx
    out[..., 3] = aw * bz + ax * by - ay * bx + az * bw
    return out


def inverse(q: Floats) -> Floats:
    """The turns back (..., 4)."""
    return np.asarray(q * np.array([1.0, -1.0, -1.0, -1.0]))


def rotate(q: Floats, vectors: Floats) -> Floats:
    """`vectors` (..., 3) turned by `q` (..., 4)."""
    w, axis = q[..., :1], q[..., 1:]
    twice = 2 * np.cross(axis, vectors)
    turned: Floats = vectors + w * twice + np.cross(axis, twice)
    return turned


def swing(start: Floats, end: Floats) -> Floats:
    """The smallest turns (..., 4) that bring the directions `start` (..., 3) to `end` (..., 3), of any length."""
    start, end = np.broadcast_arrays(_unit(start), _unit(end))
    cosine = np.einsum("...i,...i->...", start, end)
    q = np.concatenate([1 + cosine[..., None], np.cross(start, end)], axis=-1)
    opposite = cosine < -1 + 1e-9  # then any axis across will do
    if opposite.any():
        across = np.cross(start, np.eye(3)[np.argmin(np.abs(start), axis=-1)])
        q[opposite] = np.concatenate([np.zeros_like(cosine)[..., None], across], axis=-1)[opposite]
    return _unit(q)


def twist(q: Floats, axis: Floats) -> Floats:
    """By how much, in radians (...), -pi to pi, the turns `q` (..., 4) turn about the unit `axis` (3,)."""
    angle = 2 * np.arctan2(q[..., 1:] @ axis, q[..., 0])
    return np.asarray((angle + np.pi) % (2 * np.pi) - np.pi)


def blend(turns: list[Floats], weights: list[float]) -> Floats:
    """Between turns (T, 4) that are not far apart: their weighted mean (Markley et al. 2007, to first order)."""
    first = turns[0]
    total = np.zeros_like(first)
    for q, weight in zip(turns, weights, strict=True):
        same = np.einsum("...i,...i->...", q, first) >= 0
        total += np.where(same, weight, -weight)[..., None] * q
    return _unit(total)


def _unit(vectors: Floats) -> Floats:
    vectors = np.asarray(vectors, np.float64)
    length = np.sqrt(np.einsum("...i,...i->...", vectors, vectors))[..., None]
    unit: Floats = vectors / np.maximum(length, 1e-30)
    return unit
