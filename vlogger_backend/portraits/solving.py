"""The least squares of a fit: camera, pose, shape and expression that bring the head's landmarks onto a picture's.

Gauss-Newton on the squared distances in the picture plus the model's priors (a maximum a posteriori estimate, as of
Blanz and Vetter 2003, "Face recognition based on fitting a 3D morphable model"), with the expression's weights held
between 0 and 1 at each step.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy.optimize import lsq_linear
from scipy.spatial.transform import Rotation

from ..motion.names import ARKIT_INDEX, ARKIT_NAMES
from .faces import LID_PAIRS, LIP_PAIRS, Face, rarities, uses
from .head import Doubles, Numbers

CENTRE = np.array([0.0, 1.61, 0.09])
"""In the head, metres: about what it is turned, and how far it is."""

_NOISE = 0.03
"""Of the landmarks, in distances between the eyes: of a single one, so much that their errors may go together."""
_LIP_GAP, _LID_GAP = 0.0025, 0.008
"""Of the distance between two that may touch."""
_DEPTH_NOISE = 0.35
_EYES_APART = 0.06  # metres
_SEAM = 0.0003  # metres: how far lips may be apart in a face at rest
_APERTURE = 0.0014  # metres: how much the opening of lids at rest differs between people
_ONE_SIDED = 0.15
_OPPOSED = 0.01
"""The product of two weights that pull against each other."""
_SHAPE = 0.7
"""Standard deviation of a component in people: the random heads it comes from are stranger than they."""
_CHANGE = 1.5
"""Of a weight between frames, in its use: it steadies what the picture leaves open."""
_DISTANCE = (1.0, 0.6)  # metres, and the spread of its logarithm
_LENS = (1.3, 0.45)  # focal length in longer sides of the picture, and the spread of its logarithm
_KNOWN_LENS = 0.02
_STEPS = 14
_DAMPING = 1e-6
_CAMERA = 7  # unknowns before shape and expression


def _pairs() -> Numbers:
    """Shapes that mostly go together, (n, 2): of the two sides, and eyes that look the same way."""
    swapped = {"eyeLookInLeft": "eyeLookOutRight", "eyeLookOutLeft": "eyeLookInRight"}
    lefts = [name for name in ARKIT_NAMES if name.endswith("Left") and name not in ("jawLeft", "mouthLeft")]
    rights = [swapped.get(name, f"{name[:-4]}Right") for name in lefts]
    return np.array([[ARKIT_INDEX[left], ARKIT_INDEX[right]] for left, right in zip(lefts, rights, strict=True)])


def _opposites() -> Numbers:
    """Shapes that don't go together, (n, 2)."""
    pairs = [("jawLeft", "jawRight"), ("mouthLeft", "mouthRight")]
    for side in ("Left", "Right"):
        for one, other in (("eyeLookUp", "eyeLookDown"), ("eyeLookIn", "eyeLookOut"), ("eyeBlink", "eyeWide")):
            pairs.append((one + side, other + side))
        pairs.append((f"mouthSmile{side}", f"mouthFrown{side}"))
    return np.array([[ARKIT_INDEX[one], ARKIT_INDEX[other]] for one, other in pairs])


_SIDES, _OPPOSITES = _pairs(), _opposites()


@dataclass(frozen=True, eq=False)
class Solution:
    """Where a face is in the camera's view and what it looks like.

    A point x of the head, metres, is seen at `middle + (scale * y[:2] + shift) / (1 - nearness * y[2])` pixels from
    the picture's top left with y down, where y = turn @ (x - CENTRE).
    """

    turn: Doubles
    shift: Doubles
    log_scale: float
    log_nearness: float
    shape: Doubles
    arkit: Doubles

    @property
    def scale(self) -> float:
        """Pixels of a metre at the head's distance."""
        return float(np.exp(self.log_scale))

    @property
    def nearness(self) -> float:
        """1 / distance, metres."""
        return float(np.exp(self.log_nearness))

    def seen(self, points: Doubles, size: tuple[int, int]) -> Doubles:
        """Pixels (n, 2) of points (n, 3) of the head."""
        y = (points - CENTRE) @ self.turn.T
        flat = (self.scale * y[:, :2] + self.shift) / (1 - self.nearness * y[:, 2:])
        return np.asarray(flat * (1, -1) + np.divide(size, 2))


@dataclass(frozen=True, eq=False)
class Task:
    """What is to be met, and what may be changed for it.

    landmarks : (478, 2) or (478, 3), pixels
    weights   : (478,) how far each landmark is believed, on top of what is known of them
    lens      : the focal length in pixels, if known
    shape     : whether the shape is free
    distance  : whether the camera's distance is free
    sparse    : how likely weights of nothing are
    before    : the solution of the video's frame before
    """

    face: Face
    size: tuple[int, int]
    landmarks: Doubles
    weights: Doubles
    lens: float | None = None
    shape: bool = True
    distance: bool = True
    sparse: float = 1.0
    before: Solution | None = None


def placed(face: Face, shape: Doubles, arkit: Doubles) -> Doubles:
    """The landmarks (478, 3) of a head with this shape and expression."""
    return np.asarray(face.places + np.tensordot(shape, face.shapes, 1) + np.tensordot(arkit, face.expressions, 1))


def first_guess(task: Task) -> Solution:
    """A camera far away, by linear least squares (DeMenthon and Davis 1995, "POS"), on the mean head."""
    places = task.face.places - CENTRE
    target = (task.landmarks[:, :2] - np.divide(task.size, 2)) * (1, -1)
    known = np.column_stack([places, np.ones(len(places))])
    weights = np.sqrt(task.weights)[:, None]
    answer = np.linalg.lstsq(known * weights, target * weights, rcond=None)[0]
    across, up = answer[:3].T
    scale = float(np.sqrt(np.linalg.norm(across) * np.linalg.norm(up)))
    across, up = across / np.linalg.norm(across), up / np.linalg.norm(up)
    left, _, right = np.linalg.svd(np.stack([across, up, np.cross(across, up)]))
    turn = left @ np.diag([1, 1, np.linalg.det(left @ right)]) @ right
    still = np.zeros(len(ARKIT_NAMES))
    return Solution(turn, answer[3], np.log(scale), -np.log(_DISTANCE[0]), np.zeros(len(task.face.shapes)), still)


def solve(task: Task, start: Solution, steps: int = _STEPS) -> Solution:
    """The most likely solution, from a start near it."""
    now = start
    for _ in range(steps):
        now = _step(task, now)
    return now


def _step(task: Task, now: Solution) -> Solution:
    """One Gauss-Newton step."""
    rows, errors, pull = _equations(task, now)
    free = np.ones(rows.shape[1], bool)
    free[6] = task.distance
    free[_CAMERA : _CAMERA + len(now.shape)] = task.shape
    rows = rows[:, free]
    square = rows.T @ rows
    square[np.diag_indices_from(square)] += _DAMPING
    root = np.linalg.cholesky(square)
    target = np.linalg.solve(root, -rows.T @ errors - pull[free])
    low, high = np.full(len(free), -np.inf), np.full(len(free), np.inf)
    low[:3], high[:3] = -0.4, 0.4  # radians
    low[-len(now.arkit) :], high[-len(now.arkit) :] = -now.arkit - 1e-9, 1 - now.arkit + 1e-9
    change = np.zeros(len(free))
    change[free] = lsq_linear(root.T, target, (low[free], high[free]), method="bvls", tol=1e-9).x
    shape = slice(_CAMERA, _CAMERA + len(now.shape))
    return replace(
        now,
        turn=Rotation.from_rotvec(change[:3]).as_matrix() @ now.turn,
        shift=now.shift + change[3:5] * now.scale * _EYES_APART,
        log_scale=now.log_scale + change[5],
        log_nearness=now.log_nearness + change[6],
        shape=now.shape + change[shape],
        arkit=np.clip(now.arkit + change[shape.stop :], 0, 1),
    )


def _equations(task: Task, now: Solution) -> tuple[Doubles, Doubles, Doubles]:
    """Rows and errors of the linearised problem, each divided by its standard deviation, and a constant pull."""
    face, arkit_from = task.face, _CAMERA + len(now.shape)
    count = arkit_from + len(now.arkit)
    eyes = now.scale * _EYES_APART
    places = placed(face, now.shape, now.arkit)
    y = (places - CENTRE) @ now.turn.T
    moves = np.concatenate([face.shapes, face.expressions]) @ now.turn.T  # (n, 478, 3)
    below = 1 - now.nearness * y[:, 2]
    flat = (now.scale * y[:, :2] + now.shift) / below[:, None]

    def by_point(d: Doubles) -> Doubles:
        """Change of `flat` (..., 2) with that of y (..., 3)."""
        along = now.nearness * d[..., 2:] * flat
        return np.asarray((now.scale * d[..., :2] + along) / below[:, None])

    seen = np.zeros((count, len(y), 2))
    for axis in range(3):
        seen[axis] = by_point(np.cross(np.eye(3)[axis], y))
        if axis < 2:
            seen[3 + axis, :, axis] = eyes / below
    seen[5] = now.scale * y[:, :2] / below[:, None]
    seen[6] = flat * (now.nearness * y[:, 2] / below)[:, None]
    seen[_CAMERA:] = by_point(moves)
    target = (task.landmarks[:, :2] - np.divide(task.size, 2)) * (1, -1)
    off = flat - target

    believed = np.sqrt(task.weights * visibility(face, now, places) * face.trust)
    parts = [(seen * believed[:, None] / (_NOISE * eyes), off * believed[:, None] / (_NOISE * eyes))]
    pairs = np.array([*LIP_PAIRS, *LID_PAIRS[0], *LID_PAIRS[1]])
    upper, lower = pairs.T
    touching = np.repeat((_LIP_GAP, _LID_GAP), (len(LIP_PAIRS), len(pairs) - len(LIP_PAIRS)))
    paired = (np.minimum(believed[upper], believed[lower]) / (touching * eyes))[:, None]
    parts.append(((seen[:, upper] - seen[:, lower]) * paired, (off[upper] - off[lower]) * paired))
    rows = [part.reshape(count, -1) for part, _ in parts]
    errors = [error.ravel() for _, error in parts]
    if task.landmarks.shape[1] > 2:
        depth = now.scale * y[:, 2] + task.landmarks[:, 2]
        change = np.zeros((count, len(y)))
        for axis in range(3):
            change[axis] = now.scale * np.cross(np.eye(3)[axis], y)[:, 2]
        change[5] = now.scale * y[:, 2]
        change[_CAMERA:] = now.scale * moves[..., 2]
        share = task.weights / task.weights.sum()
        rows.append((change - (change @ share)[:, None]) * np.sqrt(task.weights) / (_DEPTH_NOISE * eyes))
        errors.append((depth - depth @ share) * np.sqrt(task.weights) / (_DEPTH_NOISE * eyes))
    for row, error in _priors(task, now, count):
        rows.append(row)
        errors.append(error)
    pull = np.zeros(count)
    pull[arkit_from:] = task.sparse * rarities() / uses()
    return np.concatenate(rows, axis=1).T, np.concatenate(errors), pull


def _priors(task: Task, now: Solution, count: int) -> list[tuple[Doubles, Doubles]]:
    """Pairs of rows (count, m) and errors (m,) for what is likely without any picture."""
    face, arkit_from = task.face, _CAMERA + len(now.shape)
    lens = task.lens or _LENS[0] * max(task.size)
    found: list[tuple[Doubles, Doubles]] = []
    distance = np.zeros((count, 2))
    distance[6, 0] = 1 / _DISTANCE[1]
    spread = _KNOWN_LENS if task.lens else _LENS[1]
    distance[5, 1], distance[6, 1] = 1 / spread, -1 / spread
    far = now.log_nearness + np.log(_DISTANCE[0])
    found.append((distance, np.array([far / _DISTANCE[1], (now.log_scale - now.log_nearness - np.log(lens)) / spread])))

    shape = np.zeros((count, len(now.shape)))
    shape[_CAMERA:arkit_from] = np.eye(len(now.shape)) / _SHAPE
    found.append((shape, now.shape / _SHAPE))

    use = uses()
    expression = np.zeros((count, len(use)))
    expression[arkit_from:] = np.diag(1 / use)
    found.append((expression, now.arkit / use))
    if task.before is not None:
        found.append((expression / _CHANGE, (now.arkit - task.before.arkit) / (use * _CHANGE)))
    one_sided = np.zeros((count, len(_SIDES)))
    numbers = np.arange(len(_SIDES))
    one_sided[arkit_from + _SIDES[:, 0], numbers] = 1 / _ONE_SIDED
    one_sided[arkit_from + _SIDES[:, 1], numbers] = -1 / _ONE_SIDED
    found.append((one_sided, (now.arkit[_SIDES[:, 0]] - now.arkit[_SIDES[:, 1]]) / _ONE_SIDED))

    one, other = _OPPOSITES.T
    both = np.zeros((count, len(one)))
    both[arkit_from + one, np.arange(len(one))] = now.arkit[other] / _OPPOSED
    both[arkit_from + other, np.arange(len(one))] = now.arkit[one] / _OPPOSED
    found.append((both, now.arkit[one] * now.arkit[other] / _OPPOSED))

    # Whatever the picture shows: at rest the lips touch and the lids are open as people's are.
    upper, lower = np.transpose(LIP_PAIRS)
    seam = face.shapes[:, upper] - face.shapes[:, lower]
    rows = np.zeros((count, 2 * len(upper)))
    rows[_CAMERA:arkit_from] = seam[:, :, 1:].reshape(len(now.shape), -1) / (_SEAM * np.tile((1, 3), len(upper)))
    gap = (face.places[upper] - face.places[lower])[:, 1:] * (1, 0) / (_SEAM * np.array((1, 3)))
    found.append((rows, gap.ravel() + now.shape @ rows[_CAMERA:arkit_from]))
    pairs = np.array(LID_PAIRS)[:, :3].reshape(-1, 2)
    opening = (face.shapes[:, pairs[:, 0], 1] - face.shapes[:, pairs[:, 1], 1]).reshape(len(now.shape), 2, 3).mean(2)
    rows = np.zeros((count, 2))
    rows[_CAMERA:arkit_from] = opening / _APERTURE
    found.append((rows, now.shape @ rows[_CAMERA:arkit_from]))
    return found


def visibility(face: Face, now: Solution, places: Doubles) -> Doubles:
    """(478,) from 0.03, turned away, to 1, facing the camera."""
    towards = (now.turn.T @ [0, 0, 1 / now.nearness]) + CENTRE - places
    cosine = (face.normals * towards).sum(axis=1) / np.linalg.norm(towards, axis=1)
    return np.asarray(np.clip((cosine + 0.05) / 0.45, 0.03, 1))
