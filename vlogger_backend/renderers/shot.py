"""A shot: frames of a take as pictures with alpha, seen by a camera that may move."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import closing

import numpy as np
from numpy.typing import NDArray

from ..avatars.avatar import Avatar
from ..avatars.posing import posed_vertices
from ..errors import InputError
from ..motion.motion import Motion
from ..progress import Progress, no_progress
from .camera import Camera
from .stage import Stage

_STAGE = "Drawing the shot"


def render_shot(
    avatar: Avatar,
    motion: Motion,
    camera: Camera,
    first: int = 0,
    last: int | None = None,
    progress: Progress = no_progress,
) -> Generator[tuple[int, NDArray[np.uint8]], None, None]:
    """Draw the frames `first` to `last` (inclusive; None is the last one) of `motion`.

    Yields each frame's number and its picture (height, width, 4): sRGB with straight alpha, which is 0 beside the
    body, 255 on it, and between at its edge; the colour there is the body's own. One OpenGL context serves the whole
    shot and lives as long as the generator; memory doesn't grow with the shot's length.

    Raises InputError at once if there are no such frames or the camera moves for another number of them; when the
    first picture is drawn, if no OpenGL can be opened.
    """
    last = len(motion) - 1 if last is None else last
    if not 0 <= first <= last < len(motion):
        raise InputError(f"The take has no frames {first} to {last}; it has {len(motion)}, counted from 0.")
    return _pictures(avatar, motion, camera, first, last, progress)


def _pictures(
    avatar: Avatar, motion: Motion, camera: Camera, first: int, last: int, progress: Progress
) -> Generator[tuple[int, NDArray[np.uint8]], None, None]:
    count = last - first + 1
    poses, fields = camera.over(count)
    with closing(Stage(avatar)) as stage:
        for index, frame in enumerate(range(first, last + 1)):
            stage.pose(posed_vertices(avatar, motion.poses[frame], motion.trans[frame], motion.arkit[frame]))
            yield frame, _straight(stage, camera, poses[index], float(fields[index]))
            progress(_STAGE, (index + 1) / count)


def _straight(stage: Stage, camera: Camera, pose: NDArray[np.float64], field: float) -> NDArray[np.uint8]:
    """A picture with the surfaces' own colours, averaged from one that is twice as wide and high."""
    from PIL import Image

    drawn = stage.draw((2 * camera.width, 2 * camera.height), pose, field)
    return np.asarray(Image.fromarray(drawn, "RGBa").reduce(2).convert("RGBA"))
