"""Painting textures in a mesh's uv space: what a texel lies on, seamless noise, cavities, and encoding."""

from __future__ import annotations

import io
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage, sparse

from .anny_body import Doubles
from .avatar import Floats, Ints


@dataclass(frozen=True, eq=False)
class Atlas:
    """Which face, and where on it, each texel of a `size` x `size` texture shows; gaps take the nearest texel's.

    face   : (size, size), top row first as in a picture
    inside : (size, size, 3) barycentric
    """

    face: Ints
    inside: Floats

    def sample(self, values: Doubles | Floats, faces: Ints) -> Floats:
        """Per-vertex values (n, k) at every texel, (size, size, k)."""
        return self.sample_corners(values[faces])

    def sample_corners(self, values: Doubles | Floats) -> Floats:
        """Per-corner values (f, 3, k) at every texel, (size, size, k)."""
        return np.asarray(np.einsum("hwck,hwc->hwk", values[self.face], self.inside), np.float32)


def atlas(uvs: Floats, size: int) -> Atlas:
    """Rasterise the triangles `uvs` (f, 3, 2), v up."""
    face = np.full((size, size), -1, np.int32)
    inside = np.zeros((size, size, 3), np.float32)
    places = np.stack([uvs[..., 0], 1 - uvs[..., 1]], axis=-1).astype(np.float64) * size - 0.5
    lows = np.clip(np.floor(places.min(axis=1) - 0.5).astype(int), 0, size - 1)
    highs = np.clip(np.ceil(places.max(axis=1) + 0.5).astype(int), 0, size - 1)
    for index, ((ax, ay), (bx, by), (cx, cy)) in enumerate(places):
        area = (bx - ax) * (cy - ay) - (by - ay) * (cx - ax)
        if abs(area) < 1e-9:
            continue
        (x0, y0), (x1, y1) = lows[index], highs[index]
        y, x = np.mgrid[y0 : y1 + 1, x0 : x1 + 1]
        b = ((x - ax) * (cy - ay) - (y - ay) * (cx - ax)) / area
        c = ((bx - ax) * (y - ay) - (by - ay) * (x - ax)) / area
        weights = np.stack([1 - b - c, b, c], axis=-1)
        hit = (weights >= -1e-6).all(axis=-1)
        face[y[hit], x[hit]] = index
        inside[y[hit], x[hit]] = weights[hit]
    nearest = ndimage.distance_transform_edt(face < 0, return_distances=False, return_indices=True)
    return Atlas(face[tuple(nearest)], inside[tuple(nearest)])


def noise(points: Doubles | Floats, size: float, seed: int) -> Floats:
    """Smooth noise, about -1 to 1, at `points` (..., 3), with features of `size` metres; the same on every seam."""
    lattice = _lattice(seed)
    places = np.moveaxis(np.asarray(points, np.float32) / size, -1, 0)
    flat = places.reshape(3, -1)
    values = ndimage.map_coordinates(lattice, flat, order=1, mode="grid-wrap")
    return np.asarray(values.reshape(places.shape[1:]), np.float32)


@lru_cache(maxsize=8)
def _lattice(seed: int) -> Floats:
    random = np.random.default_rng(seed).normal(size=(48, 48, 48))
    smooth = ndimage.gaussian_filter(random, 0.7, mode="wrap")
    return np.asarray(smooth / smooth.std() / 1.6, np.float32)


_CREASES = ((3, 0.0012, 1.0), (12, 0.0035, 0.9), (40, 0.010, 0.45))
"""Creases of three sizes: rounds of smoothing that fill them, their depth in metres, how dark they get."""


def cavity(vertices: Doubles, faces: Ints, normals: Doubles) -> Floats:
    """How hollow the surface is (n,): 0 flat or bulging, towards 1 in creases; a cheap stand-in for occlusion."""
    count = len(vertices)
    a, b = faces[:, [0, 1, 2, 1, 2, 0]].ravel(), faces[:, [1, 2, 0, 0, 1, 2]].ravel()
    links = sparse.csr_matrix((np.ones(len(a)), (a, b)), shape=(count, count))
    links.data[:] = 1
    spread = sparse.diags(1 / np.maximum(np.asarray(links.sum(axis=1)).ravel(), 1)) @ links
    hollow = np.zeros(count)
    smooth = vertices
    done = 0
    for rounds, depth, strength in _CREASES:
        for _ in range(rounds - done):
            smooth = spread @ smooth
        done = rounds
        out = np.einsum("vi,vi->v", smooth - vertices, normals)
        hollow = np.maximum(hollow, strength * np.tanh(np.maximum(out, 0) / depth))
    return np.asarray(spread @ hollow, np.float32)


def jpeg(color: Floats, quality: int = 88) -> bytes:
    """A picture (h, w, 3), sRGB 0 to 1, as a JPEG file."""
    from PIL import Image

    file = io.BytesIO()
    Image.fromarray(_bytes(color)).save(file, "JPEG", quality=quality, subsampling=0)
    return file.getvalue()


def png(color: Floats) -> bytes:
    """A picture (h, w, 3 or 4), sRGB 0 to 1, as a PNG file."""
    from PIL import Image

    file = io.BytesIO()
    Image.fromarray(_bytes(color)).save(file, "PNG", optimize=True)
    return file.getvalue()


def _bytes(color: Floats) -> NDArray[np.uint8]:
    return np.asarray(np.rint(np.clip(color, 0, 1) * 255), np.uint8)
