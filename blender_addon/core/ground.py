"""Where the pelvis is, and legs that keep the feet where the take's feet are, at the rig's size.

The hips move as the take's do, times the rig's size. Directions alone would then put the feet nearly, but not quite,
where they belong: thighs, shins and hips have other proportions on every body. Each leg is therefore reached out again
to where its foot should be, by the law of cosines, in the plane that the take's knee bends in. Soles keep their turn.
"""

from __future__ import annotations

from collections.abc import Mapping as Dictionary

import numpy as np
from numpy.typing import NDArray

from .rest import Stance
from .rotations import multiply, rotate, swing
from .skeleton import REST, SIDES, way

Floats = NDArray[np.float64]

_UP = np.array([0.0, 1.0, 0.0])
_FRONT = np.array([0.0, 0.0, 1.0])
_REACH = 0.9999
"""Of a leg's length: straight to the eye, and yet it has a plane to bend in."""
_SOFT = 0.0005
"""Metres: how softly a leg that is too short begins to hold the pelvis down."""


def stand(
    trans: NDArray[np.float32],
    stance: Stance,
    take_turns: Dictionary[str, Floats],
    turns: Dictionary[str, Floats],
    places: Dictionary[str, Floats],
) -> tuple[dict[str, Floats], Floats]:
    """Place the pelvis and the feet.

    trans        : (T, 3) the take's own translation, metres
    take_turns   : each joint's rotation (T, 4) in the take
    turns        : each joint's rotation (T, 4) from the rig's rest
    places       : where each joint's bone begins (T, 3) while all turn on the spot, in the rig's units

    Returns `turns` with other thighs and shins, and how far the body is moved from the spot, (T, 3) in the rig's units.
    """
    scale = stance.scale
    pivot, pivot_of_take = pivots(stance.heads, stance.heads["pelvis"])
    straight, lift = standing(stance)
    legs = list(straight)

    moved = trans + rotate(take_turns["pelvis"], pivot_of_take) - pivot_of_take
    hips = [places[joint] for joint in ("left_hip", "right_hip") if joint in places]
    shift = pivot + moved * scale + lift - _middle(hips or [places["pelvis"]])
    goals = {}
    for side in legs:
        foot = trans + way(take_turns, "pelvis", f"{side}_ankle")
        goals[side] = straight[side] + lift + scale * (foot - REST[f"{side}_ankle"])
    at = {side: places[f"{side}_hip"] for side in legs}
    if legs:
        shift = shift - _UP * _too_high(stance, {side: goals[side] - at[side] - shift for side in legs})[:, None]
    turned = dict(turns)
    for side in legs:
        turned |= reach(side, goals[side] - at[side] - shift, stance, take_turns, turns)
    return turned, shift


def pivots(heads: Dictionary[str, Floats], anchor: Floats) -> tuple[Floats, Floats]:
    """(3,) the middle between the hips, of a rig at rest and of the take's skeleton; `anchor` if the rig has none."""
    hips = [joint for joint in ("left_hip", "right_hip") if joint in heads]
    if not hips:
        return anchor, REST["pelvis"]
    return _middle([heads[joint] for joint in hips]), _middle([REST[joint] for joint in hips])


def standing(stance: Stance) -> tuple[dict[str, Floats], Floats]:
    """(3,) where each ankle would be with its leg in the take's rest pose, by side; and by how much, up, that is off.

    Only whole legs are there.
    """
    heads = stance.heads
    legs = [side for side in SIDES if {f"{side}_hip", f"{side}_knee", f"{side}_ankle"} <= heads.keys()]
    straight = {side: _straight_leg(side, stance) for side in legs}
    lifts = [float(heads[f"{side}_ankle"][1] - straight[side][1]) for side in legs]
    return straight, _UP * (float(np.mean(lifts)) if lifts else 0.0)


def _middle(places: list[Floats]) -> Floats:
    return np.asarray(np.mean(places, axis=0))


def _lengths(side: str, stance: Stance) -> tuple[float, float]:
    hip, knee, ankle = (stance.heads[f"{side}_{part}"] for part in ("hip", "knee", "ankle"))
    return float(np.linalg.norm(knee - hip)), float(np.linalg.norm(ankle - knee))


def _straight_leg(side: str, stance: Stance) -> Floats:
    """(3,) where the ankle would be with the leg in the take's rest pose."""
    thigh, shin = _lengths(side, stance)
    hip, knee = f"{side}_hip", f"{side}_knee"
    return np.asarray(
        stance.heads[hip]
        + thigh * rotate(stance.to_rest[hip], stance.alongs[hip])
        + shin * rotate(stance.to_rest[knee], stance.alongs[knee])
    )


def _too_high(stance: Stance, ways: Dictionary[str, Floats]) -> Floats:
    """(T,) by how much the hips have to come down for the longest legs to reach the feet. Smooth."""
    soft = _SOFT * stance.scale
    total = np.zeros(1)
    for side, along in ways.items():
        reach = _REACH * sum(_lengths(side, stance))
        height = np.sqrt(np.maximum(reach**2 - along[:, 0] ** 2 - along[:, 2] ** 2, 0))
        over = -along[:, 1] - height
        total = np.logaddexp(total / soft, over / soft) * soft  # a maximum without a corner
    return total


def reach(
    side: str, along: Floats, stance: Stance, take_turns: Dictionary[str, Floats], turns: Dictionary[str, Floats]
) -> dict[str, Floats]:
    """Thigh and shin turned so that the ankle is `along` (T, 3) from the hip, or as near as the leg can."""
    hip, knee = f"{side}_hip", f"{side}_knee"
    thigh, shin = _lengths(side, stance)
    distance = np.linalg.norm(along, axis=1, keepdims=True)
    ahead = along / np.maximum(distance, 1e-12)
    distance = np.clip(distance, abs(thigh - shin) * 1.001, (thigh + shin) * _REACH)
    upper, lower = rotate(turns[hip], stance.alongs[hip]), rotate(turns[knee], stance.alongs[knee])
    # The take's own knee says where it bends to; the thigh's front has a say only when the leg is all but straight.
    pole = upper + 0.02 * rotate(take_turns[hip], _FRONT)
    pole = pole - ahead * np.einsum("ti,ti->t", pole, ahead)[:, None]
    pole /= np.maximum(np.linalg.norm(pole, axis=1, keepdims=True), 1e-12)
    cosine = np.clip((thigh**2 + distance**2 - shin**2) / (2 * thigh * distance), -1, 1)
    new_upper = ahead * cosine + pole * np.sqrt(1 - cosine**2)
    new_lower = ahead * distance - new_upper * thigh
    return {
        hip: multiply(swing(upper, new_upper), turns[hip]),
        knee: multiply(swing(lower, new_lower), turns[knee]),
    }
