"""Someone who walks, with feet that stay where they are put; written with scipy, independently of what is tested."""

from __future__ import annotations

import numpy as np
from scipy.spatial.transform import Rotation

from blender_addon.core.names import JOINT_NAMES
from blender_addon.core.skeleton import PARENTS, REST
from blender_addon.core.take import Take

STRIDE, CYCLE = 0.5, 1.0
"""Metres of a step, seconds of two."""
STANCE = 0.6
"""The part of a cycle for which a foot stands."""


def walk(seconds: float = 4.0, fps: float = 30.0, heading: float = 0.0, seed: int = 0) -> Take:
    """Ahead, along +Z turned by `heading` (radians) to the left: arms swing against legs, the left hand higher."""
    times = np.arange(round(seconds * fps)) / fps
    frames = len(times)
    speed = 2 * STRIDE / CYCLE
    local = {joint: Rotation.identity(frames) for joint in JOINT_NAMES}
    wave = 2 * np.pi * times / CYCLE
    turn = Rotation.from_rotvec([0, heading, 0])
    sway = np.stack([0.02 * np.sin(wave), -0.085 + 0.01 * np.cos(2 * wave), speed * times], axis=1)
    local["pelvis"] = turn * _about("YXZ", 0.08 * np.sin(wave), 0.06, 0.03 * np.cos(wave))
    for side, sign, phase in (("left", 1, 0.0), ("right", -1, 0.5)):
        foot, pitch = _foot(times / CYCLE + phase, speed)
        ankle = REST[f"{side}_ankle"] + np.stack([0 * times, foot[:, 0], foot[:, 1]], axis=1)
        _leg(side, local, turn.inv() * local["pelvis"], ankle - sway, pitch)
        swing = sign * 0.5 * np.sin(wave)
        local[f"{side}_shoulder"] = _about("ZX", -sign * (1.0 if side == "left" else 1.2), swing)
        local[f"{side}_elbow"] = _about("Y", -sign * (0.4 + 0.2 * np.sin(wave)))
        local[f"{side}_wrist"] = _about("ZX", -sign * 0.2 * np.cos(wave), 0.3 * np.sin(wave / 2))
    local["spine2"] = _about("Y", -0.1 * np.sin(wave))
    local["head"] = _about("YX", 0.3 * np.sin(wave / 3), 0.1 * np.cos(wave / 2))
    poses = np.stack([local[joint].as_rotvec() for joint in JOINT_NAMES], axis=1)
    trans = turn.apply(sway)
    return Take(fps, poses.astype(np.float32), trans.astype(np.float32), np.zeros((frames, 0), np.float32), ())


def _about(axes: str, *angles: np.ndarray | float) -> Rotation:
    """One after the other about the axes, the first outermost."""
    return Rotation.from_euler(axes, np.stack(np.broadcast_arrays(*angles), axis=-1).reshape(-1, len(axes)))


def _foot(phases: np.ndarray, speed: float) -> tuple[np.ndarray, np.ndarray]:
    """Height and way ahead (T, 2) of an ankle from its rest place, and how far the foot is pitched."""
    cycle, part = np.divmod(phases, 1.0)
    swing = np.clip((part - STANCE) / (1 - STANCE), 0, 1)
    ahead = (cycle + swing * swing * (3 - 2 * swing)) * 2 * STRIDE + STANCE * STRIDE
    height = 0.12 * np.sin(np.pi * swing) ** 2
    return np.stack([height, ahead - 2 * STRIDE * phases[0]], axis=1), 0.5 * np.sin(2 * np.pi * swing)


def _leg(side: str, local: dict, pelvis: Rotation, ankle: np.ndarray, pitch: np.ndarray) -> None:
    """Thigh, shin and foot that bring the ankle there (T, 3), from the pelvis, in the walker's axes."""
    hip, knee = f"{side}_hip", f"{side}_knee"
    rests = [REST[knee] - REST[hip], REST[f"{side}_ankle"] - REST[knee]]
    a, b = (np.linalg.norm(rest) for rest in rests)
    way = ankle - pelvis.apply(REST[hip])
    far = np.clip(np.linalg.norm(way, axis=1), 0.3, (a + b) * 0.9995)
    axis = np.cross(way, pelvis.apply([0, 0, 1.0]))
    axis /= np.linalg.norm(axis, axis=1, keepdims=True)
    bend = np.arccos((a * a + far * far - b * b) / (2 * a * far))
    thigh = Rotation.from_rotvec(axis * bend[:, None]).apply(way / np.linalg.norm(way, axis=1, keepdims=True))
    shin = way / np.linalg.norm(way, axis=1, keepdims=True) * far[:, None] - thigh * a
    hip_turn = _aligned(rests[0], thigh, axis)
    knee_turn = _aligned(rests[1], shin, axis)
    local[hip] = pelvis.inv() * hip_turn
    local[knee] = hip_turn.inv() * knee_turn
    local[f"{side}_ankle"] = knee_turn.inv() * _about("X", pitch)


def _aligned(rest: np.ndarray, ways: np.ndarray, axis: np.ndarray) -> Rotation:
    """Turns that bring `rest` (3,) to `ways` (T, 3), and the left to about `-axis` (T, 3)."""

    def frames(along: np.ndarray, left: np.ndarray) -> np.ndarray:
        along = along / np.linalg.norm(along, axis=-1, keepdims=True)
        front = np.cross(left, along)
        front /= np.linalg.norm(front, axis=-1, keepdims=True)
        return np.stack([np.cross(along, front), along, front], axis=-1)

    return Rotation.from_matrix(frames(ways, -axis) @ np.swapaxes(frames(rest[None], np.array([[-1.0, 0, 0]])), -1, -2))


def places(take: Take) -> dict[str, np.ndarray]:
    """Where each joint is (T, 3), from the pelvis' place at rest."""
    turns: dict[str, Rotation] = {}
    found: dict[str, np.ndarray] = {}
    for i, joint in enumerate(JOINT_NAMES):
        own = Rotation.from_rotvec(take.poses[:, i].astype(np.float64))
        parent = PARENTS[joint]
        if parent is None:
            turns[joint], found[joint] = own, take.trans.astype(np.float64)
        else:
            turns[joint] = turns[parent] * own
            found[joint] = found[parent] + turns[parent].apply(REST[joint] - REST[parent])
    return found
