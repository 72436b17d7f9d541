"""Control images: what a generative renderer is told of each frame.

As in VLOGGER (Corona et al. 2024, section 3.2): dense coordinates of the body, its parts, and the photo warped onto
it; normals and depth beside them.
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import closing
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..avatars.avatar import Avatar, Floats
from ..avatars.posing import posed_joints, posed_vertices
from ..camera import Camera
from ..motion.names import JOINT_INDEX
from .raster import Raster, Rasterizer
from .renderer import Scene
from .skeleton import Keypoints, keypoints, project

Picture = NDArray[np.uint8]
Deep = NDArray[np.uint16]

BOX = ((-1.0, 1.0), (0.0, 2.0), (-1.0, 1.0))
"""Metres, x, y and z of the template: what 0 and 65535 mean in the picture of coordinates."""
DEPTH_UNIT = 1e-4
"""Metres of one step in the picture of depths, so it ends at 6.5 m; the arrays have no end."""


@dataclass(frozen=True, eq=False)
class Controls:
    """One frame as a generative renderer is told of it.

    raster : what the camera sees of the body, as numbers
    points : the keypoints of pose detectors
    near   : metres from the camera to the head, along its axis
    posed  : (V, 3) the body's vertices, metres
    """

    raster: Raster
    points: Keypoints
    near: float
    posed: Floats

    @property
    def size(self) -> tuple[int, int]:
        """Width and height."""
        height, width = self.raster.depth.shape
        return width, height

    @property
    def body(self) -> NDArray[np.bool_]:
        """(height, width) where the body is."""
        return self.raster.regions > 0


class ControlStage:
    """The control images of a scene's frames, each by itself. To be closed after use.

    Raises InputError if the camera moves for another number of frames than the scene has, or no OpenGL can be opened.
    """

    def __init__(self, scene: Scene) -> None:
        self._scene = scene
        self._poses, self._fields = scene.camera.over(scene.last - scene.first + 1)
        self._rasterizer = Rasterizer(scene.drawn, scene.portrait)

    @property
    def scene(self) -> Scene:
        return self._scene

    @property
    def avatar(self) -> Avatar:
        """The figure's, with the portrait's shape."""
        return self._rasterizer.avatar

    def lens(self, frame: int) -> tuple[NDArray[np.float64], float]:
        """The camera's pose (4, 4) and its vertical field of view, radians, in a frame of the take."""
        index = frame - self._scene.first
        return self._poses[index], float(self._fields[index])

    def controls(self, frame: int) -> Controls:
        """The controls of the take's frame `frame`, from the scene's first to its last."""
        motion, (pose, field) = self._scene.motion, self.lens(frame)
        size = self._scene.camera.width, self._scene.camera.height
        poses, trans = motion.poses[frame], motion.trans[frame]
        vertices = posed_vertices(self.avatar, poses, trans, motion.arkit[frame])
        joints = posed_joints(self.avatar, poses, trans)
        raster = self._rasterizer.draw(vertices, size, pose, field)
        points = keypoints(self._scene.drawn, vertices, joints, raster.depth, pose, field)
        _, away = project(joints[[JOINT_INDEX["head"]]], pose, field, size)
        return Controls(raster, points, float(np.nan_to_num(away[0], nan=1.0)), vertices)

    def close(self) -> None:
        self._rasterizer.close()


def control_frames(scene: Scene) -> Generator[tuple[int, Controls], None, None]:
    """Yield each of the scene's frames' number and controls. One OpenGL context serves all; memory doesn't grow."""
    with closing(ControlStage(scene)) as stage:
        for frame in scene.frames:
            yield frame, stage.controls(frame)


def photo_camera(camera: Camera, size: tuple[int, int]) -> Camera:
    """A photo's camera for pictures of another size: they show at least what the photo shows, about the same middle."""
    still = camera.pinhole()
    wider = max(1.0, camera.width / camera.height / (size[0] / size[1]))
    return Camera.of(size, still.pose, float(2 * np.arctan(np.tan(still.field / 2) * wider)))


def coordinates(controls: Controls) -> Deep:
    """(height, width, 3) the template's x, y and z as red, green and blue, 0 to 65535 over `BOX`; 0 beside the body."""
    low, high = np.array(BOX, np.float32).T
    return _deep((controls.raster.template - low) / (high - low), controls.body)


def normals(controls: Controls) -> Deep:
    """(height, width, 3) right, up and towards the camera as red, green and blue, -1 to 1 as 0 to 65535; 0 beside."""
    return _deep((controls.raster.normals + 1) / 2, controls.body)


def depth(controls: Controls) -> Deep:
    """(height, width) metres from the camera's plane in steps of `DEPTH_UNIT`; 0 beside the body."""
    return np.asarray(np.clip(np.rint(controls.raster.depth / DEPTH_UNIT), 0, 65535), np.uint16)


def _deep(share: Floats, there: NDArray[np.bool_]) -> Deep:
    deep = np.asarray(np.rint(np.clip(share, 0, 1) * 65535), np.uint16)
    deep[~there] = 0
    return deep
