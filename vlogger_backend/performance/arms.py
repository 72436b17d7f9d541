"""Arms: from where the wrists should be to rotations of collars, shoulders, elbows and wrists."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from ..motion.names import JOINT_INDEX
from .easing import minimum_jerk
from .fingers import finger_rotations
from .gesture import Gestures, Hand
from .limbs import Limb
from .noise import Noise, new_noise
from .skeleton import HAND_LENGTH, REST, offset

Floats = NDArray[np.float64]

_ARM = Limb(offset("left_elbow"), offset("left_wrist"), np.array([0.0, 0.0, -1.0]))
_SHOULDER = REST[JOINT_INDEX["left_shoulder"]]
_POLE = np.array([0.28, -0.66, -0.70])  # elbows point down, back and a little out
_TORSO = (0.205, 0.165)  # half axes (x, z) of the upright cylinder that wrists stay out of, metres
_APART = 0.05  # how far fingertips stay from the middle, metres
_PARTS = ("collar", "shoulder", "elbow", "wrist")


@dataclass(frozen=True)
class Arms:
    """The plan: gestures, and the idle stir of both hands."""

    gestures: Gestures
    stir: tuple[Noise, Noise]
    play: tuple[Noise, Noise]

    def at(self, times: Floats, shrug: Floats) -> dict[str, Floats]:
        """(T,) seconds and the lift of the shoulders (T,) -> axis-angles by joint name, each (T, 3).

        The hands' thirty joints come as `left_hand` and `right_hand`, (T, 15, 3).
        """
        joints: dict[str, Floats] = {}
        for hand, side in enumerate(("left", "right")):
            rotations, fingers = _sample(self.gestures.hands[hand], self.stir[hand], self.play[hand], times, shrug)
            for part, rotation in zip(_PARTS, rotations, strict=True):
                joints[f"{side}_{part}"] = _mirrored(rotation.as_rotvec(), hand)
            joints[f"{side}_hand"] = _mirrored(fingers, hand)
        return joints


def plan_arms(gestures: Gestures, rng: np.random.Generator) -> Arms:
    """Arms that carry out `gestures`."""
    stir = new_noise(rng, 0.9, 6), new_noise(rng, 0.9, 6)
    return Arms(gestures, stir, (new_noise(rng, 0.9, 7), new_noise(rng, 0.9, 7)))


def _sample(hand: Hand, stir: Noise, play: Noise, times: Floats, shrug: Floats) -> tuple[tuple[Rotation, ...], Floats]:
    """One arm as if it were the left one: collar, shoulder, elbow and wrist, and the fingers."""
    idle = stir.at(times)
    place = hand.place.at(times)
    raised = minimum_jerk((place[:, 1:2] + 0.85) / 0.25)  # hanging hands are the stillest
    echo = hand.echo.at(times) * raised
    place = _outside_torso(_ARM.length * (place + echo[:, :3] + (0.01 + 0.01 * raised) * idle[:, :3]))
    supination, extension, swing = (hand.wrist.at(times) + np.radians((2.5, 2.5, 1.5)) * idle[:, 3:]).T
    extension = extension + echo[:, 3]
    collar = _collar(place, shrug)
    pole = _POLE + np.stack([np.sin(swing), np.zeros_like(swing), np.zeros_like(swing)], axis=1) * 1.2
    # half of the forearm's twist shows at the elbow, half at the wrist, as the two bones of a forearm would have it
    twist = Rotation.from_rotvec(-0.5 * supination[:, None] * _unit(_ARM.lower))
    bend = Rotation.from_rotvec(extension[:, None] * np.array([0.0, 0.0, 1.0]))
    hand_turn = twist * twist * bend
    _, lower = _ARM.reach(place, pole)
    place = _on_own_side(place, (lower * hand_turn).apply(_unit(_ARM.lower)))
    upper, lower = _ARM.reach(place, pole)
    fingers = finger_rotations(hand.fingers.at(times) + 0.025 * play.at(times))
    return (collar, collar.inv() * upper, upper.inv() * lower * twist, twist * bend), fingers


def _collar(place: Floats, shrug: Floats) -> Rotation:
    """The collar bone lifts as the hand rises and swings forward as it reaches out."""
    height = np.clip(1.0 + place[:, 1] / _ARM.length, 0.0, 1.0)
    ahead = np.clip(place[:, 2] / (0.85 * _ARM.length), 0.0, 1.0)
    up = np.radians(-4.0) + np.radians(9.0) * height**2 + shrug
    return Rotation.from_rotvec(np.stack([np.zeros_like(up), -np.radians(9.0) * ahead**2, up], axis=1))


def _outside_torso(place: Floats) -> Floats:
    """Wrists that would enter the trunk are kept at its surface, gently."""
    x, z = place[:, 0] + _SHOULDER[0], place[:, 2] + _SHOULDER[2]
    deep = np.sqrt((x / _TORSO[0]) ** 2 + (z / _TORSO[1]) ** 2)
    softness = 0.06
    kept = 1.0 + softness * np.logaddexp(0.0, (deep - 1.0) / softness)
    grow = kept / np.maximum(deep, 0.2)
    return np.stack([x * grow - _SHOULDER[0], place[:, 1], z * grow - _SHOULDER[2]], axis=1)


def _on_own_side(place: Floats, pointing: Floats) -> Floats:
    """Moves the wrist outwards where its fingertips would come near the other hand's half of the space."""
    tip = _SHOULDER[0] + place[:, 0] + HAND_LENGTH * pointing[:, 0]
    softness = 0.01
    inside = softness * np.logaddexp(0.0, (_APART - tip) / softness)
    moved: Floats = place + inside[:, None] * np.array([1.0, 0.0, 0.0])
    return moved


def _mirrored(rotvec: Floats, hand: int) -> Floats:
    return rotvec * (1.0, -1.0, -1.0) if hand == 1 else rotvec


def _unit(v: Floats) -> Floats:
    unit: Floats = v / np.linalg.norm(v)
    return unit
