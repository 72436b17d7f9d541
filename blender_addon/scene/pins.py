"""Pins in a scene: keys of the type Extreme, which the dope sheet draws in pink, are kept when a take is keyed anew."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import bpy
import numpy as np
from numpy.typing import NDArray

from ..core.pins import bend, bend_rotations
from ..core.retarget import RigMotion
from .actions import bone_path, key_path
from .compat import Home, animation_of, curves_in, home_of
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


def find_pins(armature: Any) -> Generator[bool, None, RigPins]:
    """The pinned keys of the Actions that animate the rig now. A pin in one component of a channel pins them all.

    A generator, since a long take has millions of keys: each step looks at a channel.
    """
    rotations, locations, shapes = {}, {}, {}
    for name in [bone.name for bone in armature.pose.bones]:
        if animation_of(armature).action is None:
            break
        mode = armature.pose.bones[name].rotation_mode
        path, size = _ROTATIONS.get(mode, ("rotation_euler", 3))
        found = _pins(armature, f"{bone_path(name)}.{path}", size)
        if found is not None:
            rotations[name] = replace(found, values=_quaternions(found.values, mode))
        found = _pins(armature, f"{bone_path(name)}.location", 3)
        if found is not None:
            locations[name] = found
        yield False
    for mesh, keys in [(mesh.name, mesh.data.shape_keys) for mesh in face_meshes(armature)]:
        for name in [key.name for key in keys.key_blocks]:
            if animation_of(keys).action is None:
                break
            found = _pins(keys, key_path(name), 1)
            if found is not None:
                shapes[mesh, name] = found
            yield False
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


def mark_pins(armature: Any, homes: Mapping[Any, Home], pins: RigPins) -> None:
    """Mark the keys at the pins' frames again, where the curves of the armature and of its shape keys are."""
    for bone, found in pins.rotations.items():
        path, size = _ROTATIONS.get(armature.pose.bones[bone].rotation_mode, ("rotation_euler", 3))
        _mark(_curves(homes.get(armature), f"{bone_path(bone)}.{path}", size), found.frames)
    for bone, found in pins.locations.items():
        _mark(_curves(homes.get(armature), f"{bone_path(bone)}.location", 3), found.frames)
    for (mesh, key), found in pins.shapes.items():
        _mark(_curves(homes.get(mesh_named(armature, mesh).data.shape_keys), key_path(key), 1), found.frames)


def _curves(home: Home | None, path: str, size: int) -> dict[int, Any]:
    """The F-curves of a property, by component."""
    if home is None:
        return {}
    curves = curves_in(home)[0]
    found = {index: curves.find(path, index=index) for index in range(size)}
    return {index: curve for index, curve in found.items() if curve is not None}


def _pins(id_block: Any, path: str, size: int) -> Pins | None:
    """What the curves of a property are on every frame on which one of them is pinned."""
    frames: set[float] = set()
    curves = _curves(home_of(id_block), path, size)
    pinned = bpy.types.Keyframe.bl_rna.properties["type"].enum_items[PINNED].value
    for curve in curves.values():
        kinds = np.empty(len(curve.keyframe_points), np.int32)
        curve.keyframe_points.foreach_get("type", kinds)
        if (kinds == pinned).any():
            frames.update(_places(curve)[kinds == pinned].tolist())
    if not frames:
        return None
    at = sorted(frames)
    rest = [1.0, 0.0, 0.0, 0.0] if size == 4 else [0.0] * size
    values = [[curves[i].evaluate(frame) if i in curves else rest[i] for i in range(size)] for frame in at]
    return Pins(np.array(at, np.float64), np.array(values, np.float64))


def _places(curve: Any) -> NDArray[np.float32]:
    """The frames of a curve's keys."""
    places = np.empty((len(curve.keyframe_points), 2), np.float32)
    curve.keyframe_points.foreach_get("co", places.ravel())
    return places[:, 0]


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
        near = np.abs(_places(curve)[:, None] - frames).min(axis=1) < 0.01
        for i in np.flatnonzero(near).tolist():
            curve.keyframe_points[i].type = PINNED
