"""A model that looks like a person whose head is known as the built-in one's, and that person moved as the model moves.

The model gets the person's identity and is stood where their head is, its neck turned if it holds its head otherwise.
What its identity can't say of the face is then laid on smoothly, so that lips and lids are where the person's are: shut
without an expression, and as in the person's picture with the expression there.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.interpolate import RBFInterpolator
from scipy.sparse.linalg import splu

from ...motion.names import ARKIT_INDEX, EYE_JOINTS, JOINT_INDEX, JOINT_NAMES
from ..avatar import Avatar, Floats, Morph
from ..library import load_avatar
from ..parts import vertex_normals
from ..similarity import similarity
from .as_avatar import avatar_of
from .body_model import BodyModel, Doubles, Kind
from .built_in import MOUTH, Face, built_in_face, eyes_of
from .head import Registration, lips_of
from .identity import identity_of_face
from .preparing import Prepared
from .surface import Surface, smoothness

_ABOVE = [JOINT_INDEX[name] for name in ("neck", "head", "jaw", *EYE_JOINTS)]
"""Joints that go with the head when the neck turns."""
_STANDING = [joint for joint in range(len(JOINT_NAMES)) if JOINT_NAMES[joint] not in ("jaw", *EYE_JOINTS)]
_LAID, _CARRIED = 0.0015, 0.004
"""Metres over which what is known of the skin is smoothed: where the person's is, and how the model's moves."""
_REACH = 0.004
_WHOLLY = 0.9
"""The weight of the head's joints from which on skin is the head's own."""
_LOOKING = np.cos(np.radians(30))
"""Of the angle round where an eye looks within which is the part of its ball that lids slide over."""
_CELL = 0.02
"""Metres between the points of the skin by which the template's coordinates are found."""
_UNKNOWN = 1e-4
"""How much what is not known of skin is drawn to nothing, beside what is known."""


@dataclass(frozen=True, eq=False)
class Likeness:
    """A model as a person, V vertices; the built-in avatar has B.

    avatar   : the model, shaped and standing like the person
    template : (V, 3) where each of its vertices is on the default built-in avatar, metres, as near as can be said
    onto     : (B, V) sparse; where the built-in avatar's skin of head and neck and its eyeballs are on the model, rows
               sum to one; those of hair, teeth, clothes and the rest are empty
    of       : (V, B) sparse; the other way: where the skin of the model's head is on the built-in avatar
    person   : the built-in avatar with the person's shape, whose skin does what the model's does for each ARKit shape
    """

    avatar: Avatar
    template: Floats
    onto: sparse.csr_matrix
    of: sparse.csr_matrix
    person: Avatar


def likeness_of(model: BodyModel, known: Prepared, vertices: Floats, arkit: Floats, betas: Doubles) -> Likeness:
    """The model as the person whose head the built-in avatar's has been made (V, 3), at rest and without expression.

    In the person's picture they have the expression `arkit` (52,). Model and person lie over one another there too:
    what the model can't do of it is given to its shapes, as much to each as it is on. `betas` are the person's; where
    there are none, they are found.
    """
    face, there = built_in_face(), known.registration
    person = replace(load_avatar(), vertices=vertices)
    shape = vertices.astype(np.float64)
    if not len(betas):
        betas = identity_of_face(model, there, shape).betas
    avatar = avatar_of(model, known.solution, betas)
    skin = there.source @ shape[face.numbers]
    head = avatar.vertices[there.numbers].astype(np.float64)
    avatar = _stood(avatar, model.kind, *similarity(head, skin, known.shapes.share * there.trust))
    seen = _expressed(person, arkit)
    avatar = _with_eyes_of(avatar, model, shape)
    shaped = avatar.vertices + _off(avatar, avatar.vertices, there, face, shape)
    avatar = replace(avatar, vertices=shaped.astype(np.float32))
    avatar = _given(avatar, _off(avatar, _expressed(avatar, arkit), there, face, seen), arkit)
    onto, trust = _onto(model, there, face)
    person = _moved_alike(person, avatar, face, onto, trust)
    person = _given(person, seen - _expressed(person, arkit), arkit)
    return Likeness(avatar, _template(avatar, model, there, face), onto, _of(there, face, onto.shape[::-1]), person)


def _of(there: Registration, face: Face, shape: tuple[int, int]) -> sparse.csr_matrix:
    found = there.source.tocoo()
    return sparse.csr_matrix((found.data, (there.numbers[found.row], face.numbers[found.col])), shape)


def _stood(avatar: Avatar, kind: Kind, turn: Doubles, scale: float, shift: Doubles) -> Avatar:
    """The avatar scaled and its head turned and moved, the body beneath it upright as before.

    A FLAME head has no body, and stays on the built-in avatar's joints.
    """
    neck = avatar.joints[JOINT_INDEX["neck"]].astype(np.float64)
    above = np.isin(np.arange(len(avatar.joints)), _ABOVE)
    turns = scale * np.where(above[:, None, None], turn, np.eye(3))
    shifts = np.where(above[:, None], shift, scale * (turn @ neck - neck) + shift)
    blended = np.einsum("vk,vkab->vab", avatar.joint_weights, turns[avatar.joint_indices])
    vertices = np.einsum("vab,vb->va", blended, avatar.vertices)
    vertices += np.einsum("vk,vka->va", avatar.joint_weights, shifts[avatar.joint_indices])
    joints = np.einsum("jab,jb->ja", turns, avatar.joints) + shifts
    if kind == "flame":
        joints[_STANDING] = avatar.joints[_STANDING]
    morphs = tuple(
        Morph(m.vertices, np.einsum("nab,nb->na", blended[m.vertices], m.offsets).astype(np.float32))
        for m in avatar.morphs
    )
    return replace(avatar, vertices=vertices.astype(np.float32), joints=joints.astype(np.float32), morphs=morphs)


def _off(avatar: Avatar, now: Doubles | Floats, there: Registration, face: Face, person: Doubles) -> Doubles:
    """What takes the skin of the avatar's head, whose vertices are `now` (V, 3), to the person's (B, 3), smoothly."""
    vertices = now[there.numbers].astype(np.float64)
    laplacian, area = smoothness(vertices, there.faces)
    moved = _spread(_LAID, laplacian, area, area * there.trust, there.source @ person[face.numbers] - vertices)
    on_head = (avatar.joint_weights * (avatar.joint_indices == JOINT_INDEX["head"])).sum(axis=1)[there.numbers]
    off = np.zeros(avatar.vertices.shape)
    off[there.numbers] = moved * np.clip(on_head / _WHOLLY, 0, 1)[:, None]
    return off


def _given(avatar: Avatar, off: Doubles, arkit: Floats) -> Avatar:
    """The avatar that is by `off` (V, 3) elsewhere with the expression `arkit`, and where it was without any: the
    smallest change of its shapes that does so."""
    square = float(arkit @ arkit)
    if not square:
        return avatar
    shares = (arkit / square).tolist()
    count = len(avatar.vertices)
    return replace(
        avatar,
        morphs=tuple(
            Morph.of(morph.dense(count) + share * off) if share else morph
            for morph, share in zip(avatar.morphs, shares, strict=True)
        ),
    )


def _with_eyes_of(avatar: Avatar, model: BodyModel, person: Doubles) -> Avatar:
    """The avatar with the person's eyeballs in place and size."""
    vertices = avatar.vertices.astype(np.float64)
    sizes = np.ones(len(vertices))
    joints = avatar.joints.copy()
    for name, middle, own in zip(EYE_JOINTS, eyes_of(person), _eyeballs(), strict=True):
        ball = _ball(model, name)
        old = avatar.joints[JOINT_INDEX[name]].astype(np.float64)
        sizes[ball] = _front(own) / _front(vertices[ball] - old)
        vertices[ball] = middle + sizes[ball, None] * (vertices[ball] - old)
        joints[JOINT_INDEX[name]] = middle
    morphs = tuple(replace(m, offsets=(m.offsets * sizes[m.vertices, None]).astype(np.float32)) for m in avatar.morphs)
    return replace(avatar, vertices=vertices.astype(np.float32), joints=joints, morphs=morphs)


def _moved_alike(
    person: Avatar, avatar: Avatar, face: Face, onto: sparse.csr_matrix, trust: NDArray[np.float64]
) -> Avatar:
    """The built-in avatar with its own shapes, but for its skin, which does the model's where it is known what does.

    What is not known, such as the inside of the mouth, goes along with the nearest that is.
    """
    vertices = person.vertices[face.numbers].astype(np.float64)
    laplacian, area = smoothness(vertices, face.faces)
    theirs = np.stack([morph.dense(len(avatar.vertices)) for morph in avatar.morphs], axis=1)
    carried = (onto[face.numbers] @ theirs.reshape(len(theirs), -1)).reshape(len(vertices), -1, 3)
    other = carried - face.shapes.transpose(1, 0, 2)
    other[:, ARKIT_INDEX["tongueOut"]] = 0  # which no model has
    other = _spread(_CARRIED, laplacian, area, area * trust, other.reshape(len(vertices), -1)).reshape(other.shape)
    morphs = []
    for number, morph in enumerate(person.morphs):
        dense = morph.dense(len(person.vertices))
        dense[face.numbers] += other[:, number]
        morphs.append(Morph.of(dense))
    return replace(person, morphs=tuple(morphs))


def _onto(model: BodyModel, there: Registration, face: Face) -> tuple[sparse.csr_matrix, Doubles]:
    """Where the built-in avatar's vertices are on the model, (B, V) sparse, and how well it is known of the face's."""
    seam = there.laid[face.at[list(MOUTH)]]
    vertices, jaw = model.template[there.numbers], model.weights[there.numbers, model.joints.index("jaw")]
    surface = Surface(vertices, there.faces, lips_of(vertices, jaw, seam))
    lips = lips_of(there.laid, face.jaw, seam)
    skin = surface.nearest(there.laid, vertex_normals(there.laid, face.faces), lips, _REACH)
    rows, columns, shares = [face.numbers], [there.numbers[skin.corners]], [skin.shares]
    avatar = load_avatar()
    balls = np.unique(avatar.faces_of("eyes"))
    for name, middle, eye in zip(EYE_JOINTS, there.eyes, face.eyes, strict=True):
        mine = balls[(avatar.vertices[balls, 0] > 0) == (eye[0] > 0)]
        ball = _ball(model, name)
        numbered = np.full(len(model.template), -1)
        numbered[ball] = np.arange(len(ball))
        faces = numbered[model.faces]
        round_it = Surface(
            _unit(model.template[ball] - middle), faces[(faces >= 0).all(axis=1)], np.zeros(len(ball), np.int8)
        )
        ways = _unit(avatar.vertices[mine] - eye)
        found = round_it.nearest(ways, ways, np.zeros(len(mine), np.int8), 1.0)
        rows.append(mine)
        columns.append(ball[found.corners])
        shares.append(found.shares)
    row = np.repeat(np.concatenate(rows), 3)
    value = np.concatenate([s / s.sum(axis=1, keepdims=True) for s in shares]).ravel()
    shape = (len(avatar.vertices), len(model.template))
    onto = sparse.csr_matrix((value, (row, np.concatenate(columns).ravel())), shape)
    return onto, skin.trust * face.outside


def _template(avatar: Avatar, model: BodyModel, there: Registration, face: Face) -> Floats:
    """Where the vertices are on the default built-in avatar: joints and the face's skin say it, and all else lies
    between them (a linear spline)."""
    default = load_avatar()
    named = [JOINT_INDEX[name] for name in model.joints if name]
    skin = np.flatnonzero((there.trust > 0.5) & (there.source @ face.outside.astype(float) > 0.5))
    cells = np.floor(avatar.vertices[there.numbers[skin]] / _CELL).astype(int)
    skin = skin[np.sort(np.unique(cells, axis=0, return_index=True)[1])]
    here = np.vstack([avatar.joints[named], avatar.vertices[there.numbers[skin]]])
    place = np.vstack([default.joints[named], (there.source @ default.vertices[face.numbers])[skin]])
    chosen = np.unique(here.round(4), axis=0, return_index=True)[1]
    spline = RBFInterpolator(here[chosen], place[chosen], kernel="linear", degree=1)
    return np.asarray(spline(avatar.vertices), np.float32)


def _spread(length: float, laplacian: sparse.csr_matrix, area: Doubles, known: Doubles, values: Doubles) -> Doubles:
    """`values` (n, c) where they are `known`, smoothed over a length, and going on as smoothly beside."""
    system = sparse.diags(known + _UNKNOWN * area) + length**2 * laplacian
    return np.asarray(splu(sparse.csc_matrix(system)).solve(known[:, None] * values))


def _expressed(avatar: Avatar, arkit: Floats) -> Doubles:
    vertices = avatar.vertices.astype(np.float64)
    for weight, morph in zip(arkit, avatar.morphs, strict=True):
        vertices[morph.vertices] += weight * morph.offsets
    return vertices


def _ball(model: BodyModel, name: str) -> NDArray[np.intp]:
    """The vertices of an eyeball."""
    return np.flatnonzero(model.weights[:, model.joints.index(name)] > 0.5)


def _eyeballs() -> tuple[Doubles, Doubles]:
    """The built-in avatar's, left and right, from their centres."""
    avatar = load_avatar()
    balls = avatar.vertices[np.unique(avatar.faces_of("eyes"))].astype(np.float64)
    left, right = built_in_face().eyes
    return balls[balls[:, 0] > 0] - left, balls[balls[:, 0] <= 0] - right


def _front(ball: Doubles) -> float:
    """How far the front of an eyeball is from its centre."""
    away = np.linalg.norm(ball, axis=1)
    return float(np.median(away[ball[:, 2] > _LOOKING * away]))


def _unit(ways: Doubles | Floats) -> Doubles:
    return np.asarray(ways / np.maximum(np.linalg.norm(ways, axis=1, keepdims=True), 1e-12), np.float64)
