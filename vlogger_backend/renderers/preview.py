"""Preview: a take played by an avatar before a plain wall."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from contextlib import closing

import numpy as np

from ..avatars.avatar import Avatar
from ..avatars.posing import posed_vertices
from ..camera import Camera
from ..motion.motion import Motion
from ..progress import Progress, no_progress
from .compositing import over
from .following import Shot, filmed
from .stage import Picture, Stage

_BACKDROP = ((196, 200, 206), (118, 124, 134))  # sRGB, centre and corners


def render_frames(
    avatar: Avatar,
    motion: Motion,
    size: tuple[int, int] = (720, 720),
    shot: Shot = "body",
    progress: Progress = no_progress,
) -> Iterator[Picture]:
    """Yield the pictures (height, width, 3) of every frame of `motion` in one view, as `render_views` does.

    "body" shows head, torso and gesturing hands, "face" the head alone.
    """
    for pictures in render_views(avatar, motion, [filmed(avatar, motion, size, shot)], progress):
        yield pictures[0]


def render_views(
    avatar: Avatar, motion: Motion, cameras: Sequence[Camera], progress: Progress = no_progress
) -> Generator[list[Picture], None, None]:
    """Yield, frame by frame, a picture (height, width, 3) by each camera. One OpenGL context serves them all.

    The context lives as long as the generator.

    Raises InputError if no OpenGL can be opened.
    """
    backdrops = [_backdrop((camera.width, camera.height)) for camera in cameras]
    moving = [camera.over(len(motion)) for camera in cameras]
    with closing(Stage(avatar)) as stage:
        for frame in range(len(motion)):
            stage.pose(posed_vertices(avatar, motion.poses[frame], motion.trans[frame], motion.arkit[frame]))
            yield [
                over(stage.draw((camera.width, camera.height), poses[frame], float(fields[frame])), backdrop)
                for camera, (poses, fields), backdrop in zip(cameras, moving, backdrops, strict=True)
            ]
            progress("Drawing the preview", (frame + 1) / len(motion))


def _backdrop(size: tuple[int, int]) -> Picture:
    """A wall (height, width, 3) with a soft glow at its middle."""
    x, y = np.meshgrid(np.linspace(-1, 1, size[0]), np.linspace(-1, 1, size[1]))
    mix = np.clip(np.hypot(x, y + 0.15) / 1.35, 0, 1)[..., None] ** 1.6
    noise = np.random.default_rng(0).uniform(-0.5, 0.5, mix.shape)  # keeps the gradient from banding
    return np.asarray(np.rint((1 - mix) * _BACKDROP[0] + mix * _BACKDROP[1] + noise), np.uint8)
