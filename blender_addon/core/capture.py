"""What someone's skeleton did, as a take: the way back from `retarget`.

A joint of the take turns as its bone does, without the turn that brings the rig's rest pose to the take's (see `rest`),
so limbs point where the recorded ones point. The feet are then put where the recorded feet are, at the size of the
take's skeleton.
"""

from __future__ import annotations

from collections.abc import Mapping as Dictionary

import numpy as np
from numpy.typing import NDArray

from .errors import AddonError
from .footing import Y_UP, room_of, stand_on_floor
from .ground import pivots, reach, standing
from .names import JOINT_NAMES
from .rest import Stance, stance_of
from .rig import Rig, RigMapping
from .rotations import from_vectors, inverse, multiply, rotate, to_vectors
from .skeleton import PARENTS, REST, SIDES, local_poses
from .take import FULL_JAW, FULL_LOOK, NECK_SHARE, Take

Floats = NDArray[np.float64]

_MOVED = 0.005
"""Radians: an eye or a jaw that moves less was not recorded."""
_SPINE = ("spine1", "spine2", "spine3")
_STILL = np.array([1.0, 0.0, 0.0, 0.0])


def take_of(
    rig: Rig, mapping: RigMapping, turns: Dictionary[str, Floats], places: Dictionary[str, Floats], fps: float
) -> Take:
    """The take in which everyone moves as this rig did.

    turns  : for each bone how it turns (T, 4) from its rest, and
    places : where its head is (T, 3), both in the armature's space, in which the floor may be anywhere

    Joints that the rig has no bone for are at rest; a spine with fewer bones bends evenly.

    Raises AddonError if the mapping doesn't fit the rig, or has no pelvis.
    """
    stance = stance_of(rig, mapping)
    if "pelvis" not in stance.bones:
        raise AddonError(f"{rig.name} has no pelvis, without which nobody can be placed.")
    seen = {
        joint: multiply(_in_axes(turns[bone.name], stance.axes), inverse(stance.to_rest[joint]))
        for joint, bone in stance.bones.items()
    }
    heads = {joint: places[bone.name] @ stance.axes for joint, bone in stance.bones.items()}
    full = _all_joints(seen)
    trans, full = _place(stance, heads, full)
    room = room_of(full, heads["pelvis"] / stance.scale, Y_UP)
    full = {joint: multiply(room, turn) for joint, turn in full.items()}
    trans = stand_on_floor(full, rotate(room, trans), fps, sized=True)
    poses = local_poses(full)
    names, face = weights_of(poses)
    return Take(fps, poses, trans.astype(np.float32), face, names)


def weights_of(poses: NDArray[np.float32]) -> tuple[tuple[str, ...], NDArray[np.float32]]:
    """The ARKit weights (T, n), and their names, of what jaw and eyes do; none of those that never move.

    poses : (T, 55, 3) axis-angle

    Faces have shape keys for it, and a rig's jaw bone follows `jawOpen`.
    """
    weights: dict[str, Floats] = {}
    jaw = poses[:, JOINT_NAMES.index("jaw"), 0].astype(np.float64)
    if np.abs(jaw).max() > _MOVED:
        weights["jawOpen"] = np.clip(jaw / FULL_JAW, 0, 1)
    for side, out in (("left", 1.0), ("right", -1.0)):
        eye = poses[:, JOINT_NAMES.index(f"{side}_eye_smplhf")].astype(np.float64) / FULL_LOOK
        if np.abs(eye).max() * FULL_LOOK > _MOVED:
            looks = {"Up": -eye[:, 0], "Down": eye[:, 0], "Out": out * eye[:, 1], "In": -out * eye[:, 1]}
            for name, look in looks.items():
                weights[f"eyeLook{name}{side.capitalize()}"] = np.clip(look, 0, 1)
    face = np.zeros((len(poses), len(weights)), np.float32)
    for i, weight in enumerate(weights.values()):
        face[:, i] = weight
    return tuple(weights), face


def _in_axes(turns: Floats, axes: Floats) -> Floats:
    """The same turns (T, 4), their axes written in the frame that has `axes` (3, 3) as columns."""
    return np.concatenate([turns[:, :1], turns[:, 1:] @ axes], axis=1)


def _all_joints(seen: Dictionary[str, Floats]) -> dict[str, Floats]:
    """The turns (T, 4) of all joints, from those of the joints that have a bone."""
    full: dict[str, Floats] = {}
    for joint in JOINT_NAMES:
        parent = PARENTS[joint]
        if joint in seen or parent is None:
            full[joint] = seen[joint]
        elif joint in _SPINE:
            full[joint] = _spine_turn(joint, seen, full)
        elif joint == "neck" and "head" in seen:
            full[joint] = _between(full[parent], seen["head"], NECK_SHARE)
        else:
            full[joint] = full[parent]
    return full


def _spine_turn(joint: str, seen: Dictionary[str, Floats], full: Dictionary[str, Floats]) -> Floats:
    """As the bone below it in the spine, which stands for both; without one, between pelvis and the next above."""
    place = _SPINE.index(joint)
    above = next((i for i in range(place + 1, len(_SPINE)) if _SPINE[i] in seen), None)
    if any(other in seen for other in _SPINE[:place]) or above is None:
        return full[str(PARENTS[joint])]
    return _between(full["pelvis"], seen[_SPINE[above]], (place + 1) / (above + 1))


def _between(start: Floats, end: Floats, part: float) -> Floats:
    """Turns (T, 4) a part of the way from one to the other."""
    return multiply(start, from_vectors(part * to_vectors(multiply(inverse(start), end))))


def _place(
    stance: Stance, heads: Dictionary[str, Floats], turns: dict[str, Floats]
) -> tuple[Floats, dict[str, Floats]]:
    """The pelvis' translation (T, 3), and the turns with legs that reach to where the feet are: see `ground.stand`."""
    pivot, pivot_of_take = pivots(stance.heads, stance.heads["pelvis"])
    hips = [joint for joint in ("left_hip", "right_hip") if joint in heads] or ["pelvis"]
    straight, lift = standing(stance)
    moved = (np.mean([heads[joint] for joint in hips], axis=0) - pivot - lift) / stance.scale
    trans = moved - rotate(turns["pelvis"], pivot_of_take) + pivot_of_take
    turned = dict(turns)
    for side in straight:
        hip, ankle = f"{side}_hip", f"{side}_ankle"
        foot = REST[ankle] + (heads[ankle] - straight[side] - lift) / stance.scale
        turned |= reach(side, foot - trans - rotate(turns["pelvis"], REST[hip]), _OWN, turns, turns)
    return trans, turned


def _own_stance() -> Stance:
    """The take's own skeleton as a rig: its legs, at rest in its T-pose."""
    alongs = {}
    for side in SIDES:
        for first, last in (("hip", "knee"), ("knee", "ankle")):
            along = REST[f"{side}_{last}"] - REST[f"{side}_{first}"]
            alongs[f"{side}_{first}"] = along / np.linalg.norm(along)
    return Stance(np.eye(3), 1.0, {}, REST, alongs, dict.fromkeys(REST, _STILL))


_OWN = _own_stance()
