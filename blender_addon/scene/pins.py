"""Pins in a scene: keys of the type Extreme, which the dope sheet draws in pink, are kept when a take is keyed anew."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import bpy
import numpy as np
from numpy.typing import NDArray

from ..core.pins import bend, bend_rotations
from ..core.retarget import RigMotion
from .actions import bone_path, key_path
from .compat import animation_of, curves_of
from .rigs import face_meshes, mesh_named

Floats = NDArray[np.float64]

PINNED = "EXTREME"

_ROTATIONS = {"QUATERNION": ("rotation_quaternion", 4), "AXIS_ANGLE": ("rotation_axis_angle", 4)}


@dataclass(frozen=True)
class Pins:
    """The pinned keys of one channel: values (K, n) at the scene's frames (K,)."""

    frames: Floats
    values: Floats


@dataclass(frozen=True)
class RigPins:
    """The pinned keys of a rig: rotations as quaternions (w first) and locations per bone, values per mesh and key."""

    rotations: Mapping[str, Pins]
    locations: Mapping[str, Pins]
    shapes: Mapping[tuple[str, str], Pins]

    def __bool__(self) -> bool:
        return bool(self.rotations or self.locations or self.shapes)


def find_pins(armature: Any) -> RigPins:
    """The pinned keys of the Actions that animate the rig now. A pin in one component of a channel pins them all."""
    rotations, locations, shapes = {}, {}, {}
    if animation_of(armature).action is not None:
        curves = _by_path(armature)
        for bone in armature.pose.bones:
            path, size = _ROTATIONS.get(bone.rotation_mode, ("rotation_euler", 3))
            found = _pins(curves.get(f"{bone_path(bone.name)}.{path}", {}), size)
            if found is not None:
                rotations[bone.name] = replace(found, values=_quaternions(found.values, bone.rotation_mode))
            found = _pins(curves.get(f"{bone_path(bone.name)}.location", {}), 3)
            if found is not None:
                locations[bone.name] = found
    for mesh in face_meshes(armature):
        keys = mesh.data.shape_keys
        if animation_of(keys).action is None:
            continue
        curves = _by_path(keys)
        for key in keys.key_blocks:
            found = _pins(curves.get(key_path(key.name), {}), 1)
            if found is not None:
                shapes[mesh.name, key.name] = found
    return RigPins(rotations, locations, shapes)


def bend_to_pins(motion: RigMotion, pins: RigPins, start: float, step: float, reach: float) -> RigMotion:
    """The motion bent to the pins; it begins on the scene's frame `start`, and its frames are `step` of them apart."""
    frames = start + step * np.arange(motion.frames)

    def long(values: Any) -> Floats:
        return np.broadcast_to(values, (motion.frames, values.shape[1]))

    rotations = {
        bone: bend_rotations(long(values), frames, pins.rotations[bone].values, pins.rotations[bone].frames, reach)
        if bone in pins.rotations else values
        for bone, values in motion.rotations.items()
    }  # fmt: skip
    locations = {
        bone: bend(long(values), frames, pins.locations[bone].values, pins.locations[bone].frames, reach)
        if bone in pins.locations else values
        for bone, values in motion.locations.items()
    }  # fmt: skip
    shapes = {
        key: bend(long(values[:, None]), frames, pins.shapes[key].values, pins.shapes[key].frames, reach)[:, 0]
        if key in pins.shapes else values
        for key, values in motion.shapes.items()
    }  # fmt: skip
    return replace(motion, rotations=rotations, locations=locations, shapes=shapes)


def mark_pins(armature: Any, pins: RigPins) -> None:
    """Mark the keys at the pins' frames again, in the Actions that animate the rig now."""
    if pins.rotations or pins.locations:
        curves = _by_path(armature)
        for bone, found in pins.rotations.items():
            mode = armature.pose.bones[bone].rotation_mode
            path = _ROTATIONS.get(mode, ("rotation_euler", 3))[0]
            _mark(curves.get(f"{bone_path(bone)}.{path}", {}), found.frames)
        for bone, found in pins.locations.items():
            _mark(curves.get(f"{bone_path(bone)}.location", {}), found.frames)
    for (mesh, key), found in pins.shapes.items():
        keys = mesh_named(armature, mesh).data.shape_keys
        if animation_of(keys).action is not None:
            _mark(_by_path(keys).get(key_path(key), {}), found.frames)


def _by_path(id_block: Any) -> dict[str, dict[int, Any]]:
    """The F-curves of a data-block by property and component."""
    found: dict[str, dict[int, Any]] = {}
    for curve in curves_of(id_block)[0]:
        found.setdefault(curve.data_path, {})[curve.array_index] = curve
    return found


def _pins(curves: Mapping[int, Any], size: int) -> Pins | None:
    """What the curves of one property are on every frame on which one of them is pinned."""
    frames: set[float] = set()
    pinned = bpy.types.Keyframe.bl_rna.properties["type"].enum_items[PINNED].value
    for curve in curves.values():
        points = curve.keyframe_points
        kinds, places = np.empty(len(points), np.int32), np.empty(2 * len(points), np.float32)
        points.foreach_get("type", kinds)
        points.foreach_get("co", places)
        frames.update(places[::2][kinds == pinned].tolist())
    if not frames:
        return None
    at = sorted(frames)
    rest = [1.0, 0.0, 0.0, 0.0] if size == 4 else [0.0] * size
    values = [[curves[i].evaluate(frame) if i in curves else rest[i] for i in range(size)] for frame in at]
    return Pins(np.array(at, np.float64), np.array(values, np.float64))


def _quaternions(values: Floats, mode: str) -> Floats:
    """Rotations as a bone of this mode has them, as quaternions (K, 4)."""
    from mathutils import Euler, Quaternion

    if mode == "QUATERNION":
        return values
    if mode == "AXIS_ANGLE":
        return np.array([Quaternion(row[1:], row[0]) for row in values])
    return np.array([Euler(row, mode).to_quaternion() for row in values])


def _mark(curves: Mapping[int, Any], frames: Floats) -> None:
    for curve in curves.values():
        for point in curve.keyframe_points:
            if np.abs(frames - point.co.x).min() < 0.01:
                point.type = PINNED
