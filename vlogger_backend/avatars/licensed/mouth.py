"""The inside of a model's mouth, which is darker than skin.

The landmarks along the inner edge of the lips lie on a ring round the mouth. What that ring cuts off from the rest of
the skin is the lining of the mouth, whatever the mesh is like. The lips' edges themselves stay skin. Where the lining
ends in a hole, or there is none, the hole is closed, so that nobody looks through the head.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.sparse.csgraph import connected_components, dijkstra

from .body_model import BodyModel, Doubles, Ints
from .built_in import LOWER_LIP, UPPER_LIP
from .head import landmarks_of

_RING = (43, 51)
"""Landmarks along the inner edge of the lips, all round."""
_JAW = (0.25, 0.5)
"""Its weight on the upper lip is less than the first, on the lower more than the other."""
_LIPS = 0.004
"""Metres from the ring along the skin, up to which the lining is still lips."""


@dataclass(frozen=True, eq=False)
class Lining:
    """The inside of a mouth.

    deep : (V,) metres along the skin from where the lips end to each vertex of it, 0 at and outside of the lips
    lid  : (k, 3) triangles that close the holes in it
    """

    deep: Doubles
    lid: Ints


def lining_of(model: BodyModel) -> Lining:
    """The inside of the mouth of a model; nothing if it has no landmarks of the face."""
    nothing = Lining(np.zeros(len(model.template)), np.zeros((0, 3), np.int32))
    if model.landmarks is None:
        return nothing
    graph = _edges(model.template, model.faces)
    ring = _ring(model, graph)
    if not len(ring):
        return nothing
    inside = _cut_off(graph, ring)
    away = dijkstra(graph, directed=False, indices=ring, min_only=True)
    deep = np.where(inside, np.clip(away - _LIPS, 0, None), 0)
    return Lining(deep, _lid(model.template, model.faces, inside | (away < 2 * _LIPS)))


def _edges(places: Doubles, faces: Ints) -> sparse.csr_matrix:
    """How long the edges of a mesh are, (V, V)."""
    ends = np.unique(np.sort(faces[:, [0, 1, 1, 2, 2, 0]].reshape(-1, 2), axis=1), axis=0)
    ends = ends[ends[:, 0] != ends[:, 1]]
    lengths = np.maximum(np.linalg.norm(places[ends[:, 0]] - places[ends[:, 1]], axis=1), 1e-9)
    return sparse.csr_matrix((lengths, ends.T), (len(places), len(places)))


def _ring(model: BodyModel, graph: sparse.csr_matrix) -> NDArray[np.intp]:
    """Vertices from landmark to landmark round the inner edge of the lips; none if they don't hang together."""
    marks = _marks(model)
    ways = dijkstra(graph, directed=False, indices=marks, return_predecessors=True)[1]
    ring = set()
    for way, mark, last in zip(ways, marks, np.roll(marks, -1), strict=True):
        at = int(last)
        while at >= 0 and at != mark:
            ring.add(at)
            at = int(way[at])
        if at < 0:
            return np.zeros(0, np.intp)
    return np.array(sorted(ring), np.intp)


def _marks(model: BodyModel) -> NDArray[np.intp]:
    """The vertices (8,) nearest to the landmarks along the inner edge, each on its own lip: the jaw moves the lower.

    Where lips touch, a landmark that is off by a hair is on the other one.
    """
    places = landmarks_of(model)[0]
    jaw = model.weights[:, model.joints.index("jaw")]
    marks = []
    for number in range(*_RING):
        mine = jaw < _JAW[0] if number in UPPER_LIP else jaw > _JAW[1] if number in LOWER_LIP else jaw >= 0
        off = np.linalg.norm(model.template - places[number], axis=1)
        marks.append(int(np.where(mine, off, np.inf).argmin()))
    return np.array(marks, np.intp)


def _cut_off(graph: sparse.csr_matrix, ring: NDArray[np.intp]) -> NDArray[np.bool_]:
    """(V,) what the ring parts from the most of the surface that it is on."""
    rest = np.ones(graph.shape[0], bool)
    rest[ring] = False
    kept = sparse.diags(rest.astype(float))
    label = connected_components(kept @ graph @ kept, directed=False)[1]
    beside = np.unique((graph + graph.T)[ring].indices)
    parts = np.unique(label[beside[rest[beside]]])
    if not len(parts):
        return np.zeros(len(rest), bool)
    most = max(parts, key=lambda part: int((label == part).sum()))
    return np.asarray(rest & np.isin(label, parts) & (label != most))


def _lid(places: Doubles, faces: Ints, inside: NDArray[np.bool_]) -> Ints:
    """Triangles (k, 3) over the holes whose edge is all `inside` (V,)."""
    triangles: list[tuple[int, int, int]] = []
    for edge in _holes(faces, inside):
        corner = int(places[edge, 0].argmax())
        hole = edge[corner:] + edge[:corner]
        first, last = 0, len(hole) - 1
        while last - first > 1:  # from corner to corner of the mouth
            triangles.append((hole[first], hole[first + 1], hole[last]))
            first += 1
            if last - first > 1:
                triangles.append((hole[first], hole[last - 1], hole[last]))
                last -= 1
    return np.array(triangles, np.int32).reshape(-1, 3)


def _holes(faces: Ints, inside: NDArray[np.bool_]) -> list[list[int]]:
    """The vertices round each hole, the way that triangles over it go; holes may meet in a vertex."""
    ways = np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]])
    there = set(map(tuple, ways[inside[ways].all(axis=1)].tolist()))
    after: dict[int, list[int]] = {}
    for a, b in sorted(there):
        if (b, a) not in there:
            after.setdefault(b, []).append(a)
    holes: list[list[int]] = []
    for start in list(after):
        path = [start]
        while further := after.get(path[-1]):
            step = further.pop()
            if step in path:
                at = path.index(step)
                holes.append(path[at:])
                del path[at + 1 :]
            else:
                path.append(step)
    return holes
