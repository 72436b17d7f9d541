"""The sheet: the photo's person as one surface that the fitted head moves.

Inside the face it is the avatar's own mesh, each visible vertex of which keeps the photo's pixel that it was seen at.
Outside (hair, ears, neck, shoulders) it is a grid over the photo that goes on under the face and follows it smoothly.
So at rest the sheet is the photo, pixel by pixel.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.sparse import csgraph

from ...avatars.avatar import Avatar, Ints
from ...camera import Doubles
from ...portraits.landmarks import LEFT_EYE, OUTER_LIPS, OVAL, RIGHT_EYE
from .filling import polygon
from .flesh import Flesh, InPhoto, avatar_flesh, joined
from .surroundings import surroundings

_FACING = 0.18
"""Least cosine between a face triangle and the line of sight for it to take the photo's pixels as they are."""
_FACING_AT_THE_RIM = 0.4
"""The same at the face's rim. Steeper ones go far back in a few pixels: a turned head would show them as spikes."""
_SMOOTHINGS = 3
"""Of the face's rim."""
_COVERED = 0.004
"""Metres behind something else at which a triangle is hidden by it."""
_REACHES = {"mouth": 0.042, "nose": 0.024, "eye": 0.024}
"""Metres round an opening's middle within which skin may come to light."""


@dataclass(frozen=True, eq=False)
class Sheet:
    """Flesh with triangles, and where in the photo each of its n vertices was.

    flesh  : of the vertices
    faces  : (F, 3)
    pixels : (n, 2) from the photo's top left
    depths : (n,) metres before the photo's camera
    hidden : (n,) whether the photo doesn't show the vertex; its pixel is where it would be seen
    """

    flesh: Flesh
    faces: Ints
    pixels: Doubles
    depths: Doubles
    hidden: NDArray[np.bool_]


def build_sheet(shown: InPhoto, matte: NDArray[np.uint8], landmarks: Doubles) -> Sheet:
    """The sheet of a photo. `matte` (H, W) says where the person is, `landmarks` (478, 2) are the face's pixels."""
    avatar = shown.avatar
    triangles = avatar.faces_of("face")
    plain = _plain(shown, triangles, landmarks[list(OVAL)])
    coming = triangles[~plain & (_beside_openings(avatar, triangles) | _surrounded(triangles, ~plain))]
    region = triangles[plain]
    used, numbered = np.unique(np.concatenate([region, coming]), return_inverse=True)
    face = avatar_flesh(avatar, used.astype(np.int32))
    visible = np.isin(used, region)
    faces = numbered.reshape(-1, 3).astype(np.int32)
    openings = np.max([polygon(landmarks[list(o)], matte.shape) for o in (OUTER_LIPS, LEFT_EYE, RIGHT_EYE)], axis=0)
    beside = surroundings(shown, matte, face, used.astype(np.int32), faces[: len(region)], openings > 0)
    return Sheet(
        joined(face, beside.flesh),
        np.vstack([faces, beside.faces + len(used)]).astype(np.int32),
        np.vstack([shown.pixels[used], beside.pixels]),
        np.concatenate([shown.depths[used], beside.depths]),
        np.concatenate([~visible, np.zeros(len(beside.pixels), bool)]),
    )


def _plain(shown: InPhoto, triangles: Ints, oval: Doubles) -> NDArray[np.bool_]:
    """Which triangles the photo shows plainly: turned to it, not covered, inside the face's outline, and connected."""
    import cv2

    corners = shown.posed[triangles]
    normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    lines = shown.view.pose[:3, 3] - corners.mean(axis=1)
    lengths = np.linalg.norm(normals, axis=1) * np.linalg.norm(lines, axis=1)
    facing = np.einsum("fi,fi->f", normals, lines) / np.maximum(lengths, 1e-12)
    outline = np.zeros(shown.view.size[::-1], np.uint8)
    cv2.fillPoly(outline, [np.rint(oval).astype(np.int32)], (1,))
    middles = shown.pixels[triangles].mean(axis=1)
    cells = shown.cells(middles)
    within = (outline[cells] > 0) & ((middles >= 0) & (middles < outline.shape[::-1])).all(axis=1)
    nearest = shown.depth_picture(("face", "skin"))[cells]
    deep = shown.depths[triangles].mean(axis=1)
    # The depth picture is a pixel off at places, which is much depth where a triangle is seen from its side.
    doubt = deep / shown.view.focal * np.sqrt(1 - np.clip(facing, _FACING, 1) ** 2) / np.clip(facing, _FACING, 1)
    plain = (facing > _FACING) & within & (deep <= nearest + _COVERED + doubt)
    inner = plain & (facing > _FACING_AT_THE_RIM)
    plain &= inner | _surrounded(triangles, ~inner)
    return _without_spikes(triangles, plain & _largest_piece(triangles, plain))


def _without_spikes(triangles: Ints, chosen: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Which of the `chosen` triangles stay if those go that hang on the others by one edge or none, so that the rim is
    smooth."""
    edges = np.sort(triangles[:, [0, 1, 1, 2, 2, 0]].reshape(-1, 2), axis=1)
    edges = np.unique(edges, axis=0, return_inverse=True)[1].reshape(-1, 3)
    triangles_at = np.bincount(edges.ravel())
    chosen = chosen.copy()
    for _ in range(_SMOOTHINGS):
        chosen_at = np.bincount(edges[chosen].ravel(), minlength=len(triangles_at))
        chosen &= ((chosen_at == 1) & (triangles_at > 1))[edges].sum(axis=1) < 2
    return chosen


def _largest_piece(triangles: Ints, chosen: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Which triangles touch the largest connected piece of the `chosen` ones."""
    if not chosen.any():
        return chosen
    count = int(triangles.max()) + 1
    edges = triangles[chosen][:, [0, 1, 1, 2, 2, 0]].reshape(-1, 2)
    graph = sparse.coo_matrix((np.ones(len(edges)), edges.T), shape=(count, count))
    labels = csgraph.connected_components(graph, directed=False)[1]
    return np.asarray(labels[triangles[:, 0]] == np.bincount(labels[triangles[chosen, 0]]).argmax())


def _surrounded(triangles: Ints, chosen: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Which of the `chosen` triangles are in holes that the others leave, not outside round them all."""
    return np.asarray(chosen & ~_largest_piece(triangles, chosen))


def _beside_openings(avatar: Avatar, triangles: Ints) -> NDArray[np.bool_]:
    """The triangles round mouth, eyes and nostrils: what moves there brings more of them to light."""
    middles = avatar.vertices[triangles].mean(axis=1)
    teeth, eyes, face = (avatar.vertices[np.unique(avatar.faces_of(name))] for name in ("teeth", "eyes", "face"))
    left, right = eyes[eyes[:, 0] > 0], eyes[eyes[:, 0] < 0]
    openings = (
        (np.array([0, teeth[:, 1].mean(), teeth[:, 2].max()]), _REACHES["mouth"]),
        (face[face[:, 2].argmax()], _REACHES["nose"]),
        ((left.min(axis=0) + left.max(axis=0)) / 2, _REACHES["eye"]),
        ((right.min(axis=0) + right.max(axis=0)) / 2, _REACHES["eye"]),
    )
    near = [np.linalg.norm(middles - middle, axis=1) < reach for middle, reach in openings]
    return np.asarray(np.any(near, axis=0))
