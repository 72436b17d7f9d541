"""A take on anyone's rig: the rotations of its bones, the place of its pelvis, the values of its shape keys.

Every bone turns in the room as its joint does in the take, on top of the turn that brings the rig's rest pose to the
take's (see `rest`), so limbs point where the take's point whatever the rig's rest pose, bone rolls and scale are.
"""

from __future__ import annotations

from collections.abc import Mapping as Dictionary
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from .clearance import keep_clear
from .expressions import by_component, suited
from .face_bones import face_locations, jaw_turn
from .ground import stand
from .rest import Stance, following, stance_of
from .rig import Bone, Rig, RigMapping
from .rotations import about, blend, continuous, inverse, multiply, rotate, swing, twist
from .shapes import lips_sealed, shape_values
from .skeleton import PARENTS, REST, SIDES, way, world_turns
from .take import Take
from .tree import Tree

Floats = NDArray[np.float64]

_Turns = dict[str, Floats]

_HIPS = ("left_hip", "right_hip")
_SPINE = ("spine1", "spine2", "spine3")
_TOUCHING = ("pelvis", "neck", "head", *(f"{side}_{part}" for side in SIDES for part in ("shoulder", "elbow", "wrist")))
_ABOVE = {"spine1": "spine2", "spine2": "spine3", "spine3": "neck"}
_ENDS = (("knee", "ankle"), ("elbow", "wrist"))
_STILL = np.array([[1.0, 0.0, 0.0, 0.0]])


@dataclass(frozen=True)
class RigMotion:
    """What a rig does, frame by frame: T frames at `fps`, or one where something keeps still.

    rotations : per bone (T or 1, 4) quaternions (w, x, y, z) in the bone's own rest frame, as
                `pose_bone.rotation_quaternion`, without jumps of sign
    locations : per bone (T, 3) in its own frame and the armature's units, as `pose_bone.location`
    shapes    : per mesh and shape key (T,) values, within the slider's range
    signed    : those of `shapes` that are components of an expression: their sliders are to be widened to their values
    notes     : sentences for the user on what was held back
    meta      : the take's request, as JSON
    joints    : the joint of the take that each bone follows
    sealed    : (T,) whether the lips touch
    switches  : the values of custom properties of bones, (bone, property), without which the keys would not show
    """

    fps: float
    frames: int
    rotations: Dictionary[str, Floats]
    locations: Dictionary[str, Floats]
    shapes: Dictionary[tuple[str, str], Floats]
    notes: tuple[str, ...] = ()
    meta: str = field(default="", repr=False)
    joints: Dictionary[str, str] = field(default_factory=dict, repr=False)
    sealed: NDArray[np.bool_] = field(default_factory=lambda: np.zeros(0, bool), repr=False)
    switches: Dictionary[tuple[str, str], float] = field(default_factory=dict)
    signed: frozenset[tuple[str, str]] = frozenset()


def retarget(take: Take, rig: Rig, mapping: RigMapping) -> RigMotion:
    """The take as the rig performs it.

    Raises AddonError if the mapping doesn't fit the rig. A rig without any mapped bone gets the face alone.
    """
    rig = replace(rig, carriers={**mapping.carriers, **rig.carriers})
    mapping, still, told = suited(mapping, take)
    shapes, notes = shape_values(take, rig, mapping)
    signed = frozenset(place for place in shapes if by_component(mapping.face[place]))
    there = {(mesh.name, key) for mesh in rig.faces for key in mesh.keys}
    shapes |= dict.fromkeys(there.intersection(still), np.zeros(len(take)))
    rotations: dict[str, Floats] = {}
    locations: dict[str, Floats] = {}
    joints: dict[str, str] = {}
    if any(joint in PARENTS for joint in mapping.bones):
        stance = stance_of(rig, mapping)
        followers = {name: joint for name, joint in mapping.followers.items() if joint in stance.bones}
        tree = Tree(rig, {bone.name for bone in stance.bones.values()})
        take_turns = world_turns(take.poses)
        turns = _bone_turns(take, mapping, stance, take_turns)
        if "pelvis" in stance.bones:
            anchor = _anchor(stance, tree)
            on_the_spot = _Places(stance, tree, turns, anchor, np.zeros((len(take), 3)))
            turns, shift = stand(take.trans, stance, take_turns, turns, on_the_spot.of("pelvis", *_HIPS))
            if rig.skin:
                places = _Places(stance, tree, turns, anchor, shift).of(*_TOUCHING)
                turns = keep_clear(_skin(rig, stance, tree), stance, places, turns, take.fps)
            moved = next((bone for bone in tree.upwards(anchor.name) if not bone.connected), anchor)
            locations[moved.name] = shift @ stance.axes.T @ tree.location_axes(moved)
            locations |= _loose_ends(stance, tree, turns, _Places(stance, tree, turns, anchor, shift))
        by_bone = {stance.bones[joint].name: turn for joint, turn in turns.items()}
        joints = {bone.name: joint for joint, bone in stance.bones.items()}
        by_bone |= {name: turns[joint] for name, joint in followers.items() if name in tree.bones}
        joints |= followers
        locations |= face_locations(take, take_turns, mapping, stance, tree)
        for side in SIDES:
            helpers = _forearm_twists(side, stance, tree, turns)
            by_bone |= helpers
            joints |= dict.fromkeys(helpers, f"{side}_elbow")
        rotations = _local_rotations(rig, stance.axes, by_bone)
    return RigMotion(
        fps=take.fps,
        frames=len(take),
        rotations=rotations,
        locations=locations,
        shapes=shapes,
        notes=(*told, *notes),
        meta=take.meta,
        joints=joints,
        sealed=lips_sealed(take),
        switches=mapping.switches,
        signed=signed,
    )


def _bone_turns(take: Take, mapping: RigMapping, stance: Stance, take_turns: Dictionary[str, Floats]) -> _Turns:
    """How each joint's bone turns in the room, (T, 4), from the rig's rest; the legs not yet on the ground."""
    turns: _Turns = {}
    for joint in stance.bones:
        turn = multiply(take_turns[joint], stance.to_rest[joint])
        end = following(joint, stance.heads)
        if joint == "jaw":
            turn = multiply(take_turns["head"], jaw_turn(take, mapping))
        elif joint in _SPINE:
            turn = _spine_turn(joint, stance, take_turns)
        elif end and PARENTS[end] != joint:
            # A joint is missing between: the segment points to the end of both
            turn = multiply(swing(rotate(turn, stance.alongs[joint]), way(take_turns, joint, end)), turn)
        turns[joint] = turn
    return turns


def _spine_turn(joint: str, stance: Stance, take_turns: Dictionary[str, Floats]) -> Floats:
    """A bone turns as the mean of the joints that it stands for, those up to the next that has a bone."""
    rest = _SPINE[_SPINE.index(joint) :]
    covered = [joint]
    for other in rest[1:]:
        if other in stance.bones:
            break
        covered.append(other)
    lengths = [float(np.linalg.norm(REST[_ABOVE[other]] - REST[other])) for other in covered]
    return blend([take_turns[other] for other in covered], lengths)


def _anchor(stance: Stance, tree: Tree) -> Bone:
    """The bone that carries the pelvis and both legs: the pelvis's own, or the next above that does."""
    pelvis = stance.bones["pelvis"].name
    hips = [stance.bones[hip].name for hip in _HIPS if hip in stance.bones]
    if all(pelvis in tree.ancestors(hip) or pelvis in tree.carriers_of(hip) for hip in hips):
        return tree.bones[pelvis]
    shared = [name for name in tree.ancestors(pelvis) if all(name in tree.ancestors(hip) for hip in hips)]
    return tree.bones[shared[0] if shared else pelvis]


def _skin(rig: Rig, stance: Stance, tree: Tree) -> _Turns:
    """The rig's skin in the take's axes, by the joint whose bone carries it."""
    joint_of = {bone.name: joint for joint, bone in stance.bones.items()}
    found: dict[str, list[Floats]] = {}
    for bone, points in rig.skin.items():
        joint = next((joint_of[name] for name in (bone, *tree.ancestors(bone)) if name in joint_of), None)
        if joint is not None:
            found.setdefault(joint, []).append(points @ stance.axes)
    return {joint: np.concatenate(parts) for joint, parts in found.items()}


class _Places:
    """Where the joints' bones begin (T, 3), in the take's axes and the rig's units, `shift` (T, 3) from the spot."""

    def __init__(self, stance: Stance, tree: Tree, turns: Dictionary[str, Floats], anchor: Bone, shift: Floats) -> None:
        self._stance, self._tree, self._turns, self._anchor, self._shift = stance, tree, turns, anchor.name, shift
        self._joints = {bone.name: joint for joint, bone in stance.bones.items()}
        self._known: _Turns = {}

    def of(self, *joints: str) -> _Turns:
        """Of those joints that the rig has."""
        return {joint: self._place(joint) for joint in joints if joint in self._stance.bones}

    def _place(self, joint: str) -> Floats:
        if joint not in self._known:
            name = self._stance.bones[joint].name
            above = self._tree.ancestors(name)
            carrier = next((one for one in above if one in self._joints), None) or self._tree.carrier(name)
            head = self._stance.heads[joint]
            if carrier is not None:
                parent = self._joints[carrier]
                way = head - self._stance.heads[parent]
                self._known[joint] = self._place(parent) + rotate(self._turns[parent], way)
            else:
                self._known[joint] = head + self._shift * (self._anchor in (name, *above))
        return self._known[joint]


def _loose_ends(stance: Stance, tree: Tree, turns: Dictionary[str, Floats], places: _Places) -> _Turns:
    """Feet and hands that don't hang on their limbs, as targets of inverse kinematics don't, are moved to the ends."""
    found: _Turns = {}
    for upper, end in ((f"{side}_{a}", f"{side}_{b}") for side in SIDES for a, b in _ENDS):
        bone = stance.bones.get(end)
        if bone is None or upper not in stance.bones or bone.connected or tree.is_measured(bone.name):
            continue
        carriers = tree.carriers_of(bone.name)
        if stance.bones[upper].name in carriers:
            continue
        there = places.of(upper, end)
        goal = there[upper] + rotate(turns[upper], stance.heads[end] - stance.heads[upper])
        way = goal - there[end]
        if carriers:
            joint = next(joint for joint, other in stance.bones.items() if other.name == carriers[0])
            way = rotate(inverse(turns[joint]), way)
        found[bone.name] = way @ stance.axes.T @ tree.location_axes(bone)
    return found


def _forearm_twists(side: str, stance: Stance, tree: Tree, turns: Dictionary[str, Floats]) -> _Turns:
    """Bones along the forearm share the hand's twist, each as much as it is near the hand."""
    elbow, wrist = f"{side}_elbow", f"{side}_wrist"
    if elbow not in stance.bones or wrist not in stance.bones:
        return {}
    start, along = stance.bones[elbow], stance.alongs[elbow]
    length = float((stance.heads[wrist] - stance.heads[elbow]) @ along)
    found = tree.between(start.name, stance.bones[wrist].name) or tree.twisters(start.name)
    if not found or length <= 0:
        return {}
    places = [float((bone.head - start.head) @ stance.axes @ along) / length for bone in found]
    whole = np.unwrap(twist(multiply(inverse(turns[elbow]), turns[wrist]), along))
    helpers: _Turns = {}
    for bone, place, end in zip(found, places, [*places[1:], 1.0], strict=True):
        share = np.clip((place + end) / 2, 0, 1)  # as much as its own middle should have
        helpers[bone.name] = multiply(turns[elbow], about(along, whole * share))
    return helpers


def _local_rotations(rig: Rig, axes: Floats, turns: Dictionary[str, Floats]) -> dict[str, Floats]:
    """Turns in the room, by bone, as rotations in each bone's own rest frame. Bones between them are at rest."""
    tree = Tree(rig, set(turns))
    local: dict[str, Floats] = {}
    for bone in rig.bones:
        if bone.name in turns:
            carrier = tree.carrier(bone.name)
            turn = turns[bone.name] if carrier is None else multiply(inverse(turns[carrier]), turns[bone.name])
            # The same turn, its axis written in the bone's own frame: R^-1 q R
            local[bone.name] = continuous(np.concatenate([turn[:, :1], turn[:, 1:] @ (axes.T @ bone.axes)], axis=1))
        elif tree.is_between(bone.name):
            local[bone.name] = _STILL.copy()
    return local
