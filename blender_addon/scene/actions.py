"""Takes to Actions: the curves of body and face, keyed on every frame and written in bulk.

Adding keys one by one takes twenty times as long as `keyframe_points.add` and `foreach_set`. The curves are written one
after the other by a generator, so that a timer can land a long take without holding up the window.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from math import ceil, floor
from typing import Any

import bpy
import numpy as np
from numpy.typing import NDArray

from ..core.keys import Keys, Track
from ..core.names import JOINT_NAMES
from ..core.rotations import in_frame, quaternions
from ..core.take import Take
from .character import FROM_SMPLX, Character, units_per_metre
from .compat import Home, animate, curves_in, home_of

_STILL = 1e-7
"""A curve that never leaves its first value by more than this gets a single key."""

_ROOM = 1.2
"""How much further a slider reaches than a signed curve goes."""


@dataclass(frozen=True, eq=False)
class Channel:
    """A property of a data-block and what it does: `values` (T, n), or (1, n) if it keeps still.

    `home` is where the data-block's curves are. `track` says how far few keys may be off; None if there is to be one
    on every frame.
    """

    home: Home
    path: str
    group: str
    values: NDArray[Any]
    track: Track | None = None


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


def key_frames(scene: Any, fps: float, numbers: NDArray[Any], start: float) -> NDArray[np.float32]:
    """The scene's frames (T,) that a take's frames `numbers` (T,) fall on; fractions if the frame rates differ."""
    rate = scene.render.fps / scene.render.fps_base
    # The scene holds the rate in 32 bits: the same rate must give whole frames.
    step = 1.0 if np.isclose(rate, fps, rtol=2e-6) else rate / fps
    return (start + step * numbers).astype(np.float32)


def apply_take(scene: Any, character: Character, take: Take, name: str, start: float = 0) -> NDArray[np.float32]:
    """Key a take on a character, as a new Action `name` from frame `start` on, and return its frames (T,).

    Joints and face weights that the character has no bone or shape key for are left out. Shape keys' sliders are
    widened where the curve would leave them, since Blender holds values to the slider's range.
    """
    frames = key_frames(scene, take.fps, np.arange(len(take)), start)
    armature, shape_keys = character.armature, character.mesh.data.shape_keys
    animated = [armature, shape_keys] if shape_keys else [armature]
    animate(name, animated)
    channels = [*_body(armature, take, units_per_metre(scene)), *(_face(shape_keys, take) if shape_keys else ())]
    for _ in write_channels(channels, frames):
        pass
    for id_block in animated:
        action = id_block.animation_data.action
        action.use_frame_range = True
        action.frame_start, action.frame_end = frames[0], frames[-1]
    return frames


def _body(armature: Any, take: Take, scale: float) -> Iterator[Channel]:
    for i, joint in enumerate(JOINT_NAMES):
        bone = armature.pose.bones.get(joint)
        if bone is None:
            continue
        bone.rotation_mode = "QUATERNION"
        # The bone's rest axes as columns, seen in SMPL-X's frame
        basis = FROM_SMPLX.T @ np.array(bone.bone.matrix_local.to_3x3())
        path = bone_path(joint)
        yield Channel(
            home_of(armature), f"{path}.rotation_quaternion", joint, quaternions(in_frame(take.poses[:, i], basis))
        )
        if i == 0:
            yield Channel(home_of(armature), f"{path}.location", joint, in_frame(take.trans, basis) * scale)


def _face(shape_keys: Any, take: Take) -> Iterator[Channel]:
    for name, weights in zip(take.face_names, take.face.T, strict=True):
        key = shape_keys.key_blocks.get(name)
        if key is None:
            continue
        widen(key, weights)
        yield Channel(home_of(shape_keys), key_path(name), "Face", weights[:, None])


def widen(key: Any, values: NDArray[Any]) -> None:
    """Let a shape key's slider reach all these values and somewhat further, up to the 10 that Blender allows it.

    Blender holds values to the slider's range, those between few keys and those of keys edited by hand too.
    """
    least, most = float(np.min(values)), float(np.max(values))
    if least < key.slider_min:
        key.slider_min = floor(_ROOM * least)
    if most > key.slider_max:
        key.slider_max = ceil(_ROOM * most)


def bone_path(name: str) -> str:
    """The data path of a pose bone."""
    return f'pose.bones["{bpy.utils.escape_identifier(name)}"]'


def key_path(name: str) -> str:
    """The data path of a shape key's value."""
    return f'key_blocks["{bpy.utils.escape_identifier(name)}"].value'


def write_channels(channels: Iterable[Channel], frames: NDArray[np.float32], replace: bool = False) -> Iterator[None]:
    """Write the channels on `frames` (T,), a curve at a time.

    The keys come after those that a curve has already, or `replace` them; straight lines run between them.
    """
    for channel in channels:
        values = channel.values
        if np.abs(values - values[:1]).max() <= _STILL:
            values = values[:1]
        for index, curve in enumerate(_curves(channel)):
            if replace:
                curve.keyframe_points.clear()
            _append(curve, frames, values[:, index].astype(np.float32))
            yield


def write_keys(
    channels: Iterable[Channel], keys: Iterable[Sequence[Keys]], frames: NDArray[np.float32]
) -> Iterator[None]:
    """Write Bezier keys instead: for each channel, its components' `keys` at some of the `frames` (T,).

    A channel at a time. A handle reaches a third of the way to the next key, so time runs evenly along the curve.
    """
    step = float(frames[1] - frames[0]) if len(frames) > 1 else 1.0
    for channel, components in zip(channels, keys, strict=True):
        for curve, own in zip(_curves(channel), components, strict=True):
            at = frames[own.frames].astype(np.float64)
            third = np.diff(at, prepend=at[0] - 3, append=at[-1] + 3) / 3
            values, slopes = own.values, own.slopes / step
            points = curve.keyframe_points
            points.clear()
            points.add(len(at))
            _set(points, "co", at, values)
            _set(points, "handle_left", at - third[:-1], values - slopes * third[:-1])
            _set(points, "handle_right", at + third[1:], values + slopes * third[1:])
            _set_all(points, interpolation="BEZIER", handle_left_type="ALIGNED", handle_right_type="ALIGNED")
        yield


def _curves(channel: Channel) -> Iterator[Any]:
    """The channel's curves, one a component; made if they aren't there."""
    for index in range(channel.values.shape[1]):
        curves, groups = curves_in(channel.home)  # anew: between two curves anything may be removed
        curve = curves.find(channel.path, index=index)
        if curve is None:
            curve = curves.new(channel.path, index=index)
            curve.group = groups.get(channel.group) or groups.new(channel.group)
        yield curve


def _append(curve: Any, frames: NDArray[np.float32], values: NDArray[np.float32]) -> None:
    points = curve.keyframe_points
    old = np.empty((len(points), 2), np.float32)
    points.foreach_get("co", old.ravel())
    if len(values) == 1 and len(old) <= 1:
        if len(old) and abs(old[0, 1] - values[0]) <= _STILL:
            return
        frames = frames[:1]
    if len(old) == 1:  # it kept still up to now
        step = frames[1] - frames[0] if len(frames) > 1 else 1
        old = np.array([old[0], (frames[0] - step, old[0, 1])], np.float32)
    all_keys = np.empty((len(old) + len(frames), 2), np.float32)
    all_keys[: len(old)] = old
    all_keys[len(old) :, 0], all_keys[len(old) :, 1] = frames, values
    points.add(len(all_keys) - len(points))
    points.foreach_set("co", all_keys.ravel())
    # Who makes them Bezier by hand gets smooth curves. The keys are in order, so `update` has nothing else to do.
    _set_all(points, interpolation="LINEAR", handle_left_type="AUTO_CLAMPED", handle_right_type="AUTO_CLAMPED")


def _set(points: Any, setting: str, frames: NDArray[Any], values: NDArray[Any]) -> None:
    points.foreach_set(setting, np.stack([frames, values], axis=1).astype(np.float32).ravel())


def _set_all(points: Any, **settings: str) -> None:
    """The same for all keys. Numbers for the names, one byte each, are by far the fastest."""
    for setting, name in settings.items():
        number = bpy.types.Keyframe.bl_rna.properties[setting].enum_items[name].value
        points.foreach_set(setting, np.full(len(points), number, np.uint8))
