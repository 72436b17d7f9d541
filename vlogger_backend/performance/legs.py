"""Legs: both feet stay where they stand while the pelvis moves over them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from .limbs import Limb
from .skeleton import offset

Floats = NDArray[np.float64]

_KNEE_LIMIT = 0.9985  # of the leg's length: a standing knee is a few degrees short of straight
_FORWARD = np.array([0.0, 0.0, 1.0])


@dataclass(frozen=True)
class Stance:
    """Where the feet stand: per foot (left, right) the ankle's place from the pelvis at rest, and the toes' turn."""

    ankles: Floats
    turns: Floats


def plan_stance(rng: np.random.Generator) -> Stance:
    """A comfortable stance: feet under the hips, toes a little out, one foot perhaps a little forward."""
    ankles = np.stack([_rest_ankle("left"), _rest_ankle("right")])
    spread, ahead = rng.uniform(-0.01, 0.02), rng.uniform(-0.025, 0.025)
    ankles += np.array(((spread, 0.0, ahead), (-spread, 0.0, -ahead)))
    return Stance(ankles, np.radians(rng.uniform(3.0, 10.0, 2)) * (1.0, -1.0))


def stand(stance: Stance, shift: Floats, pelvis: Rotation) -> tuple[Floats, dict[str, Rotation]]:
    """Legs that keep both soles flat and still.

    shift  : (T, 2) the pelvis's x and z, metres
    pelvis : (T) its rotation in the room

    Returns the pelvis's translation (T, 3), as high as the legs let it be, and the joints' local rotations.
    """
    hips = [pelvis.apply(offset(side + "_hip")) for side in ("left", "right")]
    trans = np.stack([shift[:, 0], np.zeros(len(shift)), shift[:, 1]], axis=1)
    allowed = []
    for hip, ankle in zip(hips, stance.ankles, strict=True):
        across = (trans + hip - ankle)[:, [0, 2]]
        height = np.sqrt((_KNEE_LIMIT * _leg("left").length) ** 2 - np.sum(across**2, axis=1))
        allowed.append(ankle[1] + height - hip[:, 1])
    trans[:, 1] = _soft_minimum(allowed[0], allowed[1], 0.003)
    rotations: dict[str, Rotation] = {}
    for side, hip, ankle, turn in zip(("left", "right"), hips, stance.ankles, stance.turns, strict=True):
        foot = Rotation.from_rotvec([0.0, turn, 0.0])
        pole = np.broadcast_to(foot.apply(_FORWARD), hip.shape)
        thigh, shin = _leg(side).reach(ankle - trans - hip, pole)
        rotations[side + "_hip"] = pelvis.inv() * thigh
        rotations[side + "_knee"] = thigh.inv() * shin
        rotations[side + "_ankle"] = shin.inv() * foot
    return trans, rotations


def _rest_ankle(side: str) -> Floats:
    return offset(side + "_hip") + offset(side + "_knee") + offset(side + "_ankle")


def _leg(side: str) -> Limb:
    return Limb(offset(side + "_knee"), offset(side + "_ankle"), _FORWARD)


def _soft_minimum(a: Floats, b: Floats, softness: float) -> Floats:
    """Smooth where a and b cross, never more than either."""
    lower: Floats = (a + b) / 2 - np.sqrt(((a - b) / 2) ** 2 + softness**2)
    return lower
