"""Who a person is in a model's terms: its identity components, found from the person's face, head or body.

All by regularised, bounded least squares in the model's own space of people (`fitting`), together with where the model
then stands.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import lsq_linear
from scipy.spatial.transform import Rotation

from ...errors import InputError
from ...progress import Progress, no_progress
from ..similarity import similarity
from .body_model import BodyModel, Doubles, Ints
from .built_in import built_in_face, eyes_of
from .fitting import LIMIT, Marks, Round, Skin, brought, how_far, laid, percentile, skin_of
from .head import Registration, eye_joints
from .moving import Moving, Stance, at_rest
from .surface import Surface, smoothness

UNITS = {"metres": 1.0, "feet": 0.3048, "decimetres": 0.1, "inches": 0.0254, "centimetres": 0.01, "millimetres": 0.001}
"""In metres; what a mesh may be in."""
_UNIT_ROOM = 0.3
"""By how much a head may be larger or smaller than the average one, so that a unit is believed."""
_DEAR = 3e-4
"""Metres: a unit of a component costs as much as if all skin were off by this."""
_EXACT = 1e-8
"""The same where all vertices are known."""
_SAME = 2e-4
"""Metres that a person may be further off so that a known unit is believed."""
_EYES = 0.04
"""How much the eyes' centres count together, all skin being 1."""
_CLOSED_ROUNDS = 6
_POSED_ROUNDS = 15
_SOME, _FEWER = 4000, 2500
"""Vertices are enough of a whole body, and where all are known."""
_FACE, _ON_THE_HEAD, _ON_THE_BODY = 0.11, 0.25, 0.05
"""Metres round the landmarks' middle where skin counts most, and how much it counts elsewhere."""
_ON_FACE = (Round(0.008, _DEAR, 0.02),) * 3 + (Round(0.004, _DEAR, 0.02),) * 3
_ON_HEAD = (
    Round(0.040, 4e-3, 2.0), Round(0.030, 3e-3, 1.0), Round(0.025, 2e-3, 0.5), Round(0.020, 1.5e-3, 0.3),
    Round(0.015, 1e-3, 0.2), Round(0.012, 8e-4, 0.1), Round(0.010, 6e-4, 0.05), Round(0.008, 4e-4, 0.03),
    *[Round(0.006, _DEAR, 0.02)] * 5,
)  # fmt: skip
_ON_BODY_FIRST = tuple(Round(reach, 2e-2, 0.3) for reach in (0.25, 0.25, 0.20, 0.20, 0.15, 0.15, 0.12, 0.12))
_ON_BODY = (
    *(Round(reach, 5e-3, 0.1) for reach in (0.10, 0.08, 0.06, 0.06, 0.05, 0.05)),
    *(Round(reach, 1.5e-3, 0.05) for reach in (0.04, 0.03, 0.03, 0.02, 0.02)),
    *[Round(0.015, _DEAR, 0.03)] * 6,
)
"""Coarse to fine. Landmarks that are seen in a picture are some millimetres off, so in the end they only lead."""
_HEAD = ("neck", "head", "jaw")
_BODY = (
    "left_hip", "right_hip", "spine1", "left_knee", "right_knee", "spine2", "left_ankle", "right_ankle", "spine3",
    "left_foot", "right_foot", "neck", "left_collar", "right_collar", "head", "left_shoulder", "right_shoulder",
    "left_elbow", "right_elbow", "left_wrist", "right_wrist", "jaw",
)  # fmt: skip
_ARMS = (0.0, 30.0, 60.0)
"""Degrees below straight out that a body's arms may hang at the start of a fit."""
_FEW, _FINE = 10, 2e-3
"""Components, the first ones, that are fitted while a component is dearer than this."""
_BODY_BELOW = 0.9
"""Metres below the face from which on a mesh is a body's."""
_REACH, _FOUND, _POOR = 0.02, 0.3, 0.006
"""Metres up to which skin is said to be somewhere, how much of it has to be, and how well."""


@dataclass(frozen=True, eq=False)
class Identity:
    """A person on a model.

    betas       : (S,)
    stance      : how the model then stands where the source is
    mean, worst : metres in the person's size; how far the skin is off, on the average and at 95 %
    unit        : what the source is in, "" if in none that is known
    """

    betas: Doubles
    stance: Stance
    mean: float
    worst: float
    unit: str = "metres"


@dataclass(frozen=True, eq=False)
class Placed:
    """A person on a model in rest pose, and the similarity that takes its mesh to where the source is.

    betas              : (S,)
    turn, scale, shift : (3, 3), and (3,)
    mean, worst        : metres at the source; how far the skin is off, on the average and at 95 %
    """

    betas: Doubles
    turn: Doubles
    scale: float
    shift: Doubles
    mean: float
    worst: float

    def there(self, points: Doubles) -> Doubles:
        """Where points (..., 3) of the model are at the source."""
        return np.asarray(self.scale * points @ self.turn.T + self.shift)


def identity_of_face(model: BodyModel, there: Registration, vertices: NDArray[np.float32] | Doubles) -> Placed:
    """The person whose face the built-in avatar's has been made, such as a portrait's (`Fit.vertices`).

    vertices : (V, 3) of the default built-in avatar in rest pose, shaped like the person
    """
    face = built_in_face()
    person = np.asarray(vertices, np.float64)[face.numbers]
    joints = list(eye_joints(model))
    head = _followed(model, ("head", "jaw"))
    area = smoothness(model.template[there.numbers], there.faces)[1]
    outside = there.source @ face.outside.astype(float) > 0.5
    known = area * there.trust * head[there.numbers] * outside
    used = known > 1e-3 * known.max()
    numbers = there.numbers[used]
    rest = np.concatenate([model.template[numbers], (model.regressor @ model.template)[joints]])
    eyes = (model.regressor[joints] @ model.shapes.reshape(len(model.template), -1)).reshape(2, 3, -1)
    basis = np.concatenate([model.shapes[numbers], eyes])
    target = np.concatenate([(there.source @ person)[used], eyes_of(np.asarray(vertices, np.float64))])
    weights = np.append(known[used] / known[used].sum(), np.full(2, _EYES / 2))
    start = _closed(rest, basis, target, weights, _DEAR)

    # The registration knows a point's place on the skin to some millimetres, the skin itself better.
    counts = np.zeros(len(model.template))
    counts[there.numbers] = head[there.numbers] * outside * (0.2 + there.trust)
    skin = skin_of(model, counts > 0.1, counts)
    moving = Moving(model, skin.numbers, (0,), sized=False)
    surface = _surface(person, face.faces[face.outside[face.faces].all(axis=1)])
    marks = _marks(model, skin, face.landmarks + (person - face.vertices)[face.at])
    stance = laid(moving, _standing(model, start), skin, surface, marks, _ON_FACE)[0]
    mean, worst, _ = how_far(moving, stance, skin, surface, _REACH)
    root = (model.regressor[0] @ (model.template + model.shapes @ stance.betas))[0]
    turn = stance.turns[0]
    return Placed(stance.betas, turn, stance.scale, stance.shift + stance.scale * (root - turn @ root), mean, worst)


def identity_of_vertices(model: BodyModel, vertices: Doubles) -> Identity | None:
    """The person whom the model's own mesh (V, 3) has been made, in any unit, place and pose, with any expression; None
    if no person comes near, so that the mesh is another one, which happens to have as many vertices."""
    free = _in_unit(model, vertices, None)
    outcome = free
    if unit := _unit(free.stance.scale):
        sized = _in_unit(model, vertices * UNITS[unit], 1.0)
        outcome = replace(sized if sized.mean < 1.5 * free.mean + _SAME else free, unit=unit)
    return outcome if outcome.mean < 2 * _POOR else None


def _in_unit(model: BodyModel, vertices: Doubles, scale: float | None) -> Identity:
    """Of a mesh of the model's own; of free size, if `scale` is None."""
    count = len(model.template)
    share = np.full(count, 1 / count)
    start = _closed(model.template, model.shapes, vertices, share, _EXACT, scale)
    if start.mean < 1e-6 * start.scale:
        return Identity(start.betas, _standing(model, start), start.mean / start.scale, start.worst / start.scale, "")
    # It is posed, or has an expression.
    numbers = np.arange(0, count, max(1, count // _FEWER))
    moving = Moving(model, numbers, tuple(range(len(model.parents))), scale is not None, expression=True)
    stance = _standing(model, start)
    stance = replace(stance, betas=np.append(0 * start.betas, np.zeros(model.expressions.shape[2])))
    for dear in (1e-2, 1e-3):
        stance = brought(moving, stance, vertices[numbers], np.full(len(numbers), 1 / len(numbers)), dear, 5)
    stance = brought(moving, stance, vertices[numbers], np.full(len(numbers), 1 / len(numbers)), _EXACT, _POSED_ROUNDS)
    off = np.linalg.norm(moving.places(stance) - vertices[numbers], axis=1) / stance.scale
    identity = stance.betas[: model.shapes.shape[2]]
    return Identity(identity, stance, float(off.mean()), float(np.percentile(off, 95)), "")


def identity_of_scan(
    model: BodyModel,
    landmarks: Doubles,
    vertices: Doubles,
    faces: Ints,
    seen: Doubles,
    progress: Progress = no_progress,
) -> Identity:
    """The person of a scan of a head, a bust or, if the model is one, a whole body in about A- or T-pose.

    landmarks : (51, 3) iBUG's landmarks without the jaw line on the model's template
    vertices  : (n, 3) of the scan, in any unit and place, with its `faces` (f, 3)
    seen      : (51, 3) where the landmarks are on it

    Raises InputError if the model can't be laid over it.
    """
    turn, scale, shift = similarity(landmarks, seen)
    unit = _unit(scale)
    size = UNITS[unit] if unit else 1 / scale
    vertices, seen, shift, scale = size * vertices, size * seen, size * shift, size * scale
    upright = (vertices[np.unique(faces)] - seen.mean(axis=0)) @ turn
    whole = model.kind != "flame" and float(upright[:, 1].min()) < -_BODY_BELOW
    surface = _surface(vertices, faces)
    start = _standing(model, Placed(np.zeros(model.shapes.shape[2]), turn, scale if not unit else 1.0, shift, 0, 0))
    if unit:
        start = replace(start, shift=start.shift + seen.mean(axis=0) - _at(start, model, landmarks.mean(axis=0)))
    chosen = _followed(model, _HEAD) > 0.3
    counts = _face_first(model, landmarks, _ON_THE_BODY if whole else _ON_THE_HEAD)
    skin = skin_of(model, (chosen | whole) & ~_eyeballs(model), counts, _SOME)
    joints = _numbered(model, _BODY if whole else _HEAD)
    coarse = Moving(model, skin.numbers, (0, *joints), sized=bool(unit), few=_FEW)
    moving = Moving(model, skin.numbers, (0, *joints), sized=bool(unit))
    marks = _marks_at(model, skin, landmarks, seen)
    rounds = _ON_BODY if whole else _ON_HEAD
    stance = start = replace(start, betas=np.zeros(coarse.components))
    if whole:
        tries = []
        for number, arms in enumerate(_ARMS):
            progress("Finding the pose of the scan", number / len(_ARMS) / 2)
            tries.append(laid(coarse, _arms_down(model, start, arms), skin, surface, marks, _ON_BODY_FIRST))
        stance = min(tries, key=lambda outcome: outcome[1])[0]
    for number, this in enumerate(rounds):
        progress("Fitting the model to the scan", (number / len(rounds) + whole) / (1 + whole))
        if this.dear < _FINE and len(stance.betas) < moving.components:
            stance = replace(stance, betas=np.append(stance.betas, np.zeros(moving.components - len(stance.betas))))
        bent = coarse if len(stance.betas) == coarse.components else moving
        stance = laid(bent, stance, skin, surface, marks, (this,))[0]
    progress("Fitting the model to the scan", 1.0)
    mean, worst, found = how_far(moving, stance, skin, surface, _REACH)
    if found < _FOUND or mean > _POOR:
        raise InputError(
            f"{model.title} can't be laid over the mesh: {100 * found:.0f} % of its skin is found there, "
            f"{1000 * mean:.1f} mm off; give a scan of a head, or of a whole body that stands with its arms apart."
        )
    return Identity(stance.betas, stance, mean, worst, unit)


def _closed(
    rest: Doubles, basis: Doubles, target: Doubles, weights: Doubles, dear: float, scale: float | None = None
) -> Placed:
    """The identity whose points in rest pose (k, 3), moved by the basis (k, 3, S), come nearest to targets (k, 3); of
    free size, if `scale` is None."""
    components = basis.shape[2]
    weights = weights / weights.sum()
    root = np.sqrt(weights)[:, None]
    betas = np.zeros(components)
    placing = _placing(rest, target, weights, scale)
    for _ in range(_CLOSED_ROUNDS):
        turn, size, shift = placing
        shaped = rest + basis @ betas
        # The target in the model's own coordinates, and ways of placing that betas might be taken for.
        back = ((target - shift) @ turn) / size
        arms = shaped - weights @ shaped
        ways = [np.cross(np.broadcast_to(axis, arms.shape), arms) for axis in np.eye(3)]
        ways += [np.broadcast_to(axis, arms.shape) for axis in np.eye(3)]
        ways += [] if scale is not None else [arms]
        rows = np.concatenate([basis, np.stack(ways, axis=-1)], axis=2)
        flat = (root[..., None] * rows).reshape(-1, rows.shape[2])
        square = flat.T @ flat
        square[np.diag_indices(components)] += dear**2
        square[np.diag_indices_from(square)] += 1e-16
        towards = flat.T @ (root * (back - rest)).ravel()
        found = np.linalg.solve(square, towards)
        if np.abs(found[:components]).max(initial=0) > LIMIT:
            bounds = np.full(rows.shape[2], np.inf)
            bounds[:components] = LIMIT
            lower = np.linalg.cholesky(square)
            found = lsq_linear(lower.T, np.linalg.solve(lower, towards), (-bounds, bounds), method="bvls").x
        betas = found[:components]
        placing = _placing(rest + basis @ betas, target, weights, scale)
    turn, size, shift = placing
    off = np.linalg.norm(size * (rest + basis @ betas) @ turn.T + shift - target, axis=1)
    return Placed(betas, turn, size, shift, float(weights @ off), percentile(off, weights, 0.95))


def _placing(source: Doubles, target: Doubles, weights: Doubles, scale: float | None) -> tuple[Doubles, float, Doubles]:
    turn, size, shift = similarity(source, target, weights)
    if scale is None:
        return turn, size, shift
    return turn, scale, np.asarray(weights @ target - scale * turn @ (weights @ source))


def _standing(model: BodyModel, placed: Placed) -> Stance:
    """In rest pose, where a similarity takes the model."""
    root = (model.regressor[0] @ (model.template + model.shapes @ placed.betas))[0]
    stance = at_rest(model, len(placed.betas))
    turns = stance.turns.copy()
    turns[0] = placed.turn
    shift = placed.shift - placed.scale * (root - placed.turn @ root)
    return Stance(placed.betas, turns, placed.scale, shift)


def _at(stance: Stance, model: BodyModel, point: Doubles) -> Doubles:
    """Where a point (3,) of the template in rest pose is."""
    root = (model.regressor[0] @ model.template)[0]
    return np.asarray(stance.scale * (stance.turns[0] @ (point - root) + root) + stance.shift)


def _arms_down(model: BodyModel, stance: Stance, degrees: float) -> Stance:
    turns = stance.turns.copy()
    for name, way in (("left_shoulder", -1), ("right_shoulder", 1)):
        turns[model.joints.index(name)] = Rotation.from_euler("z", way * degrees, degrees=True).as_matrix()
    return replace(stance, turns=turns)


def _unit(scale: float) -> str:
    """The unit in which a metre is about `scale`; "" if there is none."""
    name = min(UNITS, key=lambda name: abs(np.log(scale * UNITS[name])))
    return name if abs(np.log(scale * UNITS[name])) < np.log(1 + _UNIT_ROOM) else ""


def _followed(model: BodyModel, names: tuple[str, ...]) -> Doubles:
    """(V,) how much joints of ours move each vertex; FLAME's neck is the head's joint, and its root the neck's."""
    if model.kind == "flame":
        ours = {"neck": 0, "head": 1, "jaw": 2}
        joints = [ours[name] for name in names]
    else:
        joints = list(_numbered(model, names))
    return np.asarray(model.weights[:, joints].sum(axis=1))


def _numbered(model: BodyModel, names: tuple[str, ...]) -> tuple[int, ...]:
    return tuple(model.joints.index(name) for name in names if name in model.joints)


def _eyeballs(model: BodyModel) -> NDArray[np.bool_]:
    if "jaw" not in model.joints:
        return np.zeros(len(model.template), bool)
    return np.asarray(model.weights[:, list(eye_joints(model))].sum(axis=1) > 0.5)


def _face_first(model: BodyModel, landmarks: Doubles, elsewhere: float) -> Doubles:
    """(V,) how much skin counts by its place."""
    away = np.linalg.norm(model.template - landmarks.mean(axis=0), axis=1)
    return np.where(away < _FACE, 1.0, elsewhere)


def _surface(vertices: Doubles, faces: Ints) -> Surface:
    return Surface(vertices, faces, np.zeros(len(vertices), np.int8))


def _marks(model: BodyModel, skin: Skin, places: Doubles) -> Marks | None:
    """The model's own landmarks, as far as they are on the skin."""
    if model.landmarks is None:
        return None
    corners = model.faces[model.landmarks.faces]
    known = np.isin(corners, skin.numbers).all(axis=1)
    return Marks(
        np.searchsorted(skin.numbers, corners[known]).astype(np.int32), model.landmarks.shares[known], places[known]
    )


def _marks_at(model: BodyModel, skin: Skin, landmarks: Doubles, places: Doubles) -> Marks:
    """Landmarks at places of the template, held by the skin's nearest vertices."""
    from scipy.spatial import cKDTree

    off, nearest = cKDTree(model.template[skin.numbers]).query(landmarks, k=3)
    shares = 1 / (off + 1e-4)
    return Marks(nearest.astype(np.int32), shares / shares.sum(axis=1, keepdims=True), places)
