"""Control rigs: with which bone a bone really turns.

The controls of a rig such as Rigify's hang on hidden bones whose constraints, and the properties that drive these, say
what they follow. Instead of reading all that, each bone that may carry another is turned for a moment.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from math import cos, radians
from typing import Any

from ..core.rig import RigMapping
from ..core.skeleton import PARENTS

_TURN, _SAME = radians(40), radians(4)
_ROTATIONS = {"QUATERNION": "rotation_quaternion", "AXIS_ANGLE": "rotation_axis_angle"}


def measured_carriers(context: Any, armature: Any, mapping: RigMapping) -> dict[str, str | None]:
    """For mapped bones that hang on constrained bones: the mapped bone with which each turns, None if with none.

    Needs an evaluation of the scene for each bone that is tried; a rig without constraints needs none.
    """
    bones = {joint: match.target for joint, match in mapping.bones.items() if match.target in armature.pose.bones}
    doubtful = {joint: name for joint, name in bones.items() if _hangs_on_constraints(armature, name, bones)}
    candidates = {above for joint in doubtful for above in _above(joint) if above in bones}
    turning: dict[str, set[str]] = {joint: set() for joint in doubtful}
    with _switched(context, armature, mapping if candidates else None):
        before = {name: _rotation(armature, name) for name in bones.values()}
        for candidate in candidates:
            with _turned(armature.pose.bones[bones[candidate]]):
                context.view_layer.update()
                turn = _rotation(armature, bones[candidate]) @ before[bones[candidate]].inverted()
                for joint, name in doubtful.items():
                    other = _rotation(armature, name) @ before[name].inverted()
                    if name != bones[candidate] and abs(other.dot(turn)) > cos(_SAME / 2):
                        turning[joint].add(candidate)
    found: dict[str, str | None] = {}
    for joint, name in doubtful.items():
        nearest = next((above for above in _above(joint) if above in turning[joint]), None)
        found[name] = bones[nearest] if nearest else None
    return found


def _hangs_on_constraints(armature: Any, name: str, bones: dict[str, str]) -> bool:
    """Whether a constraint turns one of the bones between this bone and the next mapped one above."""
    bone = armature.pose.bones[name].parent
    while bone is not None and bone.name not in bones.values():
        if any(not constraint.mute for constraint in bone.constraints):
            return True
        bone = bone.parent
    return False


def _above(joint: str) -> Iterator[str]:
    above = PARENTS.get(joint)
    while above is not None:
        yield above
        above = PARENTS[above]


def _rotation(armature: Any, name: str) -> Any:
    return armature.pose.bones[name].matrix.to_quaternion()


@contextmanager
def _switched(context: Any, armature: Any, mapping: RigMapping | None) -> Iterator[None]:
    """With the rig's switches set as they will be: what follows what depends on them."""
    if mapping is None:
        yield
        return
    bones = armature.pose.bones
    before = {(bone, name): bones[bone].get(name) for bone, name in mapping.switches if bone in bones}
    try:
        for (bone, name), value in before.items():
            if value is not None:
                bones[bone][name] = type(value)(mapping.switches[bone, name])
        armature.update_tag()
        context.view_layer.update()
        yield
    finally:
        for (bone, name), value in before.items():
            if value is not None:
                bones[bone][name] = value
        armature.update_tag()
        context.view_layer.update()


@contextmanager
def _turned(bone: Any) -> Iterator[None]:
    from mathutils import Matrix

    channel = _ROTATIONS.get(bone.rotation_mode, "rotation_euler")
    before = getattr(bone, channel)[:]
    location, scale = bone.location[:], bone.scale[:]
    try:
        bone.matrix_basis = bone.matrix_basis @ Matrix.Rotation(_TURN, 4, (0.48, 0.6, 0.64))
        yield
    finally:
        setattr(bone, channel, before)
        bone.location, bone.scale = location, scale
