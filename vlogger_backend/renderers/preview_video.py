"""The preview of a take as a video with sound: the body, and beside it the face, since that is where the lips are."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..avatars.avatar import Avatar
from ..motion.motion import Motion
from ..progress import Progress, no_progress
from .following import Shot, filmed
from .preview import render_views
from .video import write_video

_VIEWS: tuple[tuple[Shot, tuple[int, int]], ...] = (("body", (720, 720)), ("face", (560, 720)))
"""Side by side they are 720p."""
_FASTEST = 60
"""Frames a second; recordings come with up to a thousand, of which some are left out."""


def write_preview(
    path: Path,
    avatar: Avatar,
    motion: Motion,
    sound: Path | None,
    progress: Progress = no_progress,
    watch: Callable[[NDArray[np.uint8]], None] | None = None,
) -> None:
    """Write the preview of `motion`, with its sound if it has one, as an mp4; memory doesn't grow with its length.

    The cameras go along with who walks away, as recorded people do. `watch` is called with each picture (height,
    width, 3).

    Raises InputError if no OpenGL can be opened, `sound` can't be read, or `path` can't be written.
    """
    step = max(1, int(np.ceil(motion.fps / _FASTEST)))
    motion = Motion(
        motion.fps / step, *(a[::step] for a in (motion.poses, motion.trans, motion.arkit, motion.expression))
    )
    cameras = [filmed(avatar, motion, size, shot) for shot, size in _VIEWS]
    with closing(render_views(avatar, motion, cameras, progress)) as frames:
        pictures = (np.hstack(views) for views in frames)
        write_video(path, _watched(pictures, watch) if watch else pictures, motion.fps, sound)


def _watched(
    pictures: Iterable[NDArray[np.uint8]], watch: Callable[[NDArray[np.uint8]], None]
) -> Iterator[NDArray[np.uint8]]:
    for picture in pictures:
        watch(picture)
        yield picture
