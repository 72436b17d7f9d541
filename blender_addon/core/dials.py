"""Dials: a take made stronger or weaker, part by part, without a new request."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .names import ARKIT_NAMES, JOINT_NAMES, component_name
from .rotations import continuous, from_vectors, to_vectors
from .take import ModelFace, Take

Floats = NDArray[np.float32]

_SMOOTHEST = 0.12
"""Standard deviation of the smoothing at 1, in seconds."""
_LEAST_FRAMES = 0.1
"""A smaller one weighs a frame's neighbours by nothing that a float can hold."""
_SEALED = 0.02
"""The lips are closed where no more of the jaw's opening is left than this."""
_SEAL_MARGIN = 0.06
"""Seconds on both sides of a closure over which smoothing fades out, so that the lips still meet."""

_ARMS = ("collar", "shoulder", "elbow", "wrist", "index", "middle", "pinky", "ring", "thumb")
_HEAD = ("neck", "head")
_JAW = ("jawOpen", "mouthClose")
_JAW_JOINT = JOINT_NAMES.index("jaw")
_SEALS = ("mouthClose", "mouthPressLeft", "mouthPressRight", "mouthRollLower", "mouthRollUpper")


@dataclass(frozen=True)
class Dials:
    """Factors, 0 to 2: 0 is none of it, 1 leaves it as it is. `smoothing` goes from 0, none, to 1.

    jaw     : how far the mouth opens; where the lips touch they still touch
    lips    : how much they purse, spread and bare the teeth; the closing of the lips is left alone
    head    : how far the head moves from where it is on the whole
    gaze    : how far the eyes turn
    gesture : how far arms and hands move from where they are on the whole
    blink   : how far the lids come down
    """

    jaw: float = 1.0
    lips: float = 1.0
    head: float = 1.0
    gaze: float = 1.0
    gesture: float = 1.0
    blink: float = 1.0
    smoothing: float = 0.0


def turn_dials(take: Take, dials: Dials) -> Take:
    """The take with the dials at these places. With all at their defaults, it is the same take.

    A model's expression follows the weights that it was made for.
    """
    if dials == Dials():
        return take
    given = take
    deviation = dials.smoothing * _SMOOTHEST * take.fps
    if deviation > _LEAST_FRAMES:
        take = _smoothed(take, deviation)
    poses = take.poses.copy()
    for joint, name in enumerate(JOINT_NAMES):
        part = name.removeprefix("left_").removeprefix("right_")
        if part == "jaw":
            poses[:, joint] *= dials.jaw
        elif part.startswith("eye"):
            poses[:, joint] *= dials.gaze
        elif part in _HEAD:
            poses[:, joint] = _around_middle(poses[:, joint], dials.head)
        elif part.startswith(_ARMS):
            poses[:, joint] = _around_middle(poses[:, joint], dials.gesture)
    factors = np.array([_face_factor(name, dials) for name in take.face_names], np.float32)
    face = np.clip(take.face * factors, np.minimum(take.face, 0), np.maximum(take.face, 1))
    turned = replace(take, poses=poses, face=face)
    return turned if given.model_face is None else _expressed(turned, given, given.model_face)


def _expressed(take: Take, before: Take, of_model: ModelFace) -> Take:
    """The take with the expression and the jaw that the model has for its weights, which were others before."""
    columns = [i for i, name in enumerate(take.face_names) if name in ARKIT_NAMES]
    rows = [ARKIT_NAMES.index(take.face_names[i]) for i in columns]
    change = (take.face - before.face)[:, columns]
    components = [take.face_names.index(component_name(i)) for i in range(of_model.expressions.shape[1])]
    poses, face = take.poses.copy(), take.face.copy()
    face[:, components] = before.face[:, components] + change @ of_model.expressions[rows]
    poses[:, _JAW_JOINT] = before.poses[:, _JAW_JOINT] + change @ of_model.jaws[rows]
    return replace(take, poses=poses, face=face)


def sealed_frames(take: Take) -> NDArray[np.bool_]:
    """(T,) whether the lips are closed: all that the jaw opens, `mouthClose` closes (both are ARKit's shapes)."""
    jaw, close = (_channel(take, name) for name in _JAW)
    open_otherwise = sum((_channel(take, f"mouth{way}{side}") for way in ("LowerDown", "UpperUp")
                          for side in ("Left", "Right")), np.zeros(len(take), np.float32))  # fmt: skip
    return np.asarray((jaw - close < _SEALED) & (open_otherwise < 4 * _SEALED))


def _face_factor(name: str, dials: Dials) -> float:
    if name in _JAW:
        return dials.jaw
    if name.startswith("eyeLook"):
        return dials.gaze
    if name.startswith("eyeBlink"):
        return dials.blink
    if name.startswith(("mouth", "tongue", "cheekPuff")) and name not in _SEALS:
        return dials.lips
    return 1.0


def _around_middle(rotations: Floats, factor: float) -> Floats:
    """Rotation vectors (T, 3), moved away from or towards their median."""
    if factor == 1.0:
        return rotations
    middle = np.median(rotations, axis=0)
    return np.asarray(middle + (rotations - middle) * factor, np.float32)


def _smoothed(take: Take, deviation: float) -> Take:
    """Gaussian smoothing by `deviation` frames, which leaves the lips alone where they close, and the blinks."""
    poses = _smoothed_turns(take.poses, deviation)
    kept = _near(sealed_frames(take), max(round(_SEAL_MARGIN * take.fps), 1))[:, None]
    lips = np.array([name.startswith(("mouth", "jaw", "tongue")) for name in take.face_names])
    blinks = np.array([name.startswith("eyeBlink") for name in take.face_names])
    keep = np.where(lips, kept, np.where(blinks, 1.0, 0.0)).astype(np.float32)
    smooth = _gaussian(take.face, deviation)
    trans = _gaussian(take.trans, deviation)
    return replace(take, poses=poses, trans=trans, face=keep * take.face + (1 - keep) * smooth)


def _smoothed_turns(poses: Floats, deviation: float) -> Floats:
    """Axis-angle (T, J, 3), smoothed as quaternions: who turns round passes half a turn, where vectors jump."""
    smooth = np.empty_like(poses)
    for joint in range(poses.shape[1]):
        turns = _gaussian(continuous(from_vectors(poses[:, joint])), deviation).astype(np.float64)
        smooth[:, joint] = to_vectors(turns / np.linalg.norm(turns, axis=1, keepdims=True))
    return smooth


def _near(marks: NDArray[np.bool_], reach: int) -> Floats:
    """(T,) 1 at the marks, falling to 0 over `reach` frames on both sides."""
    frames = np.arange(len(marks))
    at = np.flatnonzero(marks)
    if not len(at):
        return np.zeros(len(marks), np.float32)
    place = np.searchsorted(at, frames)
    after = np.abs(at[np.minimum(place, len(at) - 1)] - frames)
    before = np.abs(frames - at[np.maximum(place - 1, 0)])
    return np.asarray(np.clip(1 - np.minimum(before, after) / (reach + 1), 0, 1), np.float32)


def _gaussian(values: NDArray[Any], deviation: float) -> Floats:
    """Columns of (T, n) smoothed along time; the ends are held."""
    reach = int(np.ceil(3 * deviation))
    kernel = np.exp(-0.5 * (np.arange(-reach, reach + 1) / deviation) ** 2)
    kernel /= kernel.sum()
    held = np.pad(values, ((reach, reach), (0, 0)), mode="edge")
    out = np.zeros(values.shape, np.float64)
    for i, weight in enumerate(kernel):
        out += weight * held[i : i + len(values)]
    return out.astype(np.float32)


def _channel(take: Take, name: str) -> Floats:
    if name not in take.face_names:
        return np.zeros(len(take), np.float32)
    return take.face[:, take.face_names.index(name)]
