"""Arms that stay out of the body: a take's directions, on someone stouter, may lead through their belly.

The trunk is a tube about the line from pelvis to neck: for each height and direction, how far the skin reaches at rest.
Where a point of an arm would be inside, the arm is swung out about its shoulder, by no more than `_FURTHEST`, and eased
in and out. On bodies that are no wider than the take's own, nothing changes.
"""

from __future__ import annotations

from collections.abc import Mapping as Dictionary
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .rest import Stance
from .rotations import blend, from_vectors, multiply, rotate
from .skeleton import FINGERS, SIDES

Floats = NDArray[np.float64]

_FURTHEST = np.radians(9)
_EASE = 0.12
"""Seconds, the standard deviation of how a swing comes and goes."""
_LEVELS, _SECTORS = 16, 24
_BELOW, _ABOVE = -0.4, 0.9
"""Where the tube begins and ends, in lengths of the trunk above the pelvis: at the thighs, under the collar bones."""
_PRESSED = 0.5
"""Of a limb's thickness from bone to skin: flesh gives way."""
_THICKEST = 0.2
"""Of a forearm's length: what is thicker is a sleeve."""
_TRUNK = ("pelvis", "spine1", "spine2", "spine3", "left_hip", "right_hip")
_TRIES = 3
_FRONT = np.array([0.0, 0.0, 1.0])


@dataclass(frozen=True)
class _Tube:
    """`radii` (levels, sectors) of the trunk, and how thick the arms' `flesh` is on the bone, in the rig's units."""

    radii: Floats
    flesh: float

    def reach(self, height: Floats, angle: Floats) -> Floats:
        """How far the skin is from the line (...), at a height in lengths of the trunk and an angle from the front."""
        level = np.clip((height - _BELOW) / (_ABOVE - _BELOW) * _LEVELS, 0, _LEVELS - 1).astype(int)
        sector = ((angle / (2 * np.pi) + 0.5) * _SECTORS).astype(int) % _SECTORS
        inside = (height > _BELOW) & (height < _ABOVE)
        return np.where(inside, self.radii[level, sector], 0.0)


def keep_clear(
    skin: Dictionary[str, Floats],
    stance: Stance,
    places: Dictionary[str, Floats],
    turns: Dictionary[str, Floats],
    fps: float,
) -> dict[str, Floats]:
    """`turns` with the arms swung out of the trunk where they would be inside.

    skin   : points (P, 3) of the character's skin at rest, in the take's axes, by the joint that carries them
    places : where each joint's bone begins (T, 3), in the take's axes and the rig's units
    turns  : how each joint's bone turns from its rest (T, 4)
    """
    turned = dict(turns)
    top = next((joint for joint in ("neck", "head") if joint in turns), "")
    chest = next((joint for joint in ("spine3", "spine2", "spine1") if joint in turns), "")
    if not top or not chest or "pelvis" not in turns or not any(len(skin.get(joint, ())) for joint in _TRUNK):
        return turned
    tube = _tube(skin, stance, top)
    front = rotate(blend([turns["pelvis"], turns[chest]], [1.0, 1.0]), _FRONT)
    for side in SIDES:
        if {f"{side}_shoulder", f"{side}_elbow", f"{side}_wrist"} <= turns.keys():
            swing = _swing(side, tube, stance, places, turns, (places["pelvis"], places[top], front))
            if swing.any():
                out = from_vectors(_eased(swing, fps))
                arm = [joint for joint in turns if joint.startswith(f"{side}_") and _is_of_arm(joint)]
                turned |= {joint: multiply(out, turns[joint]) for joint in arm}
    return turned


def _is_of_arm(joint: str) -> bool:
    part = joint.partition("_")[2]
    return part in ("shoulder", "elbow", "wrist") or part.startswith(FINGERS)


def _tube(skin: Dictionary[str, Floats], stance: Stance, top: str) -> _Tube:
    """Measure the trunk; `skin` (P, 3) in the take's axes, by the joint that carries it."""
    trunk = np.concatenate([skin.get(joint, np.zeros((0, 3))) for joint in _TRUNK])
    height, angle, radius = _about(trunk, stance.heads["pelvis"], stance.heads[top], _FRONT)
    level = np.floor((height - _BELOW) / (_ABOVE - _BELOW) * _LEVELS).astype(int)
    sector = ((angle / (2 * np.pi) + 0.5) * _SECTORS).astype(int) % _SECTORS
    within = (level >= 0) & (level < _LEVELS)
    radii = np.zeros((_LEVELS, _SECTORS))
    np.maximum.at(radii, (level[within], sector[within]), radius[within])
    around = np.stack([np.roll(radii, step, axis=1) for step in (-1, 0, 1)])
    radii = np.where(radii > 0, radii, around.max(axis=0))  # a sector that no point fell into is as its neighbours
    flesh, forearms = [0.0], []
    for side in SIDES:
        elbow, wrist = f"{side}_elbow", f"{side}_wrist"
        if wrist in stance.heads and elbow in stance.heads:
            forearms.append(float(np.linalg.norm(stance.heads[wrist] - stance.heads[elbow])))
            if len(skin.get(elbow, ())):
                flesh.append(float(np.median(_distance(skin[elbow], stance.heads[elbow], stance.heads[wrist]))))
    return _Tube(radii, min(max(flesh), _THICKEST * max(forearms, default=0.0)))


def _about(points: Floats, bottom: Floats, top: Floats, front: Floats) -> tuple[Floats, Floats, Floats]:
    """Points (..., 3) about the line from `bottom` to `top`: height in its lengths, angle from the front, distance."""
    line = top - bottom
    length = np.linalg.norm(line, axis=-1)
    along = line / length[..., None]
    ahead = front - along * np.einsum("...i,...i->...", front, along)[..., None]
    ahead = ahead / np.linalg.norm(ahead, axis=-1, keepdims=True)
    left = np.cross(along, ahead)
    way = points - bottom
    x, z = np.einsum("...i,...i->...", way, left), np.einsum("...i,...i->...", way, ahead)
    return np.einsum("...i,...i->...", way, along) / length, np.arctan2(x, z), np.hypot(x, z)


def _distance(points: Floats, start: Floats, end: Floats) -> Floats:
    """(P,) from the points to the line between two places."""
    line = end - start
    part = np.clip((points - start) @ line / max(float(line @ line), 1e-12), 0, 1)
    return np.asarray(np.linalg.norm(points - start - part[:, None] * line, axis=1))


def _swing(
    side: str,
    tube: _Tube,
    stance: Stance,
    places: Dictionary[str, Floats],
    turns: Dictionary[str, Floats],
    trunk: tuple[Floats, Floats, Floats],
) -> Floats:
    """Rotation vectors (T, 3) that swing an arm out about its shoulder, 0 where it is not inside."""
    shoulder, elbow, wrist = (places[f"{side}_{part}"] for part in ("shoulder", "elbow", "wrist"))
    hand = rotate(turns[f"{side}_wrist"], stance.alongs[f"{side}_wrist"])
    size = float(np.linalg.norm(stance.heads[f"{side}_wrist"] - stance.heads[f"{side}_elbow"]))
    points = np.stack([
        elbow, (elbow + wrist) / 2, wrist, wrist + hand * size * 0.35, wrist + hand * size * 0.7,
    ]) - shoulder  # fmt: skip
    swing = np.zeros_like(shoulder)
    busy = np.arange(len(swing))
    for _ in range(_TRIES):
        bottom, top, front = (part[busy] for part in trunk)
        arm = rotate(from_vectors(swing[busy]), points[:, busy])
        height, angle, distance = _about(arm + shoulder[busy], bottom, top, front)
        depth = tube.reach(height, angle) + tube.flesh * _PRESSED - distance
        depth = np.where(tube.reach(height, angle) > 0, depth, -1.0)
        worst = np.argmax(depth, axis=0)
        deep = np.take_along_axis(depth, worst[None], axis=0)[0]
        inside = deep > 0
        if not inside.any():
            break
        busy, worst, deep = busy[inside], worst[inside], deep[inside]
        lever = arm[worst, np.flatnonzero(inside)]
        line = (top - bottom)[inside]
        along = line / np.linalg.norm(line, axis=1, keepdims=True)
        out = lever + shoulder[busy] - bottom[inside]
        out = out - along * np.einsum("ti,ti->t", out, along)[:, None]
        out /= np.maximum(np.linalg.norm(out, axis=1, keepdims=True), 1e-9)
        # The turn that moves the point out by `deep`, as far as a turn about the shoulder can
        swing[busy] += np.cross(lever, out) * (deep / np.einsum("ti,ti->t", lever, lever))[:, None]
        angle = np.linalg.norm(swing[busy], axis=1, keepdims=True)
        swing[busy] *= np.minimum(1, _FURTHEST / np.maximum(angle, 1e-9))
    return swing


def _eased(swing: Floats, fps: float) -> Floats:
    """Swings (T, 3) that begin before they are needed and end after, without corners."""
    sigma = _EASE * fps
    half = max(int(np.ceil(2 * sigma)), 1)
    size = np.linalg.norm(swing, axis=1)
    # The largest around, then a mean of that around
    padded = np.pad(size, half, mode="edge")
    windows = np.lib.stride_tricks.sliding_window_view(padded, 2 * half + 1)
    largest = np.clip(np.arange(len(swing)) - half + np.argmax(windows, axis=1), 0, len(swing) - 1)
    weights = np.exp(-0.5 * (np.arange(-2 * half, 2 * half + 1) / sigma) ** 2)
    weights /= weights.sum()
    held = np.pad(swing[largest], ((2 * half, 2 * half), (0, 0)), mode="edge")
    return np.stack([np.convolve(held[:, i], weights, mode="valid") for i in range(3)], axis=1)
