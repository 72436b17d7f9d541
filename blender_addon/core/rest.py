"""How a rig stands at rest, compared with the skeleton that takes are made for.

A take turns the joints of someone who stands in a T-pose. A rig may rest with its arms down, its hands turned, its
bones rolled as they will. For every bone we find the turn that would bring it from its own rest into the T-pose:

* trunk, head, jaw and eyes stand upright in both: none. Collar bones too: how high they sit is the character's build.
* a limb's segment takes the shortest way from its direction to the T-pose's, after its parent has taken its own; a
  joint that rests bent also brings its hinge along.
* a hand has its palm brought level, with the twist shared by the forearm; a foot turns its toes ahead and stays flat.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from .errors import AddonError
from .rig import Bone, Rig, RigMapping
from .rotations import about, from_matrix, inverse, multiply, rotate, swing, twist
from .skeleton import FINGERS, PARENTS, REST, SIDES

Floats = NDArray[np.float64]

LIMBS: tuple[tuple[str, ...], ...] = tuple(
    tuple(f"{side}_{part}" for part in parts)
    for side in SIDES
    for parts in (
        ("shoulder", "elbow", "wrist"),
        ("hip", "knee", "ankle"),
        *((f"{finger}1", f"{finger}2", f"{finger}3") for finger in FINGERS),
    )
)
_UPWARDS = (
    ("left_ankle", "right_ankle"), ("left_knee", "right_knee"), ("left_hip", "right_hip"), ("pelvis",), ("spine1",),
    ("spine2",), ("spine3",), ("left_shoulder", "right_shoulder"), ("neck",), ("head",),
    ("left_eye_smplhf", "right_eye_smplhf"),
)  # fmt: skip
_SIZES = (("hip", "ankle"), ("pelvis", "head"), ("pelvis", "neck"), ("spine3", "head"), ("shoulder", "wrist"))
"""What tells a rig's size, the best first."""
_BENT, _SURELY_BENT = np.radians(8), np.radians(20)
"""From here on a joint that rests bent tells where its hinge is; between the two, partly."""
_OFF_COURSE = np.radians(60)
"""A bone whose tail is further than this from the limb's direction has a tail that means nothing."""


@dataclass(frozen=True)
class Stance:
    """A rig's rest pose, in the take's axes (Y up, facing +Z) and the rig's own units.

    axes     : (3, 3) the take's axes as columns, in the armature's space
    scale    : the rig's units per metre of the take's skeleton
    bones    : the bone of each joint that has one
    heads    : (3,) where they begin
    alongs   : (3,) unit direction of the segment that each bone of a limb, hand or foot carries
    to_rest  : (4,) the turn that brings each bone from the rig's rest to the take's
    """

    axes: Floats
    scale: float
    bones: dict[str, Bone]
    heads: dict[str, Floats]
    alongs: dict[str, Floats]
    to_rest: dict[str, Floats]


def stance_of(rig: Rig, mapping: RigMapping) -> Stance:
    """Compare a rig's rest pose with the T-pose.

    Raises AddonError if the mapping names bones that the rig has not, or too few to tell up from down.
    """
    bones = _mapped_bones(rig, mapping)
    axes = _axes(rig, bones)
    heads = {joint: bone.head @ axes for joint, bone in bones.items()}
    alongs = _directions(rig, bones, heads, axes)
    return Stance(axes, _scale(heads), bones, heads, alongs, _turns_to_rest(heads, alongs))


def following(joint: str, joints: dict[str, Floats]) -> str | None:
    """The next joint of the same limb that the rig has."""
    for limb in LIMBS:
        if joint in limb:
            return next((other for other in limb[limb.index(joint) + 1 :] if other in joints), None)
    return None


def _mapped_bones(rig: Rig, mapping: RigMapping) -> dict[str, Bone]:
    named = {bone.name: bone for bone in rig.bones}
    bones: dict[str, Bone] = {}
    for joint in PARENTS:  # parents first; a bone that stands for several joints takes the first
        match = mapping.bones.get(joint)
        if match is None or (joint == "jaw" and mapping.jaw is None):
            continue
        if match.target not in named:
            raise AddonError(f"{rig.name} has no bone {match.target} any more. Match the rig again.")
        if named[match.target] not in bones.values():
            bones[joint] = named[match.target]
    return bones


def _axes(rig: Rig, bones: dict[str, Bone]) -> Floats:
    """The rig's left, up and front as columns, in the armature's space; a rotation.

    They are taken from where the bones are, and snapped to the armature's or the scene's axes if those are near:
    nobody's spine is quite straight.
    """
    heads = {joint: bone.head for joint, bone in bones.items()}
    levels = [np.mean([heads[joint] for joint in level], axis=0) for level in _UPWARDS if heads.keys() >= set(level)]
    pairs = [
        (joint, "right" + joint.removeprefix("left"))
        for joint in heads
        if joint.startswith("left") and "right" + joint.removeprefix("left") in heads
    ]
    # Arms and legs may rest one before the other
    firm = [pair for pair in pairs if pair[0].endswith(("hip", "shoulder", "collar"))]
    across = [heads[left] - heads[right] for left, right in firm or pairs]
    if len(levels) < 2 or not np.any(levels[-1] - levels[0]):
        raise AddonError(f"{rig.name} has too few known bones to tell up from down. Assign its pelvis and head.")
    world = rig.world[:3, :3] / np.linalg.norm(rig.world[:3, :3], axis=0)
    up = _snap(levels[-1] - levels[0], np.concatenate([np.eye(3), world]), 30)
    left = np.sum(across, axis=0) if across else np.zeros(3)
    left = left - up * (up @ left)
    if np.linalg.norm(left) < 1e-6 * np.linalg.norm(levels[-1] - levels[0]):
        # One-sided: the front is the armature's, as Blender has it
        left = np.cross(up, np.array([0.0, -1.0, 0.0]) if abs(up[1]) < 0.9 else np.array([0.0, 0.0, 1.0]))
    left = _snap(left, np.eye(3), 10)
    left = left - up * (up @ left)
    left /= np.linalg.norm(left)
    return np.stack([left, up, np.cross(left, up)], axis=1)


def _snap(direction: Floats, axes: Floats, degrees: float) -> Floats:
    """The first of `axes` (n, 3), either way, that is as near as that to the direction; else the direction; unit."""
    direction = direction / np.linalg.norm(direction)
    cosines = axes @ direction
    near = np.flatnonzero(np.abs(cosines) > np.cos(np.radians(degrees)))
    return axes[near[0]] * np.sign(cosines[near[0]]) if len(near) else direction


def _scale(heads: dict[str, Floats]) -> float:
    for first, last in _SIZES:
        ratios = []
        for side in ("left_", "right_") if last in ("ankle", "wrist") else ("",):
            joints = [side + first, side + last]
            middle = {"ankle": f"{side}knee", "wrist": f"{side}elbow"}.get(last)
            if middle in heads:
                joints.insert(1, middle)
            if all(joint in heads for joint in joints):
                ratios.append(_length(heads, joints) / _length(REST, joints))
        if ratios:
            return float(np.mean(ratios))
    top, bottom = max(p[1] for p in heads.values()), min(p[1] for p in heads.values())
    return float((top - bottom) / (max(REST[j][1] for j in heads) - min(REST[j][1] for j in heads)))


def _length(places: dict[str, Floats], joints: list[str]) -> float:
    return float(sum(np.linalg.norm(places[b] - places[a]) for a, b in pairwise(joints)))


def _directions(rig: Rig, bones: dict[str, Bone], heads: dict[str, Floats], axes: Floats) -> dict[str, Floats]:
    alongs: dict[str, Floats] = {}
    for limb in LIMBS:
        joints = [joint for joint in limb if joint in heads]
        for i, joint in enumerate(joints):
            end = joints[i + 1] if i + 1 < len(joints) else None
            if joint.endswith(("wrist", "ankle")):
                continue
            if end:
                alongs[joint] = _unit(heads[end] - heads[joint])
            else:
                expected = alongs[joints[i - 1]] if i else _rest_along(joint)
                alongs[joint] = _own_direction(rig, bones[joint], axes, expected)
    for side in SIDES:
        wrist, ankle, toes = f"{side}_wrist", f"{side}_ankle", f"{side}_foot"
        if wrist in heads:
            knuckles = _knuckles(side, heads)
            if knuckles:
                alongs[wrist] = _unit(_centre(heads, knuckles) - heads[wrist])
            else:
                expected = alongs.get(f"{side}_elbow", _rest_along(wrist))
                alongs[wrist] = _own_direction(rig, bones[wrist], axes, expected)
        if ankle in heads:
            ahead = heads[toes] - heads[ankle] if toes in heads else (bones[ankle].tail - bones[ankle].head) @ axes
            alongs[ankle] = ahead / max(float(np.linalg.norm(ahead)), 1e-30)
    return alongs


def _own_direction(rig: Rig, bone: Bone, axes: Floats, expected: Floats) -> Floats:
    """Where the last bone of a limb points: to its tail or its only child, unless that is nowhere near the limb."""
    children = [other for other in rig.bones if other.parent == bone.name]
    ends = [bone.tail] + ([children[0].head] if len(children) == 1 else [])
    for end in ends:
        way = (end - bone.head) @ axes
        length = np.linalg.norm(way)
        if length > 1e-9 and way @ expected > length * np.cos(_OFF_COURSE):
            return np.asarray(way / length)
    return expected


def _rest_along(joint: str) -> Floats:
    """The direction of the take's own segment at rest, unit."""
    side, _, part = joint.partition("_")
    if part == "wrist":
        return _unit(REST[f"{side}_middle1"] - REST[joint])
    if part[-1] == "3":  # a finger's tip has no joint: straight on
        return _unit(REST[joint] - REST[joint[:-1] + "2"])
    limb = next(limb for limb in LIMBS if joint in limb)
    return _unit(REST[limb[limb.index(joint) + 1]] - REST[joint])


def _knuckles(side: str, heads: dict[str, Floats]) -> list[str]:
    """What a hand points at: the middle finger, else the middle of the fingers that there are."""
    bases = [f"{side}_{finger}1" for finger in FINGERS if finger != "thumb" and f"{side}_{finger}1" in heads]
    middle = f"{side}_middle1"
    return [middle] if middle in bases else bases


def _centre(places: dict[str, Floats], joints: list[str]) -> Floats:
    return np.asarray(np.mean([places[joint] for joint in joints], axis=0))


def _turns_to_rest(heads: dict[str, Floats], alongs: dict[str, Floats]) -> dict[str, Floats]:
    none = np.array([1.0, 0, 0, 0])
    turns: dict[str, Floats] = {}
    for joint in PARENTS:
        if joint not in heads:
            continue
        part = joint.partition("_")[2]
        above = PARENTS[joint]
        while above is not None and above not in turns:
            above = PARENTS[above]
        inherited = turns[above] if above is not None else none
        if part == "wrist":
            turns[joint] = _hand_turn(joint, heads, alongs, inherited)
            elbow = joint.replace("wrist", "elbow")
            if elbow in turns:
                turns[elbow] = _share_twist(turns[elbow], turns[joint], elbow)
        elif part == "ankle":
            turns[joint] = _foot_turn(joint, alongs)
        elif joint in alongs:
            end = following(joint, heads)
            goal = _unit(REST[end] - REST[joint]) if end else _rest_along(joint)
            turns[joint] = _hinged(joint, alongs, multiply(swing(rotate(inherited, alongs[joint]), goal), inherited))
        else:
            turns[joint] = inherited if part == "foot" else none
    return turns


def _hinged(joint: str, alongs: dict[str, Floats], turn: Floats) -> Floats:
    """`turn` and a twist of the segment, by which a joint below that rests bent bends as the take's does."""
    side, _, part = joint.partition("_")
    if part not in ("shoulder", "hip"):
        return turn
    below = f"{side}_{'elbow' if part == 'shoulder' else 'knee'}"
    if below not in alongs:
        return turn
    upper, lower = rotate(turn, alongs[joint]), rotate(turn, alongs[below])
    hinge = np.cross(upper, lower)
    bend = float(np.arcsin(np.clip(np.linalg.norm(hinge), 0, 1)))
    # Elbows bend the forearm forwards, knees the shin backwards.
    hinge_of_take = np.cross(upper, [0.0, 0.0, 1.0 if part == "shoulder" else -1.0])
    off = float(np.arctan2(np.cross(hinge, hinge_of_take) @ upper, hinge @ hinge_of_take))
    sure = np.clip((bend - _BENT) / (_SURELY_BENT - _BENT), 0, 1)
    return multiply(about(upper, off * sure), turn) if abs(off) < np.radians(100) else turn


def _hand_turn(wrist: str, heads: dict[str, Floats], alongs: dict[str, Floats], inherited: Floats) -> Floats:
    side = wrist.partition("_")[0]
    knuckles = _knuckles(side, heads)
    goal = _unit(_centre(REST, knuckles) - REST[wrist]) if knuckles else _rest_along(wrist)
    bases = [f"{side}_{finger}1" for finger in FINGERS if f"{side}_{finger}1" in heads]
    if len(bases) >= 2:
        # From the little finger's side to the index's: the palm's plane. The thumb only if there is no other.
        inner, outer = bases[0], bases[-1] if len(bases) == 2 or not bases[-1].endswith("thumb1") else bases[-2]
        palm = _frame(alongs[wrist], heads[inner] - heads[outer])
        palm_of_take = _frame(goal, REST[inner] - REST[outer])
        if palm is not None and palm_of_take is not None:
            return from_matrix(palm_of_take @ palm.T)
    return multiply(swing(rotate(inherited, alongs[wrist]), goal), inherited)


def _share_twist(elbow: Floats, wrist: Floats, joint: str) -> Floats:
    """The forearm with half of the hand's twist against it: skin wrings less than if the wrist had it all."""
    axis = _rest_along(joint)
    return multiply(about(axis, twist(multiply(wrist, inverse(elbow)), axis) / 2), elbow)


def _foot_turn(ankle: str, alongs: dict[str, Floats]) -> Floats:
    """About the vertical only. Soles are flat at rest, however steep the bone in the foot is."""
    ahead = alongs[ankle] * [1, 0, 1]
    if np.linalg.norm(ahead) < 0.2:
        return np.array([1.0, 0, 0, 0])
    toes = ankle.replace("ankle", "foot")
    return swing(ahead, (REST[toes] - REST[ankle]) * [1, 0, 1])


def _frame(along: Floats, across: Floats) -> Floats | None:
    """A rotation whose first column is `along`, a unit vector, and whose second is near `across`; None if parallel."""
    normal = np.cross(along, across)
    length = np.linalg.norm(normal)
    if length < 0.2 * np.linalg.norm(across) or length < 1e-12:
        return None
    normal /= length
    return np.asarray(np.stack([along, np.cross(normal, along), normal], axis=1))


def _unit(vector: Floats) -> Floats:
    return np.asarray(vector / max(float(np.linalg.norm(vector)), 1e-30))
