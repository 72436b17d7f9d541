"""Who a person is in a model's terms: its identity components, found from the person's head or body.

Regularised, bounded least squares over what is known of where the model's vertices are on the person, together with
the similarity that brings the model there (position, rotation and, where a source's size says nothing, size).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.optimize import lsq_linear

from ..similarity import similarity
from .body_model import BodyModel, Doubles
from .built_in import built_in_face
from .head import Registration, eye_joints
from .surface import smoothness

LIMIT = 4.0
"""The furthest that a component may be from the average, in standard deviations."""
_DEAR = 3e-4
"""Metres: a unit of a component costs as much as if all skin were off by this."""
_EYES = 0.04
"""How much the eyes' centres count together, all skin being 1."""
_ROUNDS = 6


@dataclass(frozen=True, eq=False)
class Identity:
    """A person on a model.

    betas               : (S,)
    turn, scale, shift  : (3, 3), and (3,): the similarity that takes the model's mesh, shaped, to where the source is
    mean, worst         : metres, in the source's size; how far the skin is off, on the average and at 95 %
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


def identity_of_face(model: BodyModel, there: Registration, vertices: Doubles) -> Identity:
    """The person whose face the built-in avatar's has been made, such as a portrait's (`Fit.vertices`).

    vertices : (V, 3) of the default built-in avatar in rest pose, shaped like the person
    """
    face = built_in_face()
    person = np.asarray(vertices, np.float64)[face.numbers]
    joints = list(eye_joints(model))
    head = model.weights[:, [model.joints.index("jaw"), int(model.parents[model.joints.index("jaw")])]].sum(axis=1)
    area = smoothness(model.template[there.numbers], there.faces)[1]
    known = area * there.trust * head[there.numbers] * (there.source @ face.outside.astype(float) > 0.5)
    used = known > 1e-3 * known.max()
    numbers = there.numbers[used]
    rest = np.concatenate([model.template[numbers], (model.regressor @ model.template)[joints]])
    flat = model.shapes.reshape(len(model.template), -1)
    eyes = (model.regressor[joints] @ flat).reshape(2, 3, -1)
    basis = np.concatenate([model.shapes[numbers], eyes])
    target = np.concatenate([(there.source @ person)[used], _eyes_of(vertices)])
    weights = np.append(known[used] / known[used].sum(), np.full(2, _EYES / 2))
    return solved_identity(rest, basis, target, weights)


def solved_identity(rest: Doubles, basis: Doubles, target: Doubles, weights: Doubles, sized: bool = False) -> Identity:
    """The identity whose points come nearest to their targets.

    rest    : (k, 3) points of the average person
    basis   : (k, 3, S) how a unit of each component moves them
    target  : (k, 3) where they are on the person
    weights : (k,) how much each counts
    sized   : whether the source's size is the person's; else it is free
    """
    components = basis.shape[2]
    weights = weights / weights.sum()
    root = np.sqrt(weights)[:, None]
    betas = np.zeros(components)
    turn, scale, shift = np.eye(3), 1.0, np.zeros(3)
    for _ in range(_ROUNDS):
        shaped = rest + basis @ betas
        turn, scale, shift = _similarity(shaped, target, weights, sized)
        # The target in the model's own coordinates, and small ways of the similarity that betas might be traded for.
        back = ((target - shift) @ turn) / scale
        middle = weights @ shaped
        arms = shaped - middle
        ways = [np.cross(np.broadcast_to(axis, arms.shape), arms) for axis in np.eye(3)]
        ways += [np.broadcast_to(axis, arms.shape) for axis in np.eye(3)]
        ways += [] if sized else [arms]
        rows = np.concatenate([basis, np.stack(ways, axis=-1)], axis=2)
        flat = (root[..., None] * rows).reshape(-1, rows.shape[2])
        square = flat.T @ flat
        square[np.diag_indices(components)] += _DEAR**2
        square[np.diag_indices_from(square)] += 1e-12
        towards = flat.T @ (root * (back - rest)).ravel()
        lower = np.linalg.cholesky(square)
        bounds = np.full(rows.shape[2], np.inf)
        bounds[:components] = LIMIT
        betas = lsq_linear(lower.T, np.linalg.solve(lower, towards), (-bounds, bounds), method="bvls").x[:components]
    shaped = rest + basis @ betas
    turn, scale, shift = _similarity(shaped, target, weights, sized)
    off = np.linalg.norm(scale * shaped @ turn.T + shift - target, axis=1)
    return Identity(betas, turn, scale, shift, float(weights @ off), _percentile(off, weights, 0.95))


def _similarity(source: Doubles, target: Doubles, weights: Doubles, rigid: bool) -> tuple[Doubles, float, Doubles]:
    turn, scale, shift = similarity(source, target, weights)
    if rigid:
        return turn, 1.0, np.asarray(weights @ target - turn @ (weights @ source))
    return turn, scale, shift


def _percentile(values: Doubles, weights: Doubles, part: float) -> float:
    order = np.argsort(values)
    return float(values[order][np.searchsorted(np.cumsum(weights[order]) / weights.sum(), part)])


def _eyes_of(vertices: Doubles) -> Doubles:
    """(2, 3) the centres of the eyeballs, left and right, of the built-in avatar shaped like somebody."""
    from ..library import load_avatar

    avatar = load_avatar()
    balls = np.unique(avatar.faces_of("eyes"))
    left = avatar.vertices[balls, 0] > 0
    moved = np.asarray(vertices, np.float64) - avatar.vertices
    return built_in_face().eyes + np.stack([moved[balls[left]].mean(axis=0), moved[balls[~left]].mean(axis=0)])
