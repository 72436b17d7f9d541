"""Where a model's head is on the built-in one: the built-in face is laid over it.

First by the landmarks (position, rotation, size), then bent, coarse before fine, so that landmarks and skin meet: a
non-rigid registration by nearest points with normals (Amberg et al. 2007, "Optimal step nonrigid ICP"), with the
bending energy of the displacement in place of stiffness. A lip never meets the other one: which is which is told by
the jaw, which moves the lower.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.sparse.linalg import splu

from ...errors import InputError
from ...motion.names import EYE_JOINTS
from ..parts import vertex_normals
from ..similarity import similarity
from .body_model import BodyModel, Doubles, Ints
from .built_in import MOUTH, Face
from .surface import Surface, smoothness

_ROUNDS = (
    (0.060, 0.015, 0.020), (0.035, 0.012, 0.016), (0.020, 0.008, 0.012), (0.012, 0.005, 0.009),
    (0.007, 0.003, 0.007), (0.007, 0.002, 0.007), (0.005, 0.001, 0.006), (0.005, 0.001, 0.006),
)  # fmt: skip
"""Metres, coarse to fine: what is smoothed, how wide a landmark counts, how far skin may be away."""
_SLIDE = 0.02
"""How much moving along the skin counts, of moving away from it."""
_MEMBRANE = 0.02
_NEAR_MOUTH = 0.012
_REACH = 0.004
_UNLIKE = 0.015
"""Metres: how far a face's landmarks may be from the built-in one's on the average, position and size apart."""
_MOVING, _MET = 5e-4, 0.5
"""Metres that shapes move skin that matters, and how well that has to lie on the model's."""
_NO_LANDMARKS = (
    "{title} has no face landmarks, by which its brows, eyes, nose and lips are found, and no face was seen on its "
    "mesh when it was added; {remedy}."
)
_REMEDIES = {
    "flame": "put flame_static_embedding.pkl or landmark_embedding.npy, both of FLAME's makers, beside the file",
    "smplx": "register the file of SMPL-X 1.1, which has lmk_faces_idx and lmk_bary_coords",
}


@dataclass(frozen=True, eq=False)
class Registration:
    """How the built-in face and a model's head lie over one another.

    numbers : (m,) the model's vertices of head and neck, without eyeballs
    faces   : (g, 3) triangles between them, in numbers of this list
    laid    : (n, 3) where the built-in face's vertices are on the model's head, metres
    source  : (m, n) sparse; where each vertex of the model is on the built-in face, rows sum to one
    trust   : (m,) how well it is known, 0 to 1; 0 where the built-in face has no such part
    eyes    : (2, 3) centres of the model's eyeballs, left and right
    scale   : size of the model's head, the built-in one's being 1
    """

    numbers: NDArray[np.intp]
    faces: Ints
    laid: Doubles
    source: sparse.csr_matrix
    trust: Doubles
    eyes: Doubles
    scale: float


def registered(model: BodyModel, face: Face) -> Registration:
    """Lay the built-in face over the model's head as it is without any identity or expression.

    Raises InputError if the model has no landmarks, no joints for jaw and eyes, or a head that is none.
    """
    landmarks, eyes = landmarks_of(model)
    turn, scale, shift = similarity(np.concatenate([face.landmarks, face.eyes]), np.concatenate([landmarks, eyes]))
    start, marks = (scale * points @ turn.T + shift for points in (face.vertices, face.landmarks))
    if not 0.5 < scale < 2 or not np.linalg.norm(marks - landmarks, axis=1).mean() < _UNLIKE:
        raise InputError(
            f"The face landmarks of {model.title} don't lie like a face's; the file or its landmark file is "
            "damaged or another model's: fetch both again."
        )
    if _inside_out(model, turn[:, 2]):
        raise InputError(f"The mesh of {model.title} is inside out; fetch the file again from its makers.")
    numbers, faces = _head_of(model)
    vertices = model.template[numbers]
    jaw = model.weights[numbers, model.joints.index("jaw")]
    lips = lips_of(start, face.jaw, marks[list(MOUTH)])
    model_lips = lips_of(vertices, jaw, landmarks[list(MOUTH)])
    surface = Surface(vertices, faces, model_lips)
    laid = _bent(start, face, surface, lips, start[face.at] + landmarks - marks)
    normals = vertex_normals(laid, face.faces)
    moves = face.outside & (np.abs(face.shapes).max(axis=(0, 2)) > _MOVING)
    if surface.nearest(laid[moves], normals[moves], lips[moves], _REACH).trust.mean() < _MET:
        raise InputError(
            f"The built-in face can't be laid over that of {model.title}: its mesh is not its own; fetch the file "
            "again from its makers."
        )
    found = Surface(laid, face.faces, lips).nearest(vertices, vertex_normals(vertices, faces), model_lips, _REACH)
    rows = np.repeat(np.arange(len(numbers)), 3)
    shares = found.shares / found.shares.sum(axis=1, keepdims=True)
    source = sparse.csr_matrix((shares.ravel(), (rows, found.corners.ravel())), (len(numbers), len(laid)))
    return Registration(numbers, faces, laid, source, found.trust, eyes, scale)


def landmarks_of(model: BodyModel) -> tuple[Doubles, Doubles]:
    """Where the landmarks (51, 3) are on the model's template, and the middles of its eyes (2, 3).

    Raises InputError if it has no landmarks, or no eyes.
    """
    if model.landmarks is None:
        remedy = _REMEDIES.get(model.kind, "use a SMPL-X or FLAME file")
        raise InputError(_NO_LANDMARKS.format(title=model.title, remedy=remedy))
    corners = model.template[model.faces[model.landmarks.faces]]
    eyes = (model.regressor @ model.template)[list(eye_joints(model))]
    return np.einsum("lk,lkc->lc", model.landmarks.shares, corners), eyes


def _inside_out(model: BodyModel, forward: Doubles) -> bool:
    """Whether the triangles that the landmarks are in face backwards."""
    assert model.landmarks is not None
    a, b, c = model.template[model.faces[model.landmarks.faces]].transpose(1, 0, 2)
    return bool((np.cross(b - a, c - a) @ forward).sum() < 0)


def eye_joints(model: BodyModel) -> tuple[int, int]:
    """The numbers of the joints of the left and the right eye.

    Raises InputError if the model has none, or no jaw.
    """
    for name in ("jaw", *EYE_JOINTS):
        if name not in model.joints:
            raise InputError(
                f"{model.title} has no joints for jaw and eyes, so it has no expression; use a SMPL-X or FLAME file."
            )
    left, right = map(model.joints.index, EYE_JOINTS)
    return left, right


def _head_of(model: BodyModel) -> tuple[NDArray[np.intp], Ints]:
    """The model's vertices that head, jaw and neck move, without the eyeballs, and the triangles between them."""
    eyes = model.weights[:, list(eye_joints(model))].sum(axis=1)
    jaw = model.joints.index("jaw")
    chain = [jaw]
    while len(chain) < 4 and model.parents[chain[-1]] >= 0:
        chain.append(int(model.parents[chain[-1]]))
    followed = model.weights[:, chain].sum(axis=1)
    ours = (eyes < 0.5) & (followed > 0.3)
    faces = model.faces[ours[model.faces].all(axis=1)]
    numbers, numbered = np.unique(faces, return_inverse=True)
    return numbers.astype(np.intp), numbered.reshape(-1, 3).astype(np.int32)


def lips_of(vertices: Doubles, jaw: Doubles, seam: Doubles) -> NDArray[np.int8]:
    """(n,) 1 for the lower lip, -1 for the upper, 0 elsewhere and at the corners of the mouth."""
    steps = np.concatenate([np.linspace(a, b, 8) for a, b in pairwise(seam)])
    near = np.linalg.norm(vertices[:, None] - steps[None], axis=2).min(axis=1) < _NEAR_MOUTH
    inner = np.linalg.norm(vertices[:, None] - seam[[0, -1]], axis=2).min(axis=1) > _NEAR_MOUTH / 3
    lips = np.where(jaw > 0.5, 1, np.where(jaw < 0.25, -1, 0)) * (near & inner)
    return np.asarray(lips, np.int8)


def _bent(start: Doubles, face: Face, surface: Surface, lips: NDArray[np.int8], targets: Doubles) -> Doubles:
    """`start` (n, 3) bent so that landmarks are at `targets` (51, 3) and skin on the surface."""
    laplacian, area = smoothness(start, face.faces)
    bending = laplacian @ sparse.diags(1 / area) @ laplacian
    moved = np.zeros_like(start)
    count = len(start)
    at = np.arange(3 * count).reshape(count, 3)
    rows, columns = at.repeat(3, axis=1).ravel(), np.tile(at, 3).ravel()
    marks = np.zeros(count)
    np.add.at(marks, face.at, 1.0)
    wanted = np.zeros_like(start)
    np.add.at(wanted, face.at, targets - start[face.at])
    for number, (smooth, wide, reach) in enumerate(_ROUNDS):
        stiff = smooth**4 * bending + _MEMBRANE * smooth**2 * laplacian
        now = start + moved
        found = surface.nearest(now, vertex_normals(now, face.faces), lips, reach)
        weight = area * found.trust * face.outside * (number > 0)
        held = np.pi * wide**2 * marks
        system = sparse.kron(stiff, sparse.identity(3)) + sparse.diags(np.repeat(held + _SLIDE * weight, 3))
        across = (weight[:, None, None] * found.normals[:, :, None] * found.normals[:, None]).ravel()
        system += sparse.csr_matrix((across, (rows, columns)), system.shape)
        goal = found.places - start
        towards = np.pi * wide**2 * wanted + _SLIDE * weight[:, None] * goal
        towards += weight[:, None] * found.normals * (found.normals * goal).sum(axis=1, keepdims=True)
        moved = splu(sparse.csc_matrix(system)).solve(towards.ravel()).reshape(-1, 3)
    return np.asarray(start + moved)
