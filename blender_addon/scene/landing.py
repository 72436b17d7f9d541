"""What a rig does becomes Actions: a new one for every take, in its bones' own rotation modes.

The armature and each block of shape keys are animated, by one Action where Blender can share it. What animated them
before is kept.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..core.eulers import axis_angles, eulers
from ..core.retarget import RigMotion
from ..core.rotations import continuous
from .actions import Channel, bone_path, key_frames, key_path, write_channels
from .compat import Animation, animate, animation_of, give_animation, put_on_track
from .rigs import mesh_named

Floats = NDArray[np.float64]

_MODES = {"QUATERNION": "rotation_quaternion", "AXIS_ANGLE": "rotation_axis_angle"}


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

    def add(self, motion: RigMotion, first: int = 0) -> Iterator[float]:
        """Key a piece that begins at the take's frame `first`; pieces come in order.

        Does a curve of it at each step, a few milliseconds, and yields how far it is, 0 to 1.
        """
        channels = [*self._bones(motion), *self._face(motion)]
        self._animate({channel.owner: None for channel in channels})
        frames = key_frames(self._scene, motion.fps, first + np.arange(motion.frames), self._start)
        curves = max(sum(channel.values.shape[1] for channel in channels), 1)
        for done, _ in enumerate(write_channels(channels, frames), 1):
            yield done / curves
        self._end = float(frames[-1])
        for action in self.actions:
            action["vlogger"] = motion.meta
            action.use_frame_range = True
            action.frame_start, action.frame_end = self._start, self._end

    @property
    def actions(self) -> list[Any]:
        """The new Actions, one or several, in the order of `RigMotion`: body first."""
        return list(dict.fromkeys(animation_of(owner).action for owner in self._before))

    def put_on_track(self) -> None:
        """Make the take an NLA strip of its own, above all others; what was there before plays below it again."""
        for owner, before in self._before.items():
            put_on_track(owner, self._name, self._start, self._end)
            give_animation(owner, before)

    def take_back(self) -> None:
        """Remove the new Actions; what animated the rig before animates it again."""
        import bpy

        new = self.actions
        for owner, before in self._before.items():
            give_animation(owner, before)
        bpy.data.batch_remove(new)
        self._before.clear()

    def _animate(self, owners: dict[Any, None]) -> None:
        fresh = [owner for owner in owners if owner not in self._before]
        if not fresh:
            return
        self._before |= {owner: animation_of(owner) for owner in fresh}
        for action in {animation.action for animation in self._before.values() if animation.action}:
            action.use_fake_user = True  # nobody may need it from now on, and Blender would forget it
        shared = next(iter(self.actions), None) if len(self._before) > len(fresh) else None
        animate(self._name, fresh, shared)

    def _bones(self, motion: RigMotion) -> Iterator[Channel]:
        for name, turns in motion.rotations.items():
            bone = self._armature.pose.bones[name]
            values = self._in_mode(name, turns, bone.rotation_mode)
            path = _MODES.get(bone.rotation_mode, "rotation_euler")
            yield Channel(self._armature, f"{bone_path(name)}.{path}", name, values)
            if name in motion.locations:
                yield Channel(self._armature, f"{bone_path(name)}.location", name, motion.locations[name])
        for name in motion.locations.keys() - motion.rotations.keys():
            yield Channel(self._armature, f"{bone_path(name)}.location", name, motion.locations[name])

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

    def _face(self, motion: RigMotion) -> Iterator[Channel]:
        names = {mesh for mesh, _ in motion.shapes}
        keys = {name: mesh_named(self._armature, name).data.shape_keys for name in names}
        for (mesh, key), values in motion.shapes.items():
            yield Channel(keys[mesh], key_path(key), "Face", values[:, None])


def key_in_slices(scene: Any, armature: Any, motion: RigMotion, name: str, start: float = 0) -> Iterator[float]:
    """Key a whole take on a rig as a new Action `name`, from the scene's frame `start` on.

    A generator, to be driven by a timer: each step takes a few milliseconds and yields how far it is, 0 to 1.
    """
    yield from Landing(scene, armature, name, start).add(motion)
