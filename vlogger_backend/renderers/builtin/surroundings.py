"""What is round the face in a photo (hair, ears, neck, clothes) as a grid that follows the face and the body."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage, sparse
from scipy.sparse.linalg import splu
from scipy.spatial import Delaunay, cKDTree

from ...avatars.avatar import Ints
from ...camera import Doubles
from .flesh import Flesh, InPhoto, avatar_flesh
from .triangles import numbered, shares_in

_CELLS = 90
"""Of the grid, along the photo's longer side."""
_BEYOND = 6
"""Cells that the grid goes on beyond the photo's edges, for when the person moves."""
_UNDER = 0.3
"""Cells inside the face from which on the grid goes with it."""
_CLEAR = 0.4
"""Cells between the grid and what opens."""
_BEHIND = 0.0015
"""Metres by which it lies under the face."""
_FADING = 0.045
"""Metres beside the face over which its expressions fade out."""
_BODY = ("face", "skin", "jumper")
_LEAST_OFFSET = 2e-5


@dataclass(frozen=True, eq=False)
class Surroundings:
    """flesh (n points), faces (F, 3), and where the points are in the photo: pixels (n, 2), depths (n,) in metres."""

    flesh: Flesh
    faces: Ints
    pixels: Doubles
    depths: Doubles


def surroundings(
    shown: InPhoto, matte: NDArray[np.uint8], face: Flesh, used: Ints, region: Ints, openings: NDArray[np.bool_]
) -> Surroundings:
    """The grid over the whole person, under the face too, so that no gap in that shows what is behind the person.

    used     : (n,) the avatar's vertices that `face` is made of
    region   : (r, 3) the triangles of `face` that the photo shows
    openings : (H, W) where eyes and mouth are, over which there must be no grid
    """
    height, width = matte.shape
    step = max(height, width) / _CELLS
    points = _grid(width, height, step)
    person = ndimage.binary_dilation(matte > 2, iterations=int(1.5 * step))
    numbers = numbered(shown.pixels[used][region], matte.shape)
    inwards = ndimage.distance_transform_edt(numbers >= 0) / step
    beside = ndimage.distance_transform_edt(~openings) / step
    cells = shown.cells(points)
    free = beside[cells] > _CLEAR
    under = free & (inwards[cells] > _UNDER)
    outside = free & person[cells] & ~under
    carriers = region[numbers[cells][under]]
    points = np.vstack([points[under], points[outside]])
    faces = Delaunay(points).simplices
    corners = points[faces]
    longest = np.linalg.norm(corners - np.roll(corners, 1, axis=1), axis=2).max(axis=1)
    over = openings[shown.cells(corners.mean(axis=1))]
    faces = faces[(longest < 2 * step) & ~over].astype(np.int32)
    return _followed(shown, points, faces, face, used, carriers, step)


def _grid(width: int, height: int, step: float) -> Doubles:
    """Points (n, 2) in rows, every other one shifted, over the picture and some way beyond its edges."""
    margin = _BEYOND * step
    xs, ys = np.meshgrid(np.arange(-margin, width + margin, step), np.arange(-margin, height + margin, step * 0.87))
    xs[1::2] += step / 2
    return np.column_stack([xs.ravel(), ys.ravel()])


def _followed(
    shown: InPhoto, points: Doubles, faces: Ints, face: Flesh, used: Ints, carriers: Ints, step: float
) -> Surroundings:
    """The grid's points as flesh: the first lie on the triangles `carriers` of the face, the others follow them."""
    count, fixed = len(points), len(carriers)
    smooth = _laplacian(faces, count)
    shares = shares_in(points[:fixed], shown.pixels[used][carriers])
    carried = sparse.csr_matrix(
        (shares.ravel(), (np.repeat(np.arange(fixed), 3), carriers.ravel())), shape=(fixed, len(used))
    )
    ends = carried @ shown.depths[used] + _BEHIND
    surface = shown.depth_picture(_BODY)
    found = surface[shown.cells(points)]
    known = np.isfinite(found)
    goal = np.where(known, found, ends.mean())
    depths = _settled(smooth, np.where(known, 0.3, 1e-4), goal[:, None], ends[:, None])[:, 0]

    fading = 1.5 * (step * ends.mean() / shown.view.focal / _FADING) ** 2
    ends = (sparse.kron(carried, sparse.eye(3)) @ face.morphs).toarray().reshape(fixed, -1)
    offsets = _settled(smooth, np.full(count, fading), np.zeros((count, ends.shape[1])), ends).reshape(count, 3, -1)

    ends = (carried @ face.weights).toarray()
    weights = _settled(smooth, np.full(count, 0.25), _nearby_weights(shown, surface, points, step), ends)
    weights = np.where(weights > 1e-3, weights, 0)
    weights /= weights.sum(axis=1, keepdims=True)

    rest = shown.view.unseen(points, depths) - offsets @ shown.arkit
    offsets[np.abs(offsets) < _LEAST_OFFSET] = 0
    flesh = Flesh(
        rest.astype(np.float32),
        sparse.csr_matrix(offsets.reshape(count * 3, -1).astype(np.float32)),
        sparse.csr_matrix(weights.astype(np.float32)),
    )
    return Surroundings(flesh, faces, points, depths)


def _laplacian(faces: Ints, count: int) -> sparse.csr_matrix:
    edges = faces[:, [0, 1, 1, 2, 2, 0]].reshape(-1, 2)
    graph = sparse.coo_matrix((np.ones(len(edges)), edges.T), shape=(count, count)).tocsr()
    graph = ((graph + graph.T) > 0).astype(np.float64)
    return (sparse.diags(np.asarray(graph.sum(axis=1)).ravel()) - graph).tocsr()


def _nearby_weights(shown: InPhoto, surface: NDArray[np.float32], points: Doubles, step: float) -> Doubles:
    """Joint weights (n, 55) of the avatar's visible surface near each of the photo's `points` (n, 2)."""
    body = np.unique(np.concatenate([shown.avatar.faces_of(name).ravel() for name in _BODY])).astype(np.int32)
    body = body[shown.depths[body] < surface[shown.cells(shown.pixels[body])] + 0.02]
    distances, nearest = cKDTree(shown.pixels[body]).query(points, k=6)
    near = 1 / (distances + step / 4)
    near /= near.sum(axis=1, keepdims=True)
    weights = avatar_flesh(shown.avatar, body).weights.toarray()
    return np.asarray(np.einsum("pk,pkj->pj", near, weights[nearest]))


def _settled(smooth: sparse.csr_matrix, pull: Doubles, goal: Doubles, ends: Doubles) -> Doubles:
    """Values (n, k) as smooth over the grid as may be, drawn to `goal` by `pull` (n,); the first are `ends` (f, k)."""
    fixed = len(ends)
    free = smooth[fixed:]
    system = free[:, fixed:] + sparse.diags(pull[fixed:])
    right = np.asarray(pull[fixed:, None] * goal[fixed:] - free[:, :fixed] @ ends)
    solved = np.zeros_like(right)
    there = right.any(axis=0)
    # The system is symmetric and positive definite, which makes for few entries in its factors.
    factors = splu(system.tocsc(), permc_spec="MMD_AT_PLUS_A", diag_pivot_thresh=0, options={"SymmetricMode": True})
    solved[:, there] = factors.solve(right[:, there])
    return np.vstack([ends, solved])
