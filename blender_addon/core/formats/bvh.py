"""BVH, Biovision's hierarchy files: anyone's skeleton and its motion, read as a take.

There is no standard. By what programs write and what Blender reads: a joint's channels are turned in the order in which
they are listed, the first outermost, in degrees; positions are the joint's whole place in its parent, in whatever unit.
Y is up, or Z, as the skeleton stands. Units need not be known: a take is measured by the legs.

The pose with all angles zero is the rest pose, if it is a person's. Some studios' (Ubisoft's LAFAN1) is a heap of bones
that lie along one axis: there, the frame on which the person stands most upright is taken for it. A first frame that
has all angles zero, as many recordings have for the sake of that rest pose, is left out.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..capture import take_of
from ..descriptions import Descriptions
from ..errors import AddonError
from ..matching import match_rig
from ..rig import Bone, Rig, RigMapping
from ..rotations import about, inverse, multiply, rotate, swing
from ..skeleton import SIDES
from ..take import Take
from .bvh_text import Joint, read_text

Floats = NDArray[np.float64]

_SURE = 0.5
"""A mapping with less than this is no more than a guess: see `matching`."""
_SHORT = 1e-3
"""Of the skeleton's size: what a bone without length gets."""
_TRIED = 400
"""The most upright of so many frames will do."""
_STRAIGHT = np.radians(60)
"""What is further off than this on a rest pose is not at rest."""
_STRAIGHT_PARTS = (
    ("pelvis", "neck", 1.0),
    ("neck", "head", 1.0),
    *((f"{side}_hip", f"{side}_knee", -1.0) for side in SIDES),
    *((f"{side}_knee", f"{side}_ankle", -1.0) for side in SIDES),
)
_ZERO, _NOT_ZERO = 1e-3, 5.0
"""Degrees: all angles below the one on the first frame, and one beyond the other on the second: that is a rest pose."""
_Z_FROM_Y = np.array([[1.0, 0.0, 0.0], [0.0, 0.0, -1.0], [0.0, 1.0, 0.0]])
_STILL = np.array([1.0, 0.0, 0.0, 0.0])
_ALONG, _UP = np.array([0.0, 1.0, 0.0]), np.array([0.0, 0.0, 1.0])


@dataclass(frozen=True)
class Recording:
    """What a BVH file holds, in its own axes and units.

    joints : parents before children
    ends   : (J, 3) from each joint to the end of its bone, at zero angles
    turns  : for each joint how it is turned in the room (T, 4), against the pose with zero angles
    places : for each joint (T, 3)
    """

    name: str
    fps: float
    joints: tuple[Joint, ...]
    ends: Floats
    turns: tuple[Floats, ...]
    places: tuple[Floats, ...]

    def __len__(self) -> int:
        return len(self.turns[0])


@dataclass(frozen=True)
class _Rest:
    """A pose that serves as the skeleton's rest: how its joints are turned (J, 4), where they are (J, 3).

    axes : (3, 3) whose rows are Blender's axes (Z up) in the file's
    """

    turns: Floats
    places: Floats
    axes: Floats


def read_bvh(path: Path, descriptions: Descriptions) -> Take:
    """Read a BVH file of a person.

    Raises AddonError if there is no such file, if it is damaged, or if its skeleton is no person's.
    """
    recording = read_recording(path)
    rest, rig, mapping = _matched(recording, _zero_pose(recording), descriptions)
    if mapping.score < _SURE or not _is_straight(rig, mapping):
        rest, rig, mapping = _matched(recording, _pose_on(recording, 0), descriptions)
        best = _pose_on(recording, _most_upright(recording, rest, mapping))
        rest, rig, mapping = _matched(recording, _ahead(recording, best, mapping), descriptions)
    # What was only read by its structure may be any creature
    is_person = mapping.score >= _SURE and "pelvis" in mapping.bones and (mapping.kind or _is_straight(rig, mapping))
    if not is_person:
        raise AddonError(f"The skeleton of {path} is not built like a person's. Choose the motion of a person.")
    turns, places = _performed(recording, rest, {match.target for match in mapping.bones.values()})
    return take_of(rig, mapping, turns, places, recording.fps)


def read_recording(path: Path) -> Recording:
    """Read the skeleton of a BVH file and what its joints do.

    Raises AddonError if there is no such file, or if it is damaged, with the reason.
    """
    text = read_text(path)
    joints, values = text.joints, text.values
    angles = values[:, [kind == "rotation" for joint in joints for kind, _ in joint.channels]]
    if len(values) > 1 and np.abs(angles[0]).max(initial=0) < _ZERO and np.abs(angles[1]).max(initial=0) > _NOT_ZERO:
        values = values[1:]
    turns: list[Floats] = []
    places: list[Floats] = []
    column = 0
    for joint in joints:
        columns = values[:, column : column + len(joint.channels)]
        column += len(joint.channels)
        turn, place = _turn(joint, columns), _place(joint, columns)
        if joint.parent >= 0:
            place = places[joint.parent] + rotate(turns[joint.parent], place)
            turn = multiply(turns[joint.parent], turn)
        turns.append(np.broadcast_to(turn, (len(values), 4)))
        places.append(np.broadcast_to(place, (len(values), 3)))
    return Recording(path.stem, text.fps, joints, _ends(joints), tuple(turns), tuple(places))


def _turn(joint: Joint, columns: Floats) -> Floats:
    """How a joint turns in its parent, (T, 4)."""
    turn = _STILL[None]
    for (kind, axis), angles in zip(joint.channels, columns.T, strict=True):
        if kind == "rotation":
            turn = multiply(turn, about(np.eye(3)[axis], np.radians(angles)))
    return turn


def _place(joint: Joint, columns: Floats) -> Floats:
    """Where a joint is in its parent, (T or 1, 3): at its offset, unless channels say another place.

    Some programs write what is to be added to the offset: then it is nearer to nothing than to the offset.
    """
    moved = [
        (axis, column) for (kind, axis), column in zip(joint.channels, columns.T, strict=True) if kind == "position"
    ]
    if not moved:
        return joint.offset[None]
    place = np.tile(joint.offset, (len(columns), 1))
    axes, values = [axis for axis, _ in moved], np.stack([column for _, column in moved], axis=1)
    whole = np.abs(values - joint.offset[axes]).mean() <= np.abs(values).mean()
    place[:, axes] = values if whole or joint.parent < 0 else values + joint.offset[axes]
    return place


def _ends(joints: tuple[Joint, ...]) -> Floats:
    """(J, 3) from each joint to where its bone ends: at its End Site, or the joint on it that leads furthest."""
    ends = np.array([np.zeros(3) if joint.end is None else joint.end for joint in joints])
    reach = np.linalg.norm(ends, axis=1)
    for i in range(len(joints) - 1, 0, -1):  # children first
        parent, length = joints[i].parent, float(np.linalg.norm(joints[i].offset)) + reach[i]
        if joints[parent].end is None and length > reach[parent]:
            ends[parent], reach[parent] = joints[i].offset, length
    return ends


def _zero_pose(recording: Recording) -> _Rest:
    places = np.zeros((len(recording.joints), 3))
    for i, joint in enumerate(recording.joints):
        places[i] = joint.offset + (places[joint.parent] if joint.parent >= 0 else 0)
    return _rest(np.tile(_STILL, (len(places), 1)), places)


def _pose_on(recording: Recording, frame: int) -> _Rest:
    return _rest(
        np.array([turn[frame] for turn in recording.turns]), np.array([place[frame] for place in recording.places])
    )


def _rest(turns: Floats, places: Floats) -> _Rest:
    """Who stands is taller than deep, so that tells whether Y or Z is up. The other side of a T-pose is X in both."""
    _, high, deep = np.ptp(places, axis=0)
    return _Rest(turns, places, _Z_FROM_Y if high >= deep else np.eye(3))


def _matched(recording: Recording, rest: _Rest, descriptions: Descriptions) -> tuple[_Rest, Rig, RigMapping]:
    rig = _rig(recording, rest)
    return rest, rig, match_rig(rig, descriptions)[0]


def _rig(recording: Recording, rest: _Rest) -> Rig:
    heads = rest.places @ rest.axes.T
    ends = rotate(rest.turns, recording.ends) @ rest.axes.T
    short = _SHORT * float(np.ptp(heads, axis=0).max())
    bones = []
    for i, joint in enumerate(recording.joints):
        end = ends[i] if np.linalg.norm(ends[i]) > short else np.array([0.0, 0.0, short])
        parent = recording.joints[joint.parent].name if joint.parent >= 0 else None
        axes = rotate(swing(_ALONG, end), np.eye(3)).T
        bones.append(Bone(joint.name, parent, heads[i], heads[i] + end, axes))
    return Rig(recording.name, tuple(bones))


def _is_straight(rig: Rig, mapping: RigMapping) -> bool:
    """Whether the rig rests as people do, rather than as a heap of bones: nothing of it is far off straight."""
    heads = {bone.name: bone.head for bone in rig.bones}
    at = {joint: heads[match.target] for joint, match in mapping.bones.items()}
    trunk = at["neck"] - at["pelvis"] if {"neck", "pelvis"} <= at.keys() else _UP
    return all(bend < _STRAIGHT for bend in _bends(at, trunk))


def _most_upright(recording: Recording, rest: _Rest, mapping: RigMapping) -> int:
    """The frame on which the body is straightest, and the head turned as it is on the whole."""
    frames = np.unique(np.linspace(0, len(recording) - 1, _TRIED).round().astype(int))
    numbers = {joint.name: i for i, joint in enumerate(recording.joints)}
    found = {joint: numbers[match.target] for joint, match in mapping.bones.items()}
    at = {joint: recording.places[i][frames] @ rest.axes.T for joint, i in found.items()}
    off = sum(_bends(at, _UP), np.zeros(len(frames)))
    if {"pelvis", "head"} <= found.keys():
        off += _off_usual(multiply(inverse(recording.turns[found["pelvis"]]), recording.turns[found["head"]]))[frames]
    return int(frames[np.argmin(off)])


def _bends(at: dict[str, Floats], up: Floats) -> list[Floats]:
    """Radians by which the parts of a body, its joints at these places (..., 3), are off from standing straight.

    Trunk and neck go up and legs down, hips, shoulders and hands are level and in line.
    """
    bends = [_angle(at[last] - at[first], way * up) for first, last, way in _STRAIGHT_PARTS
             if first in at and last in at]  # fmt: skip
    lines = [at[f"left_{part}"] - at[f"right_{part}"] for part in ("hip", "shoulder", "wrist")
             if f"left_{part}" in at and f"right_{part}" in at]  # fmt: skip
    bends += [np.abs(_angle(line, up) - np.pi / 2) for line in lines]
    return bends + [_angle(lines[0], line) for line in lines[1:]]


def _ahead(recording: Recording, rest: _Rest, mapping: RigMapping) -> _Rest:
    """The same pose, turned about the vertical to look where people look that stand at zero angles: their left is X."""
    numbers = {joint.name: i for i, joint in enumerate(recording.joints)}
    at = {joint: rest.places[numbers[match.target]] @ rest.axes.T for joint, match in mapping.bones.items()}
    lines = [at[f"left_{part}"] - at[f"right_{part}"] for part in ("hip", "shoulder") if f"left_{part}" in at
             and f"right_{part}" in at]  # fmt: skip
    if not lines:
        return rest
    left = np.sum(lines, axis=0)
    back = about(_UP @ rest.axes, -float(np.arctan2(left[1], left[0])))
    return _Rest(multiply(back, rest.turns), rotate(back, rest.places), rest.axes)


def _off_usual(turns: Floats) -> Floats:
    """Radians by which turns (T, 4) are off their mean (Markley et al. 2007), (T,)."""
    usual = np.linalg.eigh(turns.T @ turns)[1][:, -1]
    return np.asarray(2 * np.arccos(np.clip(np.abs(turns @ usual), 0, 1)))


def _angle(a: Floats, b: Floats) -> Floats:
    """Radians between directions (..., 3)."""
    return np.asarray(np.arctan2(np.linalg.norm(np.cross(a, b), axis=-1), (a * b).sum(axis=-1)))


def _performed(recording: Recording, rest: _Rest, bones: Iterable[str]) -> tuple[dict[str, Floats], dict[str, Floats]]:
    """How these bones turn from the rest (T, 4), and where their heads are (T, 3), in Blender's axes."""
    turns, places = {}, {}
    numbers = {joint.name: i for i, joint in enumerate(recording.joints)}
    for name in bones:
        i = numbers[name]
        turn = multiply(recording.turns[i], inverse(rest.turns[i]))
        turns[name] = np.concatenate([turn[:, :1], turn[:, 1:] @ rest.axes.T], axis=1)
        places[name] = recording.places[i] @ rest.axes.T
    return turns, places
