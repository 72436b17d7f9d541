"""Control rigs: with which bone a bone really turns.

The controls of a rig such as Rigify's hang on hidden bones whose constraints, and the properties that drive these, say
what they follow. Instead of reading all that, each bone that may carry another is turned for a moment.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator
from contextlib import contextmanager
from math import cos, radians
from typing import Any

from ..core.rig import RigMapping
from ..core.skeleton import PARENTS
from .aside import aside, leave

_ASIDE = "rig"
_TURN, _SAME = radians(40), radians(4)
_ROTATIONS = {"QUATERNION": "rotation_quaternion", "AXIS_ANGLE": "rotation_axis_angle"}


def measured_carriers(scene: Any, armature: Any, mapping: RigMapping) -> Generator[bool, None, dict[str, str | None]]:
    """For mapped bones that hang on constrained bones: the mapped bone with which each turns, None if with none.

    A rig without constraints is not evaluated at all. A generator: each step tries a bone, for which the rig is
    evaluated apart from the scene; after each step the rig is as it was.
    """
    bones = {joint: match.target for joint, match in mapping.bones.items() if match.target in armature.pose.bones}
    doubtful = {joint: name for joint, name in bones.items() if _hangs_on_constraints(armature, name, bones)}
    candidates = {above for joint in doubtful for above in _above(joint) if above in bones}
    turning: dict[str, set[str]] = {joint: set() for joint in doubtful}
    try:
        if candidates:
            with _switched(armature, mapping):
                before = _rotations(_layer(scene, armature), armature, bones.values())
            yield False
        for candidate in candidates:
            layer = _layer(scene, armature)
            with _switched(armature, mapping) as changed:
                if changed:  # when it is seen, the bones' own keys undo what was turned before
                    layer.update()
                with _turned(armature.pose.bones[bones[candidate]]):
                    after = _rotations(layer, armature, bones.values())
            turns = {name: after[name] @ before[name].inverted() for name in bones.values()}
            for joint, name in doubtful.items():
                if name != bones[candidate] and abs(turns[name].dot(turns[bones[candidate]])) > cos(_SAME / 2):
                    turning[joint].add(candidate)
            yield False
    finally:
        leave(_ASIDE)
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


def _layer(scene: Any, armature: Any) -> Any:
    """Where the rig is evaluated without the meshes on it: anew each time, as an undo or a saving may have taken it."""
    return aside(_ASIDE, scene, [armature]).view_layers[0]


def _rotations(layer: Any, armature: Any, names: Iterable[str]) -> dict[str, Any]:
    """How bones are turned now."""
    layer.update()
    bones = armature.evaluated_get(layer.depsgraph).pose.bones
    return {name: bones[name].matrix.to_quaternion() for name in names}


@contextmanager
def _switched(armature: Any, mapping: RigMapping) -> Iterator[bool]:
    """With the rig's switches set as they will be, since what follows what depends on them; True if one is changed."""
    bones = armature.pose.bones
    noted = {(bone, name): bones[bone].get(name) for bone, name in mapping.switches if bone in bones}
    before = {at: value for at, value in noted.items() if value not in (None, mapping.switches[at])}
    try:
        for (bone, name), value in before.items():
            bones[bone][name] = type(value)(mapping.switches[bone, name])
        if before:
            armature.update_tag()
        yield bool(before)
    finally:
        for (bone, name), value in before.items():
            bones[bone][name] = value
        if before:
            armature.update_tag()


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
