"""Rigs in the scene: someone's armature and the meshes on it, read as data (`core.rig`)."""

from __future__ import annotations

import re
from collections.abc import Generator
from typing import Any

import bpy
import numpy as np
from numpy.typing import NDArray

from ..core.errors import AddonError
from ..core.rig import Bone, FaceMesh, Rig
from ..core.steps import finished
from .compat import shape_points

BONE_PATH = r'pose\.bones\["(.+)"\]\.rotation'
KEY_PATH = r'key_blocks\["(.+)"\]\.value'
_POINTS = 4000
"""So many points tell a character's shape well enough."""
_AT_ONCE = 500
"""Points that are read in one step."""


def read_rig(armature: Any) -> Rig:
    """The rig of an armature object.

    Raises AddonError if the object is no armature, has no bones, or is being edited.
    """
    return finished(rig_in_steps(armature))


def rig_in_steps(armature: Any) -> Generator[bool, None, Rig]:
    """`read_rig` as a generator, each step of which takes some milliseconds at most."""
    check_rig(armature)
    skin = yield from _skin(armature)
    faces = []
    for name in [mesh.name for mesh in face_meshes(armature)]:
        yield False
        faces.append(_face(mesh_named(armature, name)))
    check_rig(armature)
    return Rig(
        name=armature.name,
        bones=_bones(armature.data.bones),
        faces=tuple(faces),
        world=np.array(armature.matrix_world, np.float64),
        skin=skin,
    )


def check_rig(armature: Any) -> None:
    """Raises AddonError if the object is no armature, has no bones, no size, or is being edited."""
    if armature is None or armature.type != "ARMATURE":
        raise AddonError("This is not an armature. Select the armature of the character.")
    if armature.mode == "EDIT":
        raise AddonError(f"{armature.name} is in Edit Mode. Leave it with Tab, then try again.")
    if not armature.data.bones:
        raise AddonError(f"{armature.name} has no bones. Select the armature of the character.")
    if not min(abs(part) for part in armature.matrix_world.to_scale()) > 0:
        raise AddonError(f"{armature.name} is scaled to nothing. Give it a scale that is not 0, in its sidebar.")


def _bones(bones: Any) -> tuple[Bone, ...]:
    places = {name: np.empty((len(bones), 3), np.float32) for name in ("head_local", "tail_local")}
    matrices = np.empty((len(bones), 4, 4), np.float32)
    for name, values in (*places.items(), ("matrix_local", matrices)):
        bones.foreach_get(name, values.ravel())  # a view of it: all at once, for there may be thousands
    heads, tails = (values.astype(np.float64) for values in places.values())
    axes = matrices.astype(np.float64).transpose(0, 2, 1)[:, :3, :3]  # Blender has columns first
    return tuple(
        Bone(
            name=bone.name,
            parent=bone.parent.name if bone.parent else None,
            head=head,
            tail=tail,
            axes=own,
            deform=bone.use_deform,
            connected=bone.use_connect and bone.parent is not None,
            inherit_rotation=bone.use_inherit_rotation,
            local_location=bone.use_local_location,
        )
        for bone, head, tail, own in zip(bones, heads, tails, axes, strict=True)
    )


def _face(mesh: Any) -> FaceMesh:
    keys = mesh.data.shape_keys.key_blocks[1:]  # the first is the face at rest
    return FaceMesh(
        name=mesh.name,
        keys=tuple(key.name for key in keys),
        ranges=tuple((key.slider_min, key.slider_max) for key in keys),
    )


def face_meshes(armature: Any) -> list[Any]:
    """The meshes with relative shape keys that hang on an armature, each block of shape keys once."""
    found: dict[Any, Any] = {}
    for thing in bpy.data.objects:
        if thing.type != "MESH" or thing.data.shape_keys is None or not thing.data.shape_keys.use_relative:
            continue
        if _is_deformed(thing, armature) or _is_under(thing, armature):
            found.setdefault(thing.data.shape_keys, thing)
    return sorted(found.values(), key=lambda thing: str(thing.name))


def held_bones(armature: Any) -> tuple[set[str], set[str]]:
    """The bones that keys can't or shouldn't turn: those that drivers turn, and those whose rotation is locked."""
    locked = {bone.name for bone in armature.pose.bones if all(bone.lock_rotation)}
    return driven_names(armature, BONE_PATH), locked


def driven_names(thing: Any, pattern: str) -> set[str]:
    """The names that `pattern` finds in the data paths that drivers of a data-block write."""
    if thing.animation_data is None:
        return set()
    found = (re.match(pattern, driver.data_path) for driver in thing.animation_data.drivers if not driver.mute)
    return {match[1].replace('\\"', '"').replace("\\\\", "\\") for match in found if match}


def _skin(armature: Any) -> Generator[bool, None, dict[str, NDArray[np.float64]]]:
    """Some points (P, 3) of the meshes that the armature deforms, at rest, in its space, by their main bone."""
    inside = np.linalg.inv(np.array(armature.matrix_world, np.float64))
    names = {bone.name for bone in armature.data.bones}
    found: dict[str, list[Any]] = {}
    meshes = [thing for thing in bpy.data.objects if thing.type == "MESH" and _is_deformed(thing, armature)]
    for mesh in meshes:
        yield False
        place = inside @ np.array(mesh.matrix_world, np.float64)
        groups = {group.index: group.name for group in mesh.vertex_groups if group.name in names}
        points: dict[str, list[Any]] = {}
        step = len(mesh.data.vertices) // max(_POINTS // len(meshes), 1) + 1
        for first in range(0, len(mesh.data.vertices), step * _AT_ONCE):
            _add_points(points, mesh, groups, range(first, len(mesh.data.vertices), step)[:_AT_ONCE])
            yield False
        for bone, places in points.items():
            found.setdefault(bone, []).append(np.array(places) @ place[:3, :3].T + place[:3, 3])
    return {bone: np.concatenate(parts) for bone, parts in found.items()}


def _add_points(points: dict[str, list[Any]], mesh: Any, groups: dict[int, str], numbers: range) -> None:
    """Put some of a mesh's points to the group that they belong to the most; reading all would take too long."""
    vertices = mesh.data.vertices
    for i in numbers:
        main = max((part for part in vertices[i].groups if part.group in groups), key=_weight, default=None)
        if main is not None:
            points.setdefault(groups[main.group], []).append(vertices[i].co[:])


def _weight(part: Any) -> float:
    return float(part.weight)


def _is_deformed(mesh: Any, armature: Any) -> bool:
    return any(modifier.type == "ARMATURE" and modifier.object == armature for modifier in mesh.modifiers)


def mesh_named(armature: Any, name: str) -> Any:
    """The mesh object that a rig's `FaceMesh` was read from.

    Raises AddonError if it is gone.
    """
    found = next((mesh for mesh in face_meshes(armature) if mesh.name == name), None)
    if found is None:
        raise AddonError(f"{armature.name} has no mesh {name} with shape keys any more. Match the rig again.")
    return found


def _is_under(thing: Any, armature: Any) -> bool:
    parent = thing.parent
    while parent is not None and parent != armature:
        parent = parent.parent
    return parent is not None


def reach(mesh: Any, key: str) -> float:
    """How far in the scene, in its units, a shape key moves the point that it moves the most."""
    block = mesh.data.shape_keys.key_blocks[key]
    shape, rest = (np.empty(len(mesh.data.vertices) * 3, np.float32) for _ in range(2))
    shape_points(block).foreach_get("co", shape)
    shape_points(block.relative_key).foreach_get("co", rest)
    moved = (shape - rest).reshape(-1, 3) @ np.array(mesh.matrix_world, np.float32)[:3, :3].T
    return float(np.sqrt(np.einsum("vi,vi->v", moved, moved).max(initial=0.0)))
