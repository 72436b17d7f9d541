"""The skeleton of a control rig as engines want it: the bones that deform, in one tree, without the controls.

A rig such as Rigify's moves its deforming bones by constraints, and hangs them on helpers: its thighs are no
descendants of its hips. Blender's exporter bakes what the bones do, but keeps all their ancestors. Here each deforming
bone gets the nearest deforming bone above it as its parent, where a deforming bone stands for the helper that it copies
or begins with; and its curves are written anew, so that it is where it was on every frame.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import numpy as np

from ..core.eulers import eulers
from .fbx_file import FbxFile, Floats, put_values, values_of

Parents = dict[str, "str | None"]

_SAME = 1e-3
"""Parts of a bone's length within which two bones begin at one place."""
_AT_ONCE = 1000
"""Frames whose transforms are in memory at a time."""
_CHANNELS = [(what, f"d|{axis}") for what in ("Lcl Translation", "Lcl Rotation", "Lcl Scaling") for axis in "XYZ"]


def is_control_rig(armature: Any) -> bool:
    """Are there bones that deform, and are moved by constraints, and others that don't?"""
    bones = [bone for bone in armature.pose.bones if bone.bone.use_deform]
    return len(bones) < len(armature.pose.bones) and any(_works(thing) for bone in bones for thing in bone.constraints)


def deform_skeleton(armature: Any, carriers: Collection[str] = ()) -> Parents:
    """The bones of an engine's skeleton, each after its parent: those that deform, `carriers`, and the root above."""
    bones = armature.data.bones
    kept = {bone.name for bone in bones if bone.use_deform} | set(carriers)
    stands_for: dict[str, str] = {}
    for bone in (bone for bone in armature.pose.bones if bone.name in kept):
        for thing in bone.constraints:
            if thing.type == "COPY_TRANSFORMS" and _works(thing) and thing.target == armature:
                stands_for.setdefault(thing.subtarget, bone.name)
        above = bone.bone.parent
        if above is not None and (above.head_local - bone.bone.head_local).length < _SAME * bone.bone.length:
            stands_for.setdefault(above.name, bone.name)
    parents: Parents = {}
    for bone in (bone for bone in bones if bone.name in kept):
        above = (other.name if other.name in kept else stands_for.get(other.name) for other in bone.parent_recursive)
        parents[bone.name] = next((one for one in above if one and bone.name not in _line(one, parents)), None)
    tops = [name for name, parent in parents.items() if parent is None]
    roots = {bones[name].parent_recursive[-1].name if bones[name].parent else name for name in tops}
    if len(roots) == 1 and not roots & kept:
        (root,) = roots
        parents = {root: None, **{name: parent or root for name, parent in parents.items()}}
    return dict(sorted(parents.items(), key=lambda pair: len(_line(pair[0], parents))))


def reduce_skeleton(file: FbxFile, parents: Parents) -> None:
    """Leave the bones of `parents` alone in the file, each on its parent, and each where it was."""
    nodes = file.bones()
    carrier = file.carrier()
    hung = {nodes[name]: nodes[parent] if parent else carrier for name, parent in parents.items()}
    tracks = {bone: np.stack([values_of(file.animated[bone][channel]) for channel in _CHANNELS], axis=1)
              for bone in nodes.values()}  # fmt: skip
    made: dict[int, list[Floats]] = {bone: [] for bone in hung}
    for first in range(0, len(next(iter(tracks.values()))), _AT_ONCE):
        worlds: dict[int, Floats] = {}
        for bone in nodes.values():  # parents come first
            matrix = _matrices(tracks[bone][first : first + _AT_ONCE])
            worlds[bone] = worlds[file.parents[bone][0]] @ matrix if file.parents[bone][0] in worlds else matrix
        written: dict[int, Floats] = {}
        for bone, parent in hung.items():
            # From where the parent will be, which is not quite where it was if it was sheared: so no error adds up.
            local = np.linalg.inv(written[parent]) @ worlds[bone] if parent in written else worlds[bone]
            made[bone].append(_tracks(local))
            back = _matrices(made[bone][-1])
            written[bone] = written[parent] @ back if parent in written else back
    for bone, parts in made.items():
        whole = np.concatenate(parts)
        whole[:, 3:6] = np.degrees(np.unwrap(np.radians(whole[:, 3:6]), axis=0))
        for channel, values in zip(_CHANNELS, whole.T, strict=True):
            put_values(file.animated[bone][channel], values)
    for link in file.tops[b"Connections"].elems:
        kind, child, parent = link.props[:3]
        if kind == b"OO" and child in hung and parent == file.parents[child][0]:
            link.props[2] = hung[child]
    file.index()
    file.remove_bones(bone for name, bone in nodes.items() if name not in parents)


def _works(constraint: Any) -> bool:
    return bool(not constraint.mute and constraint.is_valid and constraint.influence > 0)


def _line(name: str | None, parents: Parents) -> list[str]:
    """A bone and all above it, as far as they are known."""
    line: list[str] = []
    while name is not None and name not in line:
        line.append(name)
        name = parents.get(name)
    return line


def _matrices(tracks: Floats) -> Floats:
    """Transforms (T, 4, 4) from tracks (T, 9): place, degrees about X, then Y, then Z, and scales."""
    x, y, z = np.radians(tracks[:, 3:6]).T
    made = np.tile(np.eye(4), (len(tracks), 1, 1))
    made[:, 0, 0], made[:, 0, 1] = np.cos(y) * np.cos(z), np.sin(x) * np.sin(y) * np.cos(z) - np.cos(x) * np.sin(z)
    made[:, 1, 0], made[:, 1, 1] = np.cos(y) * np.sin(z), np.sin(x) * np.sin(y) * np.sin(z) + np.cos(x) * np.cos(z)
    made[:, 0, 2] = np.cos(x) * np.sin(y) * np.cos(z) + np.sin(x) * np.sin(z)
    made[:, 1, 2] = np.cos(x) * np.sin(y) * np.sin(z) - np.sin(x) * np.cos(z)
    made[:, 2, 0], made[:, 2, 1], made[:, 2, 2] = -np.sin(y), np.sin(x) * np.cos(y), np.cos(x) * np.cos(y)
    made[:, :3, :3] *= tracks[:, None, 6:9]
    made[:, :3, 3] = tracks[:, :3]
    return made


def _tracks(matrices: Floats) -> Floats:
    """Tracks (T, 9) from transforms (T, 4, 4), the angles without jumps; what is sheared is lost."""
    scales = np.linalg.norm(matrices[:, :3, :3], axis=1)
    angles = np.degrees(eulers(_quaternions(matrices[:, :3, :3] / scales[:, None]), "XYZ"))
    return np.concatenate([matrices[:, :3, 3], angles, scales], axis=1)


def _quaternions(turns: Floats) -> Floats:
    """Rotation matrices (T, 3, 3) as quaternions (T, 4), from the largest of their four parts (Shepperd 1978)."""
    a, b, c = turns[:, 0, 0], turns[:, 1, 1], turns[:, 2, 2]
    x, y, z = (turns[:, k, j] - turns[:, j, k] for j, k in ((1, 2), (2, 0), (0, 1)))
    xy, xz, yz = (turns[:, i, j] + turns[:, j, i] for i, j in ((0, 1), (0, 2), (1, 2)))
    rows = np.stack([
        np.stack([1 + a + b + c, x, y, z], axis=1),
        np.stack([x, 1 + a - b - c, xy, xz], axis=1),
        np.stack([y, xy, 1 - a + b - c, yz], axis=1),
        np.stack([z, xz, yz, 1 - a - b + c], axis=1),
    ], axis=1)  # fmt: skip
    largest = np.einsum("tii->ti", rows).argmax(axis=1)
    found = rows[np.arange(len(turns)), largest]
    unit: Floats = found / np.linalg.norm(found, axis=1, keepdims=True)
    return unit
