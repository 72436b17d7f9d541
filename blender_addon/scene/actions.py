"""Takes to Actions: the curves of body and face, keyed on every frame and written in bulk.

Adding keys one by one takes twenty times as long as `keyframe_points.add` and `foreach_set`.
"""

from __future__ import annotations

from typing import Any

import bpy
import numpy as np
from numpy.typing import NDArray

from ..core.names import JOINT_NAMES
from ..core.rotations import in_frame, quaternions
from ..core.take import Take
from .character import FROM_SMPLX, Character, units_per_metre
from .compat import animate, curves_of

_STILL = 1e-7
"""A curve that never leaves its first value by more than this gets a single key."""


def set_frame_rate(scene: Any, fps: float) -> None:
    """Make the scene run at `fps`.

    Blender keeps a whole number and a divisor. 23.976, 29.97 and 59.94 become the exact NTSC rates, n / 1.001, which
    other programs know by name.
    """
    ntsc = round(fps * 1.001)
    if abs(fps * 1.001 - ntsc) < 1e-3 and abs(fps - ntsc) > 1e-3:
        scene.render.fps, scene.render.fps_base = ntsc, 1.001
    else:
        scene.render.fps = max(round(fps), 1)
        scene.render.fps_base = scene.render.fps / fps


def key_frames(scene: Any, take: Take, start: float) -> NDArray[np.float32]:
    """The scene's frames (T,) that the take's frames fall on; they are fractions if the frame rates differ."""
    rate = scene.render.fps / scene.render.fps_base
    # The scene holds the rate in 32 bits: the same rate must give whole frames.
    step = 1.0 if np.isclose(rate, take.fps, rtol=2e-6) else rate / take.fps
    return (start + step * np.arange(len(take))).astype(np.float32)


def apply_take(scene: Any, character: Character, take: Take, name: str, start: float = 0) -> NDArray[np.float32]:
    """Key a take on a character, as a new Action `name` from frame `start` on, and return its frames (T,).

    Joints and face weights that the character has no bone or shape key for are left out. Shape keys' sliders are
    widened where the curve would leave them, since Blender holds values to the slider's range.
    """
    frames = key_frames(scene, take, start)
    armature, shape_keys = character.armature, character.mesh.data.shape_keys
    animated = [armature, shape_keys] if shape_keys else [armature]
    animate(name, animated)
    _key_body(armature, take, frames, units_per_metre(scene))
    if shape_keys:
        _key_face(shape_keys, take, frames)
    for id_block in animated:
        action = id_block.animation_data.action
        action.use_frame_range = True
        action.frame_start, action.frame_end = frames[0], frames[-1]
    return frames


def _key_body(armature: Any, take: Take, frames: NDArray[np.float32], scale: float) -> None:
    curves, groups = curves_of(armature)
    for i, joint in enumerate(JOINT_NAMES):
        bone = armature.pose.bones.get(joint)
        if bone is None:
            continue
        bone.rotation_mode = "QUATERNION"
        # The bone's rest axes as columns, seen in SMPL-X's frame
        basis = FROM_SMPLX.T @ np.array(bone.bone.matrix_local.to_3x3())
        path = f'pose.bones["{bpy.utils.escape_identifier(joint)}"]'
        group = groups.new(joint)
        rotation = quaternions(in_frame(take.poses[:, i], basis))
        _write(curves, f"{path}.rotation_quaternion", frames, rotation, group)
        if i == 0:
            _write(curves, f"{path}.location", frames, in_frame(take.trans, basis) * scale, group)


def _key_face(shape_keys: Any, take: Take, frames: NDArray[np.float32]) -> None:
    curves, groups = curves_of(shape_keys)
    group = groups.new("Face")
    for name, weights in zip(take.face_names, take.face.T, strict=True):
        key = shape_keys.key_blocks.get(name)
        if key is None:
            continue
        key.slider_min = min(key.slider_min, weights.min())
        key.slider_max = max(key.slider_max, weights.max())
        path = f'key_blocks["{bpy.utils.escape_identifier(name)}"].value'
        _write(curves, path, frames, weights[:, None], group)


def _write(curves: Any, path: str, frames: NDArray[np.float32], values: NDArray[Any], group: Any) -> None:
    """New F-curves for all the components (T, n) of one property, with straight lines between the keys."""
    if np.ptp(values, axis=0).max() <= _STILL:
        frames, values = frames[:1], values[:1]
    linear = bpy.types.Keyframe.bl_rna.properties["interpolation"].enum_items["LINEAR"].value
    for index in range(values.shape[1]):
        curve = curves.new(path, index=index)
        curve.group = group
        points = curve.keyframe_points
        points.add(len(frames))
        points.foreach_set("co", np.stack([frames, values[:, index]], axis=1).astype(np.float32).ravel())
        points.foreach_set("interpolation", np.full(len(frames), linear, np.uint8))
        curve.update()
