"""The sheet: the photo's person as one surface that the fitted head moves.

Inside the face it is the avatar's own mesh, each visible vertex of which keeps the photo's pixel that it was seen at. Outside
(hair, ears, neck, shoulders) it is a grid over the photo that joins the face's outline without a seam and follows it
smoothly. So at rest the sheet is the photo, pixel by pixel.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage, sparse
from scipy.sparse import csgraph
from scipy.sparse.linalg import splu
from scipy.spatial import Delaunay, cKDTree

from ...avatars.avatar import Avatar
from ...camera import Camera
from ...motion.names import JOINT_NAMES

Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]
Ints = NDArray[np.int32]

_FACING = 0.18
"""Least cosine between a face triangle and the line of sight for it to take the photo's pixels as they are."""
_GRID = 90
"""Cells of the grid along the photo's longer side."""
_REACH = 0.075
"""Metres round the face within which the skin beside it follows its expressions."""


@dataclass(frozen=True, eq=False)
class Flesh:
    """Points that the avatar's head moves: rest places (N, 3), morphs (N * 3, 52) and joint weights (N, 55)."""

    rest: Floats
    morphs: sparse.csr_matrix
    weights: sparse.csr_matrix


def seen(camera: Camera, points: Floats) -> tuple[Doubles, Doubles]:
    """Pixels (N, 2) from the picture's top left, and depths (N,) in metres, of points (N, 3) before a still camera."""
    poses, fields = camera.over(1)
    view = np.linalg.inv(poses[0])
    places = points @ view[:3, :3].T + view[:3, 3]
    depth = -places[:, 2]
    focal = camera.height / 2 / np.tan(fields[0] / 2)
    return places[:, :2] / depth[:, None] * (focal, -focal) + (camera.width / 2, camera.height / 2), depth


def unseen(camera: Camera, pixels: Doubles, depth: Doubles) -> Doubles:
    """The inverse of `seen`."""
    poses, fields = camera.over(1)
    focal = camera.height / 2 / np.tan(fields[0] / 2)
    flat = (pixels - (camera.width / 2, camera.height / 2)) / (focal, -focal) * depth[:, None]
    return np.hstack([flat, -depth[:, None]]) @ poses[0][:3, :3].T + poses[0][:3, 3]


@dataclass(frozen=True, eq=False)
class Sheet:
    """Flesh with triangles, and where in the photo each vertex was.

    flesh  : N points
    faces  : (F, 3)
    pixels : (N, 2) from the photo's top left
    depths : (N,) metres before the photo's camera
    hidden : (N,) whether the photo doesn't show the vertex; its pixel is where it would be seen
    """

    flesh: Flesh
    faces: Ints
    pixels: Doubles
    depths: Doubles
    hidden: NDArray[np.bool_]


_TORSO = {"pelvis", "spine1", "spine2", "spine3", "neck", "head"}


def avatar_flesh(avatar: Avatar, chosen: Ints) -> Flesh:
    """The avatar's vertices `chosen` (n,) as flesh; what hangs on the arms hangs on the chest, since a photo's arms
    are not where the avatar's are."""
    count = len(avatar.vertices)
    numbered = np.full(count, -1)
    numbered[chosen] = np.arange(len(chosen))
    rows, columns, values = [], [], []
    for index, morph in enumerate(avatar.morphs):
        kept = numbered[morph.vertices] >= 0
        at = numbered[morph.vertices[kept]]
        rows.append((at[:, None] * 3 + np.arange(3)).ravel())
        values.append(morph.offsets[kept].ravel())
        columns.append(np.full(len(at) * 3, index))
    morphs = sparse.csr_matrix(
        (np.concatenate(values), (np.concatenate(rows), np.concatenate(columns))),
        shape=(len(chosen) * 3, len(avatar.morphs)),
        dtype=np.float32,
    )
    weights = np.zeros((len(chosen), len(JOINT_NAMES)), np.float32)
    for column in range(4):
        np.add.at(
            weights,
            (np.arange(len(chosen)), avatar.joint_indices[chosen, column]),
            avatar.joint_weights[chosen, column],
        )
    return Flesh(avatar.vertices[chosen].astype(np.float32), morphs, sparse.csr_matrix(_on_the_trunk(weights)))


def _on_the_trunk(weights: Floats) -> Floats:
    trunk = np.array([name in _TORSO for name in JOINT_NAMES])
    chest = JOINT_NAMES.index("spine3")
    moved = np.where(trunk, weights, 0)
    moved[:, chest] += weights[:, ~trunk].sum(axis=1)
    return np.asarray(moved, np.float32)


def build_sheet(avatar: Avatar, camera: Camera, arkit: Floats, matte: NDArray[np.uint8], oval: Doubles) -> Sheet:
    """The sheet of the photo seen by `camera` in which `avatar`, shaped like the person, has the expression `arkit`.

    `matte` (H, W) says where the person is; `oval` (n, 2) is the outline of the face in the photo.
    """
    every = avatar_flesh(avatar, np.arange(len(avatar.vertices), dtype=np.int32))
    posed = every.rest + (every.morphs @ arkit).reshape(-1, 3)
    pixels, depth = seen(camera, posed)
    triangles = avatar.faces_of("face")
    shown = _shown(avatar, posed, pixels, depth, triangles, camera, oval)
    region = triangles[shown]
    visible = np.zeros(len(posed), bool)
    visible[region] = True
    hidden = triangles[~shown & _beside_openings(avatar, triangles)]
    used, numbered = np.unique(np.concatenate([region, hidden]), return_inverse=True)
    face = avatar_flesh(avatar, used.astype(np.int32))
    inside = numbered.reshape(-1, 3)
    shown_as = Sheet(face, inside, pixels[used], depth[used], ~visible[used])
    beside = _surroundings(
        avatar, camera, arkit, matte, shown_as, np.searchsorted(used, region), hidden, (posed, pixels, depth)
    )
    return _joined(shown_as, beside)


def _shown(avatar, posed, pixels, depth, triangles, camera, oval) -> NDArray[np.bool_]:
    """Which triangles of the face the photo shows well: facing it, not covered, within the face's outline, connected."""
    import cv2

    corners = posed[triangles]
    normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    eye = camera.over(1)[0][0][:3, 3]
    lines = eye - corners.mean(axis=1)
    cosine = np.einsum("fi,fi->f", normals, lines) / np.maximum(
        np.linalg.norm(normals, axis=1) * np.linalg.norm(lines, axis=1), 1e-12
    )
    outline = np.zeros((camera.height, camera.width), np.uint8)
    cv2.fillPoly(outline, [np.rint(oval).astype(np.int32)], 1)
    middle = np.rint(pixels[triangles].mean(axis=1)).astype(int)
    within = (middle >= 0).all(1) & (middle < (camera.width, camera.height)).all(1)
    middle = np.clip(middle, 0, (camera.width - 1, camera.height - 1))
    within &= outline[middle[:, 1], middle[:, 0]] > 0
    nearest = _depth_picture(avatar, pixels, depth, camera)
    covered = depth[triangles].mean(axis=1) > nearest[middle[:, 1], middle[:, 0]] + 0.004
    good = (cosine > _FACING) & within & ~covered
    return good & _largest_piece(triangles, good)


def _depth_picture(avatar: Avatar, pixels: Doubles, depth: Doubles, camera: Camera, names=("face", "skin")) -> Doubles:
    """The depth (H, W) of the nearest surface, infinite where there is none; good to a triangle."""
    import cv2

    faces = np.concatenate([avatar.faces_of(name) for name in names])
    corners, deep = pixels[faces], depth[faces].mean(axis=1)
    picture = np.full((camera.height, camera.width), np.inf, np.float32)
    for index in np.argsort(-deep):
        cv2.fillConvexPoly(picture, np.rint(corners[index]).astype(np.int32), float(deep[index]))
    return picture


def _largest_piece(triangles: Ints, chosen: NDArray[np.bool_]) -> NDArray[np.bool_]:
    kept = triangles[chosen]
    count = int(triangles.max()) + 1
    edges = kept[:, [0, 1, 1, 2, 2, 0]].reshape(-1, 2)
    graph = sparse.coo_matrix((np.ones(len(edges)), edges.T), shape=(count, count))
    labels = csgraph.connected_components(graph, directed=False)[1]
    largest = np.bincount(labels[kept[:, 0]]).argmax()
    return np.asarray(labels[triangles[:, 0]] == largest)


def _beside_openings(avatar: Avatar, triangles: Ints) -> NDArray[np.bool_]:
    """The triangles round mouth, eyes and nostrils: what opens shows more of them."""
    middle = avatar.vertices[triangles].mean(axis=1)
    teeth = avatar.vertices[np.unique(avatar.faces_of("teeth"))]
    eyes = avatar.vertices[np.unique(avatar.faces_of("eyes"))]
    face = avatar.vertices[np.unique(avatar.faces_of("face"))]
    mouth = np.array([0, teeth[:, 1].mean(), teeth[:, 2].max()])
    near = np.linalg.norm(middle - mouth, axis=1) < 0.042
    near |= np.linalg.norm(middle - face[face[:, 2].argmax()], axis=1) < 0.024
    for side in (eyes[eyes[:, 0] > 0], eyes[eyes[:, 0] < 0]):
        centre = (side.min(0) + side.max(0)) / 2
        near |= np.linalg.norm(middle - centre, axis=1) < 0.024
    return np.asarray(near)


def _joined(one: Sheet, other: Sheet) -> Sheet:
    flesh = Flesh(
        np.vstack([one.flesh.rest, other.flesh.rest]),
        sparse.vstack([one.flesh.morphs, other.flesh.morphs]).tocsr(),
        sparse.vstack([one.flesh.weights, other.flesh.weights]).tocsr(),
    )
    return Sheet(
        flesh,
        np.vstack([one.faces, other.faces + len(one.pixels)]).astype(np.int32),
        np.vstack([one.pixels, other.pixels]),
        np.concatenate([one.depths, other.depths]),
        np.concatenate([one.hidden, other.hidden]),
    )


def _surroundings(avatar, camera, arkit, matte, face: Sheet, region, hidden, seen_as) -> Sheet:
    """A grid over the rest of the person, which reaches a little under the face's edge and goes with it there."""
    height, width = matte.shape
    step = max(height, width) / _GRID
    points = _grid(width, height, step)
    person = ndimage.binary_dilation(matte > 2, iterations=int(1.5 * step))
    numbers = _numbered(region, face.pixels, matte.shape)
    openings = _numbered(hidden, seen_as[1], matte.shape)
    inwards = ndimage.distance_transform_edt(ndimage.binary_fill_holes(numbers >= 0))
    x, y = np.clip(np.rint(points).astype(int), 0, (width - 1, height - 1)).T
    under = (numbers[y, x] >= 0) & (inwards[y, x] > 0.3 * step) & (inwards[y, x] < 2.4 * step)
    gap = (numbers < 0) & ~ndimage.binary_dilation(openings >= 0, iterations=2)
    outside = person[y, x] & ((inwards[y, x] <= 0.3 * step) | gap[y, x])
    points = np.vstack([points[under], points[outside]])
    fixed = int(under.sum())
    around = Delaunay(points).simplices
    corners = points[around]
    longest = np.linalg.norm(corners - np.roll(corners, 1, axis=1), axis=2).max(axis=1)
    around = around[longest < 2 * step]
    return _followed(avatar, camera, arkit, points, around, face, region[numbers[y, x][under]], seen_as)


def _grid(width: int, height: int, step: float) -> Doubles:
    """Points (n, 2) in rows, every other one shifted, over the picture and some way beyond its edges."""
    margin = 6 * step
    xs, ys = np.meshgrid(np.arange(-margin, width + margin, step), np.arange(-margin, height + margin, step * 0.87))
    xs[1::2] += step / 2
    return np.column_stack([xs.ravel(), ys.ravel()])


def _numbered(region: Ints, pixels: Doubles, shape: tuple[int, ...]) -> Ints:
    """Which triangle of `region` is at each pixel (H, W); -1 where there is none."""
    import cv2

    picture = np.full(shape, -1, np.float32)
    for number, corners in enumerate(np.rint(pixels[region] * 16).astype(np.int32)):
        cv2.fillConvexPoly(picture, corners, float(number), shift=4)
    return picture.astype(np.int32)


def _followed(avatar, camera, arkit, points, around, face: Sheet, carriers, seen_as) -> Sheet:
    """The grid's points as flesh: the first ones lie on the triangles `carriers` of the face, the others follow them."""
    posed, pixels, depth = seen_as
    count, fixed = len(points), len(carriers)
    edges = around[:, [0, 1, 1, 2, 2, 0]].reshape(-1, 2)
    graph = sparse.coo_matrix((np.ones(len(edges)), edges.T), shape=(count, count)).tocsr()
    graph = ((graph + graph.T) > 0).astype(np.float64)
    laplacian = (sparse.diags(np.asarray(graph.sum(axis=1)).ravel()) - graph).tocsr()
    step = np.median(np.linalg.norm(points[edges[:, 0]] - points[edges[:, 1]], axis=1))
    focal = camera.height / 2 / np.tan(camera.fields[0] / 2)

    shares = _shares(points[:fixed], face.pixels[carriers])
    carried_depth = np.einsum("fk,fk->f", shares, face.depths[carriers]) + 0.0015
    picture = _depth_picture(avatar, pixels, depth, camera, ("face", "skin", "jumper"))
    at = np.clip(np.rint(points).astype(int), 0, (camera.width - 1, camera.height - 1))
    found = picture[at[:, 1], at[:, 0]]
    known = np.isfinite(found)
    goal = np.where(known, found, carried_depth.mean())
    pull = np.where(known, 0.3, 1e-4)
    deep = _settled(laplacian, pull, goal[:, None], fixed, carried_depth[:, None])[:, 0]

    metres = step * carried_depth.mean() / focal
    spring = 1.5 * (metres / 0.045) ** 2
    matrix = sparse.csr_matrix(
        (shares.ravel(), (np.repeat(np.arange(fixed), 3), carriers.ravel())), shape=(fixed, len(face.pixels))
    )
    morphs = (sparse.kron(matrix, sparse.eye(3)) @ face.flesh.morphs).toarray().reshape(fixed, -1)
    morphs = _settled(laplacian, np.full(count, spring), np.zeros((count, morphs.shape[1])), fixed, morphs)

    weights = _settled(
        laplacian,
        np.full(count, 0.25),
        _beside(avatar, camera, points, pixels, depth, picture, step),
        fixed,
        (matrix @ face.flesh.weights).toarray(),
    )
    weights = np.where(weights > 1e-3, weights, 0)
    weights /= weights.sum(axis=1, keepdims=True)
    offsets = morphs.reshape(count, 3, -1)
    rest = unseen(camera, points, deep) - offsets @ arkit
    offsets[np.abs(offsets) < 2e-5] = 0
    flesh = Flesh(
        rest.astype(np.float32),
        sparse.csr_matrix(offsets.reshape(-1, offsets.shape[2]).astype(np.float32)),
        sparse.csr_matrix(weights.astype(np.float32)),
    )
    return Sheet(flesh, around.astype(np.int32), points, deep, np.zeros(count, bool))


def _shares(points: Doubles, corners: Doubles) -> Doubles:
    """Barycentric coordinates (n, 3) of `points` (n, 2) in the triangles `corners` (n, 3, 2), none below zero."""
    a, b, c = corners[:, 0], corners[:, 1], corners[:, 2]
    u, v, w = b - a, c - a, points - a
    area = u[:, 0] * v[:, 1] - u[:, 1] * v[:, 0]
    area = np.where(np.abs(area) < 1e-9, 1e-9, area)
    second = (w[:, 0] * v[:, 1] - w[:, 1] * v[:, 0]) / area
    third = (u[:, 0] * w[:, 1] - u[:, 1] * w[:, 0]) / area
    shares = np.clip(np.column_stack([1 - second - third, second, third]), 0, 1)
    return np.asarray(shares / shares.sum(axis=1, keepdims=True))


def _beside(avatar, camera, points, pixels, depth, picture, step) -> Doubles:
    """Joint weights (n, 55) of the avatar's visible surface near each point of the picture."""
    body = np.unique(np.concatenate([avatar.faces_of(name).ravel() for name in ("face", "skin", "jumper")]))
    at = np.clip(np.rint(pixels[body]).astype(int), 0, (camera.width - 1, camera.height - 1))
    body = body[depth[body] < picture[at[:, 1], at[:, 0]] + 0.02]
    distance, nearest = cKDTree(pixels[body]).query(points, k=6)
    near = 1 / (distance + step / 4)
    near /= near.sum(axis=1, keepdims=True)
    weights = avatar_flesh(avatar, body.astype(np.int32)).weights.toarray()
    return np.asarray(np.einsum("pk,pkj->pj", near, weights[nearest]))


def _settled(laplacian, pull, goal, fixed, ends):
    """Values (n, k) as smooth as the graph wants them, drawn to `goal` by `pull` (n,), the first `fixed` being `ends`."""
    free = laplacian[fixed:]
    system = free[:, fixed:] + sparse.diags(pull[fixed:])
    right = pull[fixed:, None] * goal[fixed:] - free[:, :fixed] @ ends
    return np.vstack([ends, splu(system.tocsc()).solve(np.asarray(right))])
