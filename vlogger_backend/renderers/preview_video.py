"""The preview of a take as a video with sound: the body, and beside it the face, since that is where the lips are."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..avatars.avatar import Avatar
from ..motion.motion import Motion
from ..progress import Progress, no_progress
from .preview import View, render_views
from .video import write_video

_VIEWS = (View("body", (720, 720)), View("face", (560, 720)))
"""Side by side they are 720p."""
_FAR = 0.25
"""Metres; who speaks on the spot, as all takes that are made here do, sways less."""


def write_preview(
    path: Path,
    avatar: Avatar,
    motion: Motion,
    sound: Path | None,
    progress: Progress = no_progress,
    watch: Callable[[NDArray[np.uint8]], None] | None = None,
) -> None:
    """Write the preview of `motion`, with its sound if it has one, as an mp4; memory doesn't grow with its length.

    The camera goes along with who walks away, as recorded people do. `watch` is called with each picture (height,
    width, 3).

    Raises InputError if no OpenGL can be opened, `sound` can't be read, or `path` can't be written.
    """
    with closing(render_views(avatar, _followed(motion), _VIEWS, progress)) as frames:
        pictures = (np.hstack(views) for views in frames)
        write_video(path, _watched(pictures, watch) if watch else pictures, motion.fps, sound)


def _followed(motion: Motion) -> Motion:
    """The motion as a camera sees it that goes along, a second's mean at a time, if it goes far at all."""
    ground = motion.trans * np.array([1, 0, 1], np.float32)
    if not len(motion) or np.abs(ground).max() < _FAR:
        return motion
    from scipy.ndimage import uniform_filter1d

    second = max(round(motion.fps), 1)
    return replace(motion, trans=motion.trans - uniform_filter1d(ground, second, axis=0, mode="nearest"))


def _watched(
    pictures: Iterable[NDArray[np.uint8]], watch: Callable[[NDArray[np.uint8]], None]
) -> Iterator[NDArray[np.uint8]]:
    for picture in pictures:
        watch(picture)
        yield picture
