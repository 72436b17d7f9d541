"""Rigs as data, made of the takes' own skeleton, and how they stand: no Blender."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from blender_addon.core.names import JOINT_NAMES
from blender_addon.core.retarget import RigMotion
from blender_addon.core.rig import Bone, Match, Rig, RigMapping
from blender_addon.core.rotations import from_vectors, multiply, rotate
from blender_addon.core.skeleton import PARENTS, REST
from blender_addon.core.take import Take

FACE = ("jawOpen", "mouthClose", "mouthPucker")
TO_BLENDER = np.array([[1.0, 0, 0], [0, 0, -1.0], [0, 1.0, 0]])
_ARM = ("shoulder", "elbow", "wrist", "index", "middle", "pinky", "ring", "thumb")


def take_of(poses: np.ndarray, trans: np.ndarray | None = None, face: np.ndarray | None = None) -> Take:
    count = len(poses)
    return Take(
        fps=30.0,
        poses=np.asarray(poses, np.float32),
        trans=np.zeros((count, 3), np.float32) if trans is None else np.asarray(trans, np.float32),
        face=np.zeros((count, len(FACE)), np.float32) if face is None else np.asarray(face, np.float32),
        face_names=FACE,
    )


def lively_poses(frames: int, seed: int = 0, size: float = 0.5) -> np.ndarray:
    rng = np.random.default_rng(seed)
    time = np.arange(frames)[:, None, None] / 30
    speed, phase = rng.uniform(0.2, 1.5, (2, 1, len(JOINT_NAMES), 3))
    return size * np.sin(2 * np.pi * speed * time + 6 * phase)


def rig_of(
    arms_down: float = 0.0,
    rolls: np.random.Generator | None = None,
    place: np.ndarray = TO_BLENDER,
    without: Iterable[str] = (),
    longer: dict[str, float] | None = None,
) -> tuple[Rig, RigMapping]:
    """A rig with the takes' joints and names, in a space of its own: `place` (3, 3) turns and scales it there."""
    heads: dict[str, np.ndarray] = {}
    down = {
        side: from_vectors(np.array([0, 0, -s * np.radians(arms_down)])) for side, s in (("left", 1), ("right", -1))
    }
    for joint in JOINT_NAMES:
        parent = PARENTS[joint]
        if parent is None:
            heads[joint] = REST[joint] + [0, 0.95, 0]
            continue
        way = (REST[joint] - REST[parent]) * next((by for part, by in (longer or {}).items() if part in parent), 1.0)
        side, _, part = parent.partition("_")
        heads[joint] = heads[parent] + (rotate(down[side], way) if part.startswith(_ARM) else way)
    gone = {joint for joint in JOINT_NAMES if any(part in joint for part in without)}
    bones = []
    for joint in JOINT_NAMES:
        if joint in gone:
            continue
        parent = PARENTS[joint]
        while parent in gone:
            parent = PARENTS[parent]
        child = next((other for other in JOINT_NAMES if PARENTS[other] == joint), None)
        tail = heads[child] if child else heads[joint] + 0.8 * (heads[joint] - heads[PARENTS[joint]])
        along = tail - heads[joint]
        if np.linalg.norm(along) < 1e-3:
            tail, along = heads[joint] + [0, 0.05, 0], np.array([0, 0.05, 0])
        y = place @ along / np.linalg.norm(place @ along)
        x = np.cross(y, np.eye(3)[np.argmin(np.abs(y))])
        x /= np.linalg.norm(x)
        angle = rolls.uniform(-np.pi, np.pi) if rolls else 0.0
        x = np.cos(angle) * x + np.sin(angle) * np.cross(y, x)
        axes = np.stack([x, y, np.cross(x, y)], axis=1)
        bones.append(Bone(joint, parent, place @ heads[joint], place @ tail, axes))
    mapping = RigMapping("", {bone.name: Match(bone.name, 1.0, "") for bone in bones}, jaw=0.35)
    return Rig("Test", tuple(bones)), mapping


def posed(rig: Rig, motion: RigMotion) -> dict[str, np.ndarray]:
    """Where each bone begins (T, 3), in the armature's space: what Blender makes of rotations and locations."""
    named = {bone.name: bone for bone in rig.bones}
    turns: dict[str, np.ndarray] = {}
    places: dict[str, np.ndarray] = {}
    none = np.array([[1.0, 0, 0, 0]])
    for bone in rig.bones:
        local = motion.rotations.get(bone.name, none)
        turn = np.concatenate([local[:, :1], local[:, 1:] @ bone.axes.T], axis=1)
        offset = motion.locations.get(bone.name, np.zeros((1, 3))) @ bone.axes.T
        if bone.parent is None:
            turns[bone.name], places[bone.name] = turn, bone.head + offset
        else:
            up = turns[bone.parent]
            turns[bone.name] = multiply(up, turn)
            places[bone.name] = places[bone.parent] + rotate(up, bone.head - named[bone.parent].head + offset)
    return places


def angle(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Degrees between directions (T, 3)."""
    sine, cosine = np.linalg.norm(np.cross(one, other), axis=-1), (one * other).sum(-1)
    return np.degrees(np.arctan2(sine, cosine))
