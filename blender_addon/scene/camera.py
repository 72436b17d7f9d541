"""The scene's camera as the backend wants it: frame by frame, and as one who stands where the rig stands would see it.

Blender's cameras and the backend's look along their own -Z with +Y up, so a pose needs no turning; only the world is
another. It is SMPL-X's (metres, Y up, the person faces +Z) about the avatar, which stands where the rig stands: what
moves the armature object moves the camera the other way.

The camera is evaluated in a scene of its own, that holds the cameras alone, the armature if it moves, and whatever they
follow: that is some twenty times quicker than stepping through the user's, whose frame stays as it is.
"""

from __future__ import annotations

import time
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from math import atan2
from typing import Any

import bpy
import numpy as np
from mathutils import Matrix
from numpy.typing import NDArray

from ..core.errors import AddonError
from .aside import aside, leave
from .compat import keyed_curves

Floats = NDArray[np.float64]

_ASIDE = "camera"
_PHOTO = "vlogger_photo"
"""On cameras of `look_from`: whose they are."""
_SLICE = 0.010
"""Seconds for which frames are gone through at a time."""
_SKEW = 1e-3
"""How far axes may be from square to each other, and scales from each other, in parts."""


@dataclass(frozen=True)
class CameraMove:
    """What a camera does: the picture's size in pixels, poses (T, 4, 4) and vertical fields of view (T,), radians."""

    width: int
    height: int
    poses: Floats
    fields: Floats

    def job(self, first: int, last: int) -> dict[str, Any]:
        """As the service's job has it, for the frames `first` to `last`; a camera that keeps still has one pose."""
        poses = [[round(x, 7) for x in pose[:3].ravel().tolist()] for pose in self.poses[first : last + 1]]
        fields = [round(float(field), 7) for field in self.fields[first : last + 1]]
        return {
            "width": self.width,
            "height": self.height,
            "poses": poses[:1] if all(pose == poses[0] for pose in poses) else poses,
            "fields": fields[:1] if all(field == fields[0] for field in fields) else fields,
        }

    def seen(self) -> list[bytes]:
        """What each frame's picture depends on, as bytes."""
        size = np.array([self.width, self.height]).tobytes()
        return [size + pose.tobytes() + field.tobytes()
                for pose, field in zip(self.poses.round(6), self.fields.round(6), strict=True)]  # fmt: skip


def picture_size(scene: Any) -> tuple[int, int]:
    """Width and height in pixels of what the scene would render."""
    render = scene.render
    return (
        render.resolution_x * render.resolution_percentage // 100,
        render.resolution_y * render.resolution_percentage // 100,
    )


def check_camera(scene: Any, armature: Any) -> None:
    """Raises AddonError if what the scene's camera sees can't be drawn, as far as that can be told at once."""
    render = scene.render
    if scene.camera is None:
        raise AddonError("The scene has no camera. Add one with Add > Camera, and look through it with Numpad 0.")
    if abs(render.pixel_aspect_x / render.pixel_aspect_y - 1) > 1e-6:
        raise AddonError("The pixels of the render are not square. Set Aspect X and Y to 1 in the Output properties.")
    for thing in {*_cameras(scene), armature}:
        if thing.hide_viewport:
            raise AddonError(f"{thing.name} is disabled in viewports, so it doesn't move. Click its monitor icon.")
    for camera in _cameras(scene):
        _check_lens(camera, camera.data)


def watch_camera(
    scene: str, armature: str, placing: Floats, frames: Sequence[float]
) -> Generator[float, None, CameraMove]:
    """What the camera of a scene does on some of its frames.

    scene, armature : their names, since an undo makes Blender's objects anew
    placing         : (4, 4) what takes SMPL-X's coordinates to the armature's own space
    frames          : (T,) the scene's frames, fractions too

    A generator: each step takes some milliseconds, and yields how far it is, 0 to 1. Whatever happens, closing it
    leaves nothing behind.

    Raises AddonError if the camera is orthographic or panoramic, shifted, sheared or mirrored, or if it or the rig is
    gone.
    """
    poses, fields = np.tile(np.eye(4), (len(frames), 1, 1)), np.empty(len(frames))
    width, height = picture_size(_scene(scene))
    done = 0
    try:
        while done < len(frames):
            user, rig = _scene(scene), bpy.data.objects.get(armature)
            if rig is None:
                raise AddonError(f"{armature} is gone, so no pictures can be made of it.")
            check_camera(user, rig)
            moving = [] if _stands_still(rig) else [rig]
            own = aside(_ASIDE, user, [*_cameras(user), *moving])
            end: float | None = None
            while done < len(frames) and (end is None or time.perf_counter() < end):
                frame = float(frames[done])
                own.frame_set(int(np.floor(frame)), subframe=frame % 1.0)
                depsgraph = own.view_layers[0].depsgraph
                camera = _camera_at(user, frame).evaluated_get(depsgraph)
                poses[done] = _pose(rig.evaluated_get(depsgraph) if moving else rig, placing, camera)
                fields[done] = _field(user, camera)
                done += 1
                if end is None:  # the first one of all takes longer than all others, and has a step of its own
                    end = time.perf_counter() + (_SLICE if done > 1 else 0.0)
            yield done / len(frames)
    finally:
        leave(_ASIDE)
    return CameraMove(width, height, poses, fields)


def look_from(scene: str, armature: str, placing: Floats, pose: Floats, field: float, size: tuple[int, int]) -> Any:
    """Let a still camera of its own see the rig on the current frame from `pose`, and renders have its picture's size.

    pose  : (4, 4) in SMPL-X's coordinates about the avatar; `placing` and the names as for `watch_camera`
    field : the vertical field of view, radians
    size  : width and height of the picture, pixels

    It is the scene's camera then. Returns it. Raises AddonError if the rig or the scene is gone, or has no even scale.
    """
    user, rig = _scene(scene), bpy.data.objects.get(armature)
    if rig is None:
        raise AddonError(f"{armature} is gone, so there is no place for the camera.")
    place = _place(rig, placing)
    matrix = place @ pose
    matrix[:3, :3] /= np.linalg.norm(matrix[:3, :3], axis=0)
    name = f"{armature} Photo"
    own = (thing for thing in user.objects if thing.type == "CAMERA" and thing.get(_PHOTO) == armature)
    camera = next((thing for thing in own if _stands_still(thing) and thing.data.animation_data is None), None)
    if camera is None:
        camera = bpy.data.objects.new(name, bpy.data.cameras.new(name))
        camera[_PHOTO] = armature
        user.collection.objects.link(camera)
    camera.matrix_world = Matrix(matrix.tolist())
    lens = camera.data
    lens.type, lens.sensor_fit, lens.shift_x, lens.shift_y = "PERSP", "VERTICAL", 0.0, 0.0
    lens.angle_y = field
    user.camera = camera
    render = user.render
    render.resolution_x, render.resolution_y, render.resolution_percentage = *size, 100
    render.pixel_aspect_x = render.pixel_aspect_y = 1.0
    return camera


def _scene(name: str) -> Any:
    scene = bpy.data.scenes.get(name)
    if scene is None:
        raise AddonError(f"The scene {name} is gone, so no pictures can be made of it.")
    return scene


def _stands_still(armature: Any) -> bool:
    """Whether nothing moves the object; its bones may. To evaluate it takes long, since it knows its meshes."""
    data = armature.animation_data
    if armature.parent is not None or len(armature.constraints):
        return False
    if data is None:
        return True
    curves = [*data.drivers, *keyed_curves(armature)]
    return not data.nla_tracks and all(curve.data_path.startswith("pose.") for curve in curves)


def _cameras(scene: Any) -> list[Any]:
    """The scene's camera, and those that its markers switch to."""
    bound = [marker.camera for marker in scene.timeline_markers if marker.camera is not None]
    return list(dict.fromkeys([scene.camera, *bound]))


def _camera_at(scene: Any, frame: float) -> Any:
    """The camera on a frame: that of the last marker up to it, or of the first one, as Blender has it."""
    bound = sorted((marker.frame, i) for i, marker in enumerate(scene.timeline_markers) if marker.camera is not None)
    if not bound:
        return scene.camera
    i = next((i for at, i in reversed(bound) if at <= frame), bound[0][1])
    return scene.timeline_markers[i].camera


def _check_lens(camera: Any, lens: Any) -> None:
    if lens.type != "PERSP":
        kind = {"ORTHO": "orthographic", "PANO": "panoramic"}.get(lens.type, "of a custom kind")
        raise AddonError(f"{camera.name} is {kind}, which can't be drawn. Set its lens type to Perspective.")
    if lens.shift_x or lens.shift_y:
        raise AddonError(f"The lens of {camera.name} is shifted, which can't be drawn. Set Shift X and Y to 0.")


def _place(armature: Any, placing: Floats) -> Floats:
    """What takes SMPL-X's coordinates to the scene's, (4, 4)."""
    place: Floats = np.array(armature.matrix_world, float) @ placing
    scales: Floats = np.linalg.norm(place[:3, :3], axis=0)
    if _is_askew(place[:3, :3] / scales) or np.ptp(scales) > _SKEW * scales.max():
        raise AddonError(f"{armature.name} is scaled unequally or mirrored. Apply its scale: Object > Apply > Scale.")
    return place


def _pose(armature: Any, placing: Floats, camera: Any) -> Floats:
    """The camera's pose (4, 4) in SMPL-X's coordinates."""
    place = _place(armature, placing)
    matrix = np.array(camera.matrix_world, float)
    matrix[:3, :3] /= np.linalg.norm(matrix[:3, :3], axis=0)  # cameras have no scale
    if _is_askew(matrix[:3, :3]):
        raise AddonError(f"{camera.name} is sheared or mirrored by what it hangs on. Clear the scale of its parents.")
    pose: Floats = np.linalg.inv(place) @ matrix
    u, _, v = np.linalg.svd(pose[:3, :3])
    pose[:3, :3] = u @ v
    return pose


def _is_askew(axes: Floats) -> bool:
    return bool(np.abs(axes.T @ axes - np.eye(3)).max() > _SKEW or np.linalg.det(axes) < 0)


def _field(scene: Any, camera: Any) -> float:
    """The vertical field of view, whatever the sensor is fitted to."""
    _check_lens(camera, camera.data)
    corners = np.array([tuple(corner) for corner in camera.data.view_frame(scene=scene)])
    return 2 * float(atan2(np.ptp(corners[:, 1]) / 2, -corners[0, 2]))
