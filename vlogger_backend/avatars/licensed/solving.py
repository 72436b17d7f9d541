"""ARKit weights as a model's expression, jaw and eyes, and back.

Each carried shape is solved once: the jaw takes of it what a turn of its joint can, the expression what is left, by
regularised least squares over the skin, bounded. mouthClose is solved on top of jawOpen; where the expression can't
shut lips over an open jaw, it raises the jaw. The jaw's axis-angle and the expression are then linear in the
weights, so a performance is one product of matrices. The eyes turn by 30 degrees at an eyeLook weight of 1, as the
built-in avatar's do.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.optimize import least_squares, lsq_linear, minimize_scalar

from ...motion.names import ARKIT_INDEX, ARKIT_NAMES
from ..posing import rotation_matrices
from .body_model import BodyModel, Doubles
from .carrying import Carried

LIMIT = 6.0
"""The furthest that one shape may take a component of the expression, in its own units (standard deviations)."""
FULL_LOOK = np.radians(30.0)
"""How far an eye turns at an eyeLook weight of 1."""
_DEAR = 2e-5
"""Metres: a unit of a component costs as much as if all skin were off by this."""
_JAWS = ("jawOpen", "jawLeft", "jawRight", "jawForward")
_JAW_LIMIT = 0.8  # radians
_JAW_DEAR = 0.001  # metres for a radian
_SPARING = 2e-5
"""Metres: a weight of 1 costs as much as if all skin were off by this."""
_PENALTY, _RELAXED, _ROUNDS = 0.01, 1.6, 200
_AT_ONCE = 1000
_SETTLED = 1e-4


@dataclass(frozen=True, eq=False)
class Solution:
    """What a model does for each ARKit shape at weight 1.

    expressions : (52, E)
    jaws        : (52, 3) axis-angle, radians
    metric      : (E + 3, E + 3) square metres: how far a change of expression and jaw moves the skin, mean square
    mean, worst : (52,) metres; how far the skin is from where the carried shape has it, lips and lids counting more
    moved       : (52,) metres; how far the carried shape moves what it moves, on the average
    """

    expressions: Doubles
    jaws: Doubles
    metric: Doubles
    mean: Doubles
    worst: Doubles
    moved: Doubles


@dataclass(frozen=True, eq=False)
class Performed:
    """A performance of T frames in a model's own terms.

    expression : (T, E)
    jaw        : (T, 3) axis-angle, radians
    eyes       : (T, 2, 3) axis-angle, radians, left and right
    """

    expression: Doubles
    jaw: Doubles
    eyes: Doubles


def solved(model: BodyModel, shapes: Carried) -> Solution:
    """Solve every carried shape on the model."""
    head = _Head(model, shapes)
    count = len(ARKIT_NAMES)
    expressions, jaws = np.zeros((count, head.basis.shape[-1])), np.zeros((count, 3))
    mean, worst, moved = np.zeros(count), np.zeros(count), np.zeros(count)
    opening, closing = ARKIT_INDEX["jawOpen"], ARKIT_INDEX["mouthClose"]
    for number, name in enumerate(ARKIT_NAMES):
        target = head.rest + shapes.shapes[number][head.skin]
        if number == closing:  # on top of jawOpen, which comes before it
            target += shapes.shapes[opening][head.skin]
            jaw = head.closed(target, jaws[opening])
        else:
            jaw = head.turned(target) if name in _JAWS else np.zeros(3)
        expression = head.expressed(head.unposed(target, jaw) - head.rest)
        off = np.linalg.norm(head.posed(head.rest + head.basis @ expression, jaw) - target, axis=1)
        expressions[number], jaws[number] = expression, jaw
        far = np.linalg.norm(shapes.shapes[number][head.skin], axis=1)
        mean[number], worst[number] = float(head.share @ off), float(off.max())
        moving = head.share * (far > 5e-4)
        moved[number] = float(moving @ far) / max(float(moving.sum()), 1e-12)
    expressions[closing] -= expressions[opening]
    jaws[closing] -= jaws[opening]
    return Solution(expressions, jaws, head.metric(), mean, worst, moved)


def performed(solution: Solution, arkit: ArrayLike) -> Performed:
    """What a model does for `arkit` (T, 52)."""
    weights = np.asarray(arkit, np.float64)
    return Performed(weights @ solution.expressions, weights @ solution.jaws, _looking(weights))


def weights_of(solution: Solution, performance: Performed) -> Doubles:
    """The ARKit weights (T, 52), 0 to 1, that come nearest to a performance: bounded least squares over the skin.

    Among weights that do the same the smaller ones are taken.
    """
    ways = np.hstack([solution.expressions, solution.jaws])
    wanted = np.hstack([performance.expression, performance.jaw])
    kept = np.flatnonzero(np.einsum("ki,ij,kj->k", ways, solution.metric, ways) > 1e-12)
    square = ways[kept] @ solution.metric @ ways[kept].T + _SPARING**2 * np.eye(len(kept))
    towards = wanted @ solution.metric @ ways[kept].T
    looks = _look_weights(performance.eyes)
    # Lids follow the eyes, and what the eyes say is known: their shapes are taken off first.
    eyes = np.isin(kept, np.flatnonzero([name.startswith("eyeLook") for name in ARKIT_NAMES]))
    towards -= looks[:, kept[eyes]] @ square[eyes]
    weights = looks.copy()
    weights[:, kept[~eyes]] = _bounded(square[np.ix_(~eyes, ~eyes)], towards[:, ~eyes])
    return weights


def _bounded(square: Doubles, towards: Doubles) -> Doubles:
    """(T, k) the minimum of w @ square @ w / 2 - towards @ w for each row with w between 0 and 1.

    By the alternating direction method of multipliers, many rows at once (Boyd et al. 2011, section 5.2, with its
    over-relaxation).
    """
    penalty = _PENALTY * float(np.diag(square).mean())
    inverse = np.linalg.inv(square + penalty * np.eye(len(square)))
    answers = np.clip(np.linalg.solve(square, towards.T).T, 0, 1)
    for start in range(0, len(towards), _AT_ONCE):
        rows = slice(start, start + _AT_ONCE)
        within, price = answers[rows], np.zeros_like(answers[rows])
        for _ in range(_ROUNDS):
            free = (towards[rows] + penalty * (within - price)) @ inverse
            free = _RELAXED * free + (1 - _RELAXED) * within
            before, within = within, np.clip(free + price, 0, 1)
            price += free - within
            if np.abs(within - before).max(initial=0) < _SETTLED:
                break
        answers[rows] = within
    return answers


def _looking(weights: Doubles) -> Doubles:
    """(T, 2, 3) the eyes' axis-angles, without torsion (Listing's law)."""
    eyes = np.zeros((len(weights), 2, 3))
    for side, name in enumerate(("Left", "Right")):
        up, down, out, into = (weights[:, ARKIT_INDEX[f"eyeLook{way}{name}"]] for way in ("Up", "Down", "Out", "In"))
        yaw, pitch = FULL_LOOK * (out - into) * (1 if side == 0 else -1), FULL_LOOK * (up - down)
        seen = np.stack([np.sin(yaw) * np.cos(pitch), np.sin(pitch), np.cos(yaw) * np.cos(pitch)], axis=1)
        axis = np.cross((0.0, 0.0, 1.0), seen)
        sine = np.linalg.norm(axis, axis=1)
        eyes[:, side] = axis * (np.arctan2(sine, seen[:, 2]) / np.maximum(sine, 1e-12))[:, None]
    return eyes


def _look_weights(eyes: Doubles) -> Doubles:
    """(T, 52) the eyeLook weights of eyes (T, 2, 3); all else is 0."""
    weights = np.zeros((len(eyes), len(ARKIT_NAMES)))
    for side, name in enumerate(("Left", "Right")):
        seen = rotation_matrices(eyes[:, side])[:, :, 2]
        yaw, pitch = np.arctan2(seen[:, 0], seen[:, 2]), np.arcsin(np.clip(seen[:, 1], -1, 1))
        out = yaw * (1 if side == 0 else -1)
        for way, angle in (("Up", pitch), ("Down", -pitch), ("Out", out), ("In", -out)):
            weights[:, ARKIT_INDEX[f"eyeLook{way}{name}"]] = np.clip(angle / FULL_LOOK, 0, 1)
    return weights


class _Head:
    """The model's skin where shapes move it, k vertices, with its jaw and expressions."""

    def __init__(self, model: BodyModel, shapes: Carried) -> None:
        self.skin = np.flatnonzero(shapes.share > 0)
        numbers = shapes.numbers[self.skin]
        jaw = model.joints.index("jaw")
        self.share = shapes.share[self.skin]
        self.rest = model.template[numbers]
        self.basis = model.expressions[numbers]
        self._weight = model.weights[numbers, jaw][:, None]
        self._joint = (model.regressor @ model.template)[jaw]
        rows = slice(9 * (jaw - 1), 9 * jaw)
        bends = model.correctives[rows].reshape(-1, len(model.template), 3)[:, numbers]
        self._bends = bends if len(bends) == 9 else np.zeros((9, *self.rest.shape))
        root = np.sqrt(self.share)[:, None, None]
        self._flat = (root * self.basis).reshape(-1, self.basis.shape[-1])

    def posed(self, shaped: Doubles, jaw: Doubles) -> Doubles:
        """Where vertices (k, 3) are when the jaw is turned."""
        turn = rotation_matrices(jaw[None])[0] - np.eye(3)
        bent = shaped + np.tensordot(turn.ravel(), self._bends, 1)
        return np.asarray(bent + self._weight * ((bent - self._joint) @ turn.T))

    def unposed(self, target: Doubles, jaw: Doubles) -> Doubles:
        """Where vertices (k, 3) are to be, so that the turned jaw takes them to `target`."""
        turn = rotation_matrices(jaw[None])[0] - np.eye(3)
        blended = np.eye(3) + self._weight[:, :, None] * turn
        bent = np.linalg.solve(blended, (target - self._joint)[..., None])[..., 0] + self._joint
        return np.asarray(bent - np.tensordot(turn.ravel(), self._bends, 1))

    def turned(self, target: Doubles) -> Doubles:
        """The jaw's axis-angle that comes nearest to `target`."""
        root = np.sqrt(self.share * self._weight[:, 0])[:, None]

        def off(jaw: Doubles) -> Doubles:
            return np.append((root * (self.posed(self.rest, jaw) - target)).ravel(), _JAW_DEAR * jaw)

        return np.asarray(least_squares(off, np.zeros(3), bounds=(-_JAW_LIMIT, _JAW_LIMIT), x_scale=0.1).x)

    def closed(self, target: Doubles, jaw: Doubles) -> Doubles:
        """As much of the jaw's turn as brings the mouth nearest to `target`, which is shut over the turned jaw: all of
        it, if the expressions can shut lips so far."""

        def off(part: float) -> float:
            shaped = self.rest + self.basis @ self.expressed(self.unposed(target, part * jaw) - self.rest)
            return float(self.share @ ((self.posed(shaped, part * jaw) - target) ** 2).sum(axis=1))

        return np.asarray(jaw * minimize_scalar(off, bounds=(0, 1), method="bounded", options={"xatol": 0.01}).x)

    def expressed(self, offsets: Doubles) -> Doubles:
        """The expression (E,) that comes nearest to `offsets` (k, 3)."""
        square = self._flat.T @ self._flat
        square[np.diag_indices_from(square)] += _DEAR**2
        towards = self._flat.T @ (np.sqrt(self.share)[:, None] * offsets).ravel()
        root = np.linalg.cholesky(square)
        return np.asarray(lsq_linear(root.T, np.linalg.solve(root, towards), (-LIMIT, LIMIT), method="bvls").x)

    def metric(self) -> Doubles:
        """(E + 3, E + 3) mean square of how far a small change of expression and jaw moves the skin."""
        small = 1e-4
        turns = [(self.posed(self.rest, small * axis) - self.rest) / small for axis in np.eye(3)]
        root = np.sqrt(self.share)[:, None]
        ways = np.column_stack([self._flat, *((root * turn).ravel() for turn in turns)])
        return np.asarray(ways.T @ ways)
