"""The built-in avatar's ARKit shapes on a model's own head.

The registration is continued from the skin into space (a cubic spline through where its points go), and a shape is
carried by taking both ends of each way there: where a point is at rest, and where the shape takes it. So what meets
on the built-in head, lids or lips, meets on the model too, however large its eyes are; sizes and directions follow.
mouthClose is carried from where jawOpen is, which it closes.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.interpolate import RBFInterpolator
from scipy.sparse.linalg import splu

from ...motion.names import ARKIT_INDEX
from .body_model import BodyModel, Doubles
from .built_in import Face
from .head import Registration
from .surface import smoothness

_GRID = 0.006
"""Metres between the points that carry space; half of it near eyes and lips."""
_FINE = 0.025
_SPLINE_NOISE = 1e-8
_LEAST = 2e-5  # metres: what moves less doesn't move
_FILLED = 0.0015
"""Metres: over this length a carried shape is smoothed where it is well known."""
_UNKNOWN = 1e-6
_EDGES, _IMPORTANCE, _EDGE = slice(19, 51), 8.0, 0.006
"""Landmarks of lids and lips, how much more skin counts there, and how near to them, metres."""


@dataclass(frozen=True, eq=False)
class Carried:
    """The 52 ARKit shapes on a model's head, metres.

    numbers : (m,) the model's vertices that they may move: head and neck without the eyeballs
    shapes  : (52, m, 3) displacement at weight 1, that of mouthClose on top of jawOpen; none for tongueOut, since
              these models have no tongue
    share   : (m,) how much each vertex counts: its share of the skin's area where shapes move it, lips and lids more;
              0 elsewhere; the sum is 1
    """

    numbers: NDArray[np.intp]
    shapes: Doubles
    share: Doubles


def carried(model: BodyModel, face: Face, there: Registration) -> Carried:
    """Carry the shapes over a registration."""
    space = _space(face, there)
    opened = face.vertices + face.shapes[ARKIT_INDEX["jawOpen"]]
    shapes = np.zeros_like(face.shapes)
    for number, shape in enumerate(face.shapes):
        start = opened if number == ARKIT_INDEX["mouthClose"] else face.vertices
        moving = np.linalg.norm(shape, axis=1) > _LEAST
        shapes[number, moving] = space(start[moving] + shape[moving]) - space(start[moving])
    on_model = np.stack([there.source @ shape for shape in shapes])
    on_model[ARKIT_INDEX["tongueOut"]] = 0
    vertices = model.template[there.numbers]
    laplacian, area = smoothness(vertices, there.faces)
    known = area * (there.trust + _UNKNOWN)
    system = splu(sparse.csc_matrix(sparse.diags(known) + _FILLED**2 * laplacian))
    columns = on_model.transpose(1, 0, 2).reshape(len(vertices), -1)
    filled = system.solve(known[:, None] * columns).reshape(len(vertices), -1, 3).transpose(1, 0, 2)
    moved = np.linalg.norm(filled, axis=2).max(axis=0) > 5e-4
    outside = there.source @ face.outside.astype(float) > 0.5
    edges = face.landmarks[_EDGES]
    off = np.linalg.norm((there.source @ face.vertices)[:, None] - edges, axis=2).min(axis=1)
    share = area * moved * outside * (1 + _IMPORTANCE * np.exp(-((off / _EDGE) ** 2)))
    return Carried(there.numbers, np.ascontiguousarray(filled), share / share.sum())


def _space(face: Face, there: Registration) -> RBFInterpolator:
    """Where points round the built-in head (k, 3) are round the model's (k, 3)."""
    eyes_and_mouth = np.concatenate([face.eyes, face.landmarks[[43, 45, 47]]])
    near = np.linalg.norm(face.vertices[:, None] - eyes_and_mouth, axis=2).min(axis=1)
    cell = np.where(near < _FINE, _GRID / 2, _GRID)
    cells = np.column_stack([np.floor(face.vertices / cell[:, None]), cell * 1e6]).astype(int)
    chosen = np.unique(cells, axis=0, return_index=True)[1]
    chosen = np.sort(chosen[face.outside[chosen]])
    return RBFInterpolator(face.vertices[chosen], there.laid[chosen], kernel="cubic", smoothing=_SPLINE_NOISE, degree=1)
