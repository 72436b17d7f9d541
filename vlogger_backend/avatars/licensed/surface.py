"""Triangle meshes as surfaces: what is nearest on them, and how smooth a field on them is."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.spatial import cKDTree

from .body_model import Doubles, Ints

_CANDIDATES = 24
_OBTUSE = 0.05
"""The least cotangent that counts: with the negative ones of obtuse triangles a field could fold."""


@dataclass(frozen=True, eq=False)
class Matches:
    """Points of a surface, one for each point asked about.

    corners : (n, 3) vertices of the triangle
    shares  : (n, 3) barycentric coordinates
    places  : (n, 3)
    normals : (n, 3) of the triangle
    trust   : (n,) 0 where nothing fits, up to 1
    """

    corners: Ints
    shares: Doubles
    places: Doubles
    normals: Doubles
    trust: Doubles


class Surface:
    """A mesh that can be asked for its nearest points. `lip` (n,) is 1 on the lower lip, -1 on the upper, else 0."""

    def __init__(self, vertices: Doubles, faces: Ints, lip: NDArray[np.int8]) -> None:
        self._faces = faces
        self._corners = vertices[faces]
        self._lip = np.sign(lip[faces].astype(int).sum(axis=1))
        normals = np.cross(self._corners[:, 1] - self._corners[:, 0], self._corners[:, 2] - self._corners[:, 0])
        self._normals = normals / np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-15)
        self._tree = cKDTree(self._corners.mean(axis=1))

    def nearest(self, points: Doubles, normals: Doubles, lip: NDArray[np.int8], reach: float) -> Matches:
        """The nearest points that face the same way as `normals` (n, 3) and are not of the other lip.

        What is further away than about `reach`, metres, or faces elsewhere is trusted less.
        """
        from trimesh.triangles import closest_point, points_to_barycentric

        near = self._tree.query(points, k=_CANDIDATES)[1]
        flat = near.ravel()
        asked = np.repeat(points, _CANDIDATES, axis=0)
        places = np.asarray(closest_point(self._corners[flat], asked)).reshape(*near.shape, 3)  # type: ignore[no-untyped-call]
        off = np.linalg.norm(places - points[:, None], axis=2)
        facing = np.einsum("nkc,nc->nk", self._normals[near], normals)
        other = self._lip[near] * lip[:, None] < 0
        cost = off + reach * np.clip(1 - facing, 0, 2) + 1e3 * other
        best = cost.argmin(axis=1)
        rows = np.arange(len(points))
        chosen, places = near[rows, best], places[rows, best]
        trust = np.exp(-((off[rows, best] / reach) ** 2)) * np.clip((facing[rows, best] - 0.3) / 0.4, 0, 1)
        trust[other[rows, best]] = 0
        shares = points_to_barycentric(self._corners[chosen], places)  # type: ignore[no-untyped-call]
        shares = np.nan_to_num(shares, nan=1 / 3)
        return Matches(
            self._faces[chosen], np.clip(shares, 0, 1), places, self._normals[chosen], np.asarray(trust, np.float64)
        )


def smoothness(vertices: Doubles, faces: Ints) -> tuple[sparse.csr_matrix, Doubles]:
    """The cotangent Laplacian (n, n), positive, and each vertex' share of the area (n,) (Pinkall and Polthier 1993)."""
    count = len(vertices)
    laplacian = sparse.csr_matrix((count, count))
    area = np.zeros(count)
    for corner in range(3):
        at, one, other = (faces[:, (corner + i) % 3] for i in range(3))
        a, b = vertices[one] - vertices[at], vertices[other] - vertices[at]
        double = np.maximum(np.linalg.norm(np.cross(a, b), axis=1), 1e-12)
        weight = np.clip((a * b).sum(axis=1) / double, _OBTUSE, 10) / 2
        laplacian += sparse.csr_matrix((weight, (one, other)), (count, count))
        np.add.at(area, at, double / 6)
    laplacian = laplacian + laplacian.T
    laplacian = sparse.diags(np.asarray(laplacian.sum(axis=1)).ravel()) - laplacian
    return sparse.csr_matrix(laplacian), np.maximum(area, 1e-9)
