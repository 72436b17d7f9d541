"""What is changed in the user's scene for a while, and taken back whatever happens meanwhile."""

from __future__ import annotations

from contextlib import ExitStack
from typing import Any

import bpy
import numpy as np

from .compat import Animation, animation_of, give_animation

_POSE = {"location": 3, "rotation_quaternion": 4, "rotation_euler": 3, "rotation_axis_angle": 4, "scale": 3}


class AsItWas(ExitStack):
    """A `with` block, at the end of which all that was changed through it is as it was; the last change first."""

    def change(self, thing: Any, name: str, value: Any) -> None:
        """Set an attribute until the end of the block."""
        before = getattr(thing, name)
        if before != value:
            self.callback(setattr, thing, name, before)
            setattr(thing, name, value)

    def play_frames(self, scene: Any, first: int, last: int) -> None:
        """Let the scene span these frames; any frame may be gone to meanwhile."""
        frame, part = scene.frame_current, scene.frame_subframe
        self.callback(lambda: scene.frame_set(frame, subframe=part))
        self.callback(_span, scene, scene.frame_start, scene.frame_end)
        _span(scene, first, last)

    def leave_mode(self, context: Any) -> None:
        """Be in Object Mode."""
        active = context.view_layer.objects.active
        if active is not None and active.mode != "OBJECT":
            mode = active.mode
            bpy.ops.object.mode_set(mode="OBJECT")
            self.callback(lambda: bpy.ops.object.mode_set(mode=mode))

    def play(self, owner: Any, animation: Animation) -> None:
        """Let this Action alone, without NLA tracks, animate a data-block."""
        before = animation_of(owner)
        data = owner.animation_data_create()
        self.change(data, "use_nla", False)
        self.callback(give_animation, owner, before)
        give_animation(owner, animation)

    def pose(self, armature: Any) -> None:
        """The pose may change, also that of bones without keys."""
        bones = armature.pose.bones
        for name, size in _POSE.items():
            values = np.empty(len(bones) * size, np.float32)
            bones.foreach_get(name, values)
            self.callback(bones.foreach_set, name, values)
        self.callback(armature.update_tag)

    def shapes(self, keys: Any) -> None:
        """The values of shape keys may change, also of those without keyframes."""
        values = np.empty(len(keys.key_blocks), np.float32)
        keys.key_blocks.foreach_get("value", values)
        self.callback(keys.key_blocks.foreach_set, "value", values)

    def show(self, thing: Any) -> None:
        """An object is seen, if that is up to the object itself."""
        self.change(thing, "hide_viewport", False)
        if thing.hide_get():
            thing.hide_set(False)
            self.callback(thing.hide_set, True)


def _span(scene: Any, first: int, last: int) -> None:
    # In this order: Blender keeps the end after the start.
    scene.frame_start, scene.frame_end = first, last
