"""What a rig does on some frames of the scene, whatever makes it do so: keys, pins, NLA strips, constraints, drivers.

As the camera's (see `camera`), its motion is evaluated in a scene of its own, without the meshes: that takes a third
of a millisecond a frame.
"""

from __future__ import annotations

import time
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from typing import Any

import bpy
import numpy as np
from numpy.typing import NDArray

from ..core.errors import AddonError
from .aside import aside, leave
from .compat import keyed_curves
from .rigs import face_meshes, mesh_named

Floats = NDArray[np.float64]

_ASIDE = "rig"
_SLICE = 0.008
"""Seconds for which frames are gone through at a time."""


@dataclass(frozen=True)
class Posture:
    """What was seen of a rig, T frames: its bones (T, 4, 4), in the armature's space, and its shape keys (T,).

    `rest` are the bones at rest, (4, 4). Shape keys that something else than keys moves are not there.
    """

    rest: dict[str, Floats]
    bones: dict[str, Floats]
    shapes: dict[str, Floats]


def watch_rig(scene: str, armature: str, frames: Sequence[float]) -> Generator[float, None, Posture]:
    """What an armature does on some frames of a scene, fractions too; both by name, as an undo makes them anew.

    A generator: each step takes some milliseconds, and yields how far it is, 0 to 1. Closing it leaves nothing behind.

    Raises AddonError if the rig or the scene is gone.
    """
    user, rig = _there(scene, armature)
    names = [bone.name for bone in rig.pose.bones]
    rest = {bone.name: np.array(bone.matrix_local, np.float64) for bone in rig.data.bones}
    seen, times = np.empty((len(frames), len(names), 16), np.float32), np.empty(len(frames))
    done = 0
    try:
        while done < len(frames):
            user, rig = _there(scene, armature)
            if [bone.name for bone in rig.pose.bones] != names:
                raise AddonError(f"The bones of {armature} were changed meanwhile. Press Render Frames again.")
            own = aside(_ASIDE, user, [rig])
            end: float | None = None
            while done < len(frames) and (end is None or time.perf_counter() < end):
                frame = float(frames[done])
                own.frame_set(int(np.floor(frame)), subframe=frame % 1.0)
                bones = rig.evaluated_get(own.view_layers[0].depsgraph).pose.bones
                bones.foreach_get("matrix", seen[done].ravel())
                times[done] = own.frame_current_final
                done += 1
                end = end or time.perf_counter() + _SLICE  # the first one takes longer than all others
            yield done / len(frames)
    finally:
        leave(_ASIDE)
    matrices = seen.reshape(len(frames), len(names), 4, 4).transpose(0, 1, 3, 2).astype(np.float64)  # columns first
    shapes = yield from _shapes(scene, armature, times)
    return Posture(rest, {name: matrices[:, i] for i, name in enumerate(names)}, shapes)


def _there(scene: str, armature: str) -> tuple[Any, Any]:
    user, rig = bpy.data.scenes.get(scene), bpy.data.objects.get(armature)
    if user is None or rig is None or rig.type != "ARMATURE":
        raise AddonError(f"{armature if user is not None else scene} is gone, so no pictures can be made of it.")
    return user, rig


def _shapes(scene: str, armature: str, times: Floats) -> Generator[float, None, dict[str, Floats]]:
    """The values (T,) of shape keys at the scene's times, a key a step; none that more than an Action moves."""
    meshes = [(mesh.name, _keyed(mesh.data.shape_keys)) for mesh in face_meshes(_there(scene, armature)[1])]
    found: dict[str, Floats] = {}
    for mesh, name in [(mesh, name) for mesh, names in meshes for name in names]:
        if name not in found:
            keys = mesh_named(_there(scene, armature)[1], mesh).data.shape_keys
            if name in keys.key_blocks:
                found[name] = _values(keys, name, times)
        yield 1.0
    return found


def _keyed(keys: Any) -> list[str]:
    """The shape keys that nothing else moves."""
    data = keys.animation_data
    if data is not None and (len(data.drivers) or any(not track.mute for track in data.nla_tracks)):
        return []
    return [block.name for block in keys.key_blocks[1:]]


def _values(keys: Any, name: str, times: Floats) -> Floats:
    block, path = keys.key_blocks[name], f'key_blocks["{bpy.utils.escape_identifier(name)}"].value'
    curve = next((curve for curve in keyed_curves(keys) if curve.data_path == path and not curve.mute), None)
    if curve is None or block.mute:
        return np.full(len(times), 0.0 if block.mute else float(block.value))
    return np.array([curve.evaluate(time) for time in times])
