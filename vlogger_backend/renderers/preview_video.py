"""The preview of a take as a video with sound: the body, and beside it the face, since that is where the lips are."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import numpy as np

from ..avatars.avatar import Avatar
from ..motion.motion import Motion
from ..progress import Progress, no_progress
from .preview import View, render_views
from .video import write_video

_VIEWS = (View("body", (720, 720)), View("face", (560, 720)))
"""Side by side they are 720p."""


def write_preview(path: Path, avatar: Avatar, motion: Motion, sound: Path, progress: Progress = no_progress) -> None:
    """Write the preview of `motion` with its sound as an mp4, frame by frame; memory doesn't grow with its length.

    Raises InputError if no OpenGL can be opened, `sound` can't be read, or `path` can't be written.
    """
    with closing(render_views(avatar, motion, _VIEWS, progress)) as frames:
        write_video(path, (np.hstack(pictures) for pictures in frames), motion.fps, sound)
