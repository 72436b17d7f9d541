"""What a rig does becomes Actions: a new one for every take, in its bones' own rotation modes.

The armature and each block of shape keys are animated, by one Action where Blender can share it. What animated them
before is kept.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from itertools import chain
from typing import Any

import bpy
import numpy as np
from numpy.typing import NDArray

from ..core.eulers import axis_angles, eulers
from ..core.keys import Track, reduce
from ..core.retarget import RigMotion
from ..core.rotations import continuous
from ..core.simplify import Bound, location_track, rotation_track, shape_track
from .actions import Channel, bone_path, key_frames, key_path, write_channels, write_keys
from .character import units_per_metre
from .compat import Animation, animate, animation_of, give_animation
from .rigs import held_bones, mesh_named, reach

Floats = NDArray[np.float64]

_MODES = {"QUATERNION": "rotation_quaternion", "AXIS_ANGLE": "rotation_axis_angle"}
_PATIENCE = 0.004
"""Seconds that a step waits for the thread."""


class Landing:
    """A take on its way onto a rig: piece by piece, or all at once (`key_in_slices`).

    The new Action is there from the first piece on, so that the curves can be watched as they come.
    """

    def __init__(self, scene: Any, armature: Any, name: str, start: float = 0) -> None:
        """`name` is the Action's, `start` the scene's frame on which the take's frame 0 falls."""
        self._scene = scene
        self._armature = armature
        self._name = name
        self._start = start
        self._before: dict[Any, Animation] = {}
        self._last: dict[str, Floats] = {}
        self._end = start

    def add(self, motion: RigMotion, first: int = 0, bound: Bound | None = None) -> Iterator[float]:
        """Key a piece that begins at the take's frame `first`; pieces come in order, a first one replaces all.

        Does a curve of it at each step, a few milliseconds, and yields how far it is, 0 to 1. With a `bound` there are
        few Bezier keys that are off by no more, instead of one on every frame: for whole takes. They are found in a
        thread, for which the steps wait.
        """
        if first == 0:
            self._last.clear()
        names = sorted({mesh for mesh, _ in motion.shapes})
        meshes = {name: mesh_named(self._armature, name) for name in names}
        moves = [self._armature] if motion.rotations or motion.locations else []
        self._animate(moves + [mesh.data.shape_keys for mesh in meshes.values()])
        frames = key_frames(self._scene, motion.fps, first + np.arange(motion.frames), self._start)
        channels = chain(self._switches(motion), self._bones(motion, bound), self._face(motion, meshes, bound))
        if bound is None:
            size = 4 * len(motion.rotations) + 3 * len(motion.locations) + len(motion.switches) + len(motion.shapes)
            for done, _ in enumerate(write_channels(channels, frames, replace=first == 0), 1):
                yield min(done / size, 1.0)
        else:
            yield from _write_few(channels, frames)
        self._end = float(frames[-1])
        for action in self.actions:
            action["vlogger"] = motion.meta
            action.use_frame_range = True
            action.frame_start, action.frame_end = self._start, self._end

    @property
    def actions(self) -> list[Any]:
        """The new Actions, one or several, the body's first."""
        return list(dict.fromkeys(animation_of(owner).action for owner in self._before))

    def take_back(self) -> None:
        """Remove the new Actions; what animated the rig before animates it again."""
        new = self.actions
        for owner, before in self._before.items():
            give_animation(owner, before)
        bpy.data.batch_remove(new)
        self._before.clear()

    def _animate(self, owners: list[Any]) -> None:
        fresh = [owner for owner in owners if owner not in self._before]
        if not fresh:
            return
        shared = next(iter(self.actions), None)
        before = {owner: animation_of(owner) for owner in fresh}
        for animation in before.values():
            if animation.action is not None:
                animation.action.use_fake_user = True  # else Blender would forget it on saving
        self._before |= before
        animate(self._name, fresh, shared)

    def _bones(self, motion: RigMotion, bound: Bound | None) -> Iterator[Channel]:
        metre = units_per_metre(self._scene) / self._size()
        held = set().union(*held_bones(self._armature))
        for name in dict.fromkeys([*motion.rotations, *motion.locations]):
            path = bone_path(name)
            if name in motion.rotations and name not in held:
                mode = self._armature.pose.bones[name].rotation_mode
                values = self._in_mode(name, motion.rotations[name], mode)
                joint = motion.joints.get(name, "")
                track = rotation_track(values, mode, joint, bound, motion.sealed) if bound else None
                yield Channel(self._armature, f"{path}.{_MODES.get(mode, 'rotation_euler')}", name, values, track)
            if name in motion.locations:
                values = motion.locations[name]
                track = location_track(values, metre, bound) if bound else None
                yield Channel(self._armature, f"{path}.location", name, values, track)

    def _in_mode(self, name: str, turns: Floats, mode: str) -> Floats:
        """Rotations as the bone has them, going on from the piece before."""
        before = self._last.get(name)
        if mode == "QUATERNION":
            values = continuous(turns, before)
        elif mode == "AXIS_ANGLE":
            values = axis_angles(turns, before)
        else:
            values = eulers(turns, mode, before)
        self._last[name] = values[-1]
        return values

    def _switches(self, motion: RigMotion) -> Iterator[Channel]:
        for (name, setting), value in motion.switches.items():
            bone = self._armature.pose.bones.get(name)
            if bone is not None and setting in bone:
                path = f'{bone_path(name)}["{bpy.utils.escape_identifier(setting)}"]'
                values = np.array([[value]])
                yield Channel(self._armature, path, name, values, Track(values, 1.0))

    def _face(self, motion: RigMotion, meshes: dict[str, Any], bound: Bound | None) -> Iterator[Channel]:
        metre = units_per_metre(self._scene)
        for (mesh, key), values in motion.shapes.items():
            column = values[:, None]
            track = shape_track(column, reach(meshes[mesh], key), metre, bound, motion.sealed) if bound else None
            yield Channel(meshes[mesh].data.shape_keys, key_path(key), "Face", column, track)

    def _size(self) -> float:
        """How large one of the armature's own units is in the scene."""
        return float(np.mean(np.abs(np.array(self._armature.matrix_world.to_scale()))))


def key_in_slices(
    scene: Any, armature: Any, motion: RigMotion, name: str, start: float = 0, bound: Bound | None = None
) -> Iterator[float]:
    """Key a whole take on a rig as a new Action `name`, from the scene's frame `start` on.

    A generator, to be driven by a timer: each step takes a few milliseconds and yields how far it is, 0 to 1. With a
    `bound`, few Bezier keys that are off by no more.
    """
    yield from Landing(scene, armature, name, start).add(motion, bound=bound)


def _write_few(channels: Iterable[Channel], frames: NDArray[np.float32]) -> Iterator[float]:
    found: list[Channel] = []
    for channel in channels:
        found.append(channel)
        yield 0.0
    thread = ThreadPoolExecutor(1, "vlogger-keys")
    try:
        reduced = thread.submit(reduce, [channel.track for channel in found if channel.track is not None])
        while not reduced.done():
            wait([reduced], timeout=_PATIENCE)
            yield 0.1
    finally:
        thread.shutdown(wait=False)  # whoever gives up the landing is not held up by it
    for done, _ in enumerate(write_keys(found, reduced.result(), frames), 1):
        yield 0.5 + 0.5 * done / len(found)
