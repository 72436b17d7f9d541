"""A shot: frames of a take as pictures with alpha, seen by a camera that may move."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import closing

import numpy as np
from numpy.typing import NDArray

from ..avatars.avatar import Avatar
from ..avatars.posing import posed_vertices
from ..camera import Camera
from ..errors import InputError
from ..motion.motion import Motion
from ..progress import Progress, no_progress
from .stage import Picture, Stage


def render_shot(
    avatar: Avatar,
    motion: Motion,
    camera: Camera,
    first: int = 0,
    last: int | None = None,
    progress: Progress = no_progress,
) -> Generator[tuple[int, Picture], None, None]:
    """Draw the frames `first` to `last` (inclusive; None is the last one) of `motion`.

    Yields each frame's number and its picture (height, width, 4): sRGB with straight alpha, which is 0 beside the
    body, 255 on it, and between at its edge; the colour there is the body's own. One OpenGL context serves the whole
    shot and lives as long as the generator; memory doesn't grow with the shot's length.

    Raises InputError at once if there are no such frames or the camera moves for another number of them; when the
    first picture is drawn, if no OpenGL can be opened.
    """
    last = len(motion) - 1 if last is None else last
    if not len(motion):
        raise InputError("The take has no frames to draw; make it from a longer sound.")
    if not 0 <= first <= last < len(motion):
        raise InputError(f"The take has no frames {first} to {last}; it has {len(motion)}, counted from 0.")
    frames = range(first, last + 1)
    poses, fields = camera.over(len(frames))
    size = camera.width, camera.height

    def pictures() -> Generator[tuple[int, Picture], None, None]:
        with closing(Stage(avatar)) as stage:
            for index, frame in enumerate(frames):
                stage.pose(posed_vertices(avatar, motion.poses[frame], motion.trans[frame], motion.arkit[frame]))
                yield frame, _picture(stage, size, poses[index], float(fields[index]))
                progress("Drawing the shot", (index + 1) / len(frames))

    return pictures()


def _picture(stage: Stage, size: tuple[int, int], pose: NDArray[np.float64], field: float) -> Picture:
    """Averaged from one that is twice as wide and high, each pixel of which has samples of its own."""
    from PIL import Image

    larger = 2 * size[0], 2 * size[1]
    drawn = stage.draw(larger, pose, field)
    averaged = Image.frombuffer("RGBa", larger, drawn, "raw", "RGBa", 0, 1).reduce(2)  # colours times alpha
    return np.asarray(averaged.convert("RGBA"))
