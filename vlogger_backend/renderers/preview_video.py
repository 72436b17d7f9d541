"""The preview of a take as a video with sound: the body, and beside it the face, since that is where the lips are."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import closing
from pathlib import Path

import numpy as np

from ..avatars.avatar import Avatar
from ..motion.motion import Motion
from ..progress import Progress, no_progress
from .preview import Picture, render_frames
from .video import write_video

_BODY, _FACE = (720, 720), (560, 720)
"""Width and height of the two pictures; together they are 720p."""


def write_preview(path: Path, avatar: Avatar, motion: Motion, sound: Path, progress: Progress = no_progress) -> None:
    """Write the preview of `motion` with its sound as an mp4, frame by frame; memory doesn't grow with its length.

    Raises InputError if no OpenGL can be opened, `sound` can't be read, or `path` can't be written.
    """
    with closing(_side_by_side(avatar, motion, progress)) as frames:
        write_video(path, frames, motion.fps, sound)


def _side_by_side(avatar: Avatar, motion: Motion, progress: Progress) -> Generator[Picture, None, None]:
    body = render_frames(avatar, motion, _BODY, "body", progress)
    face = render_frames(avatar, motion, _FACE, "face")
    with closing(body), closing(face):
        for pair in zip(body, face, strict=True):
            yield np.hstack(pair)
