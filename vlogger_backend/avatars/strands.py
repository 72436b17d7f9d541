"""Hair as geometry: many narrow strips that taper to a point, no see-through textures needed."""

from __future__ import annotations

import numpy as np
from scipy import sparse

from .anny_body import Doubles
from .avatar import Material
from .parts import Part


def strand_part(
    material: Material, paths: Doubles, across: Doubles, widths: Doubles, shades: Doubles, binding: sparse.csr_matrix
) -> Part:
    """One strip for each path.

    paths   : (n, k, 3) from root to tip
    across  : (n, k, 3) unit vectors along which a strip is wide; its front looks along (path x across)
    widths  : (n, k - 1) metres, at all but the tip
    shades  : (n,) 0 to 1, which column of the texture colours the strip; v runs from root (0) to tip (1)
    binding : (n * k, V) sparse, of the path's points
    """
    count, points = paths.shape[:2]
    half = across[:, :-1] * (widths / 2)[..., None]
    body = np.stack([paths[:, :-1] - half, paths[:, :-1] + half], axis=2).reshape(count, -1, 3)
    vertices = np.concatenate([body, paths[:, -1:]], axis=1)
    pairs = 2 * np.arange(points - 2)
    quads = np.concatenate(
        [np.stack([pairs, pairs + 3, pairs + 1], axis=1), np.stack([pairs, pairs + 2, pairs + 3], axis=1)]
    )
    last = 2 * (points - 1)
    faces = np.concatenate([quads, [[last - 2, last, last - 1]]])
    size = 2 * (points - 1) + 1
    v = np.concatenate([np.repeat(np.arange(points - 1), 2), [points - 1]]) / (points - 1)
    side = np.concatenate([np.tile([-1.0, 1.0], points - 1), [0.0]])
    u = np.clip(shades[:, None] * 0.9 + 0.05 + side * 0.04, 0, 1)
    uvs = np.stack([u, np.broadcast_to(v, u.shape)], axis=-1)
    rows = np.arange(count)[:, None] * points
    rows = rows + np.concatenate([np.repeat(np.arange(points - 1), 2), [points - 1]])
    return Part(
        material,
        vertices.reshape(-1, 3),
        (faces[None] + np.arange(count)[:, None, None] * size).reshape(-1, 3).astype(np.int32),
        uvs[:, faces].reshape(-1, 3, 2).astype(np.float32),
        binding[rows.ravel()],
    )


def unit(vectors: Doubles) -> Doubles:
    """The vectors (..., 3) at length 1."""
    return np.asarray(vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-12))
