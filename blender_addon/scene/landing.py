"""What a rig does becomes Actions: a new one for every take, in its bones' own rotation modes.

The armature and each block of shape keys are animated, by one Action where Blender can share it. What animated them
before is kept.
"""

from __future__ import annotations

import uuid
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
from .actions import Channel, bone_path, key_frames, key_path, widen, write_channels, write_keys
from .character import units_per_metre
from .compat import Home
from .rigs import held_bones, mesh_named, reach
from .unfinished import actions_of, begin, finish, take_back

Floats = NDArray[np.float64]

_MODES = {"QUATERNION": "rotation_quaternion", "AXIS_ANGLE": "rotation_axis_angle"}
_PATIENCE = 0.004
"""Seconds that a step waits for the thread."""


class Landing:
    """A take on its way onto a rig: piece by piece, or all at once (`key_in_slices`).

    The new Action is there from the first piece on, so that the curves can be watched as they come.

    homes : where the new curves of each data-block are
    waits : whether there is nothing to do for a while, as a thread is at work
    """

    def __init__(self, scene: Any, armature: Any, name: str, start: float = 0, take: str = "") -> None:
        """`name` is the Action's, `start` the scene's frame on which the take's frame 0 falls, `take` the take's id."""
        self._scene = scene
        self._armature = armature
        self._name = name
        self._start = start
        self._take = take or uuid.uuid4().hex
        self._last: dict[str, Floats] = {}
        self._end = start
        self.homes: dict[Any, Home] = {}
        self.waits = False

    def add(self, motion: RigMotion, first: int = 0, bound: Bound | None = None) -> Iterator[float]:
        """Key a piece that begins at the take's frame `first`; pieces come in order, a first one replaces all.

        Does a curve of it at each step, a few milliseconds, and yields how far it is, 0 to 1. With a `bound` there are
        few Bezier keys that are off by no more, instead of one on every frame: for whole takes. They are found in a
        thread, for which the steps wait.

        Whatever animates the rig meanwhile, the keys go to the new Action. Raises ReferenceError if that is removed.
        """
        names = sorted({mesh for mesh, _ in motion.shapes})
        meshes = {name: mesh_named(self._armature, name) for name in names}
        moves = [self._armature] if motion.rotations or motion.locations else []
        owners = moves + [mesh.data.shape_keys for mesh in meshes.values()]
        if first == 0:
            self._last.clear()
            self.homes = begin(self._take, self._name, owners)
        frames = key_frames(self._scene, motion.fps, first + np.arange(motion.frames), self._start)
        channels = chain(self._switches(motion), self._bones(motion, bound), self._face(motion, meshes, bound))
        if bound is None:
            size = 4 * len(motion.rotations) + 3 * len(motion.locations) + len(motion.switches) + len(motion.shapes)
            written = write_channels(channels, frames, replace=first == 0)
            steps: Iterator[float] = (done / size for done, _ in enumerate(written, 1))
        else:
            steps = self._write_few(channels, frames)
        for done in steps:
            yield min(done, 1.0)
        self._end = float(frames[-1])
        for action in self.actions:
            action["vlogger"] = motion.meta
            action.use_frame_range = True
            action.frame_start, action.frame_end = self._start, self._end

    @property
    def actions(self) -> list[Any]:
        """The new Actions, one or several, the body's first."""
        return actions_of(self._take)

    def finish(self) -> None:
        """All is keyed: the Actions are a take like others."""
        finish(self._take)

    def take_back(self) -> None:
        """Remove the new Actions; what animated the rig before animates it again."""
        take_back(self._take)

    def _bones(self, motion: RigMotion, bound: Bound | None) -> Iterator[Channel]:
        metre = units_per_metre(self._scene) / self._size()
        held = set().union(*held_bones(self._armature))
        for name in dict.fromkeys([*motion.rotations, *motion.locations]):
            path, home = bone_path(name), self.homes[self._armature]
            if name in motion.rotations and name not in held:
                mode = self._armature.pose.bones[name].rotation_mode
                values = self._in_mode(name, motion.rotations[name], mode)
                joint = motion.joints.get(name, "")
                track = rotation_track(values, mode, joint, bound, motion.sealed) if bound else None
                yield Channel(home, f"{path}.{_MODES.get(mode, 'rotation_euler')}", name, values, track)
            if name in motion.locations:
                values = motion.locations[name]
                track = location_track(values, metre, bound) if bound else None
                yield Channel(home, f"{path}.location", name, values, track)

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
                yield Channel(self.homes[self._armature], path, name, values, Track(values, 1.0))

    def _face(self, motion: RigMotion, meshes: dict[str, Any], bound: Bound | None) -> Iterator[Channel]:
        metre = units_per_metre(self._scene)
        for (mesh, key), values in motion.shapes.items():
            column = values[:, None]
            signed = (mesh, key) in motion.signed
            if signed:
                widen(meshes[mesh].data.shape_keys.key_blocks[key], values)
            together = sum(mesh == other for other, _ in motion.signed) if signed else 1
            far = reach(meshes[mesh], key) if bound else 0.0
            track = shape_track(column, far, metre, bound, motion.sealed, together) if bound else None
            yield Channel(self.homes[meshes[mesh].data.shape_keys], key_path(key), "Face", column, track)

    def _write_few(self, channels: Iterable[Channel], frames: NDArray[np.float32]) -> Iterator[float]:
        found: list[Channel] = []
        for channel in channels:
            found.append(channel)
            yield 0.0
        thread = ThreadPoolExecutor(1, "vlogger-keys")
        try:
            reduced = thread.submit(reduce, [channel.track for channel in found if channel.track is not None])
            self.waits = True
            while not reduced.done():
                wait([reduced], timeout=_PATIENCE)
                yield 0.1
        finally:
            self.waits = False
            thread.shutdown(wait=False)  # whoever gives up the landing is not held up by it
        for done, _ in enumerate(write_keys(found, reduced.result(), frames), 1):
            yield 0.5 + 0.5 * done / len(found)

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
    landing = Landing(scene, armature, name, start)
    yield from landing.add(motion, bound=bound)
    landing.finish()
