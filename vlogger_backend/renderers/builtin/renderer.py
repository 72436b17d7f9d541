"""The built-in renderer: always there, needs no GPU and no downloads."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import closing
from functools import partial
from pathlib import Path

import numpy as np

from ...camera import SIZES
from ...errors import InputError
from ...progress import Progress, no_progress
from ..renderer import Readiness, Scene
from ..surfaces import Picture
from .painter import WEIGHTS, Painter
from .puppet import Puppet


class BuiltinRenderer:
    """The photo itself, warped in 3D; what it never showed of mouth and eyes is painted by a small diffusion model."""

    name = "builtin"

    def __init__(self, weights: Path = WEIGHTS) -> None:
        self._weights = weights

    def check(self) -> Readiness:
        there = self._weights.is_file()
        missing = "" if there else f"The built-in renderer's weights are not at {self._weights}; install vlogger again."
        return Readiness("nothing but OpenGL", (SIZES[1], SIZES[1]), missing)

    def paint(self, scene: Scene, progress: Progress = no_progress) -> Generator[tuple[int, Picture], None, None]:
        portrait, motion = scene.portrait, scene.motion
        if not 0 <= scene.first <= scene.last < len(motion):
            raise InputError(
                f"The take has no frames {scene.first} to {scene.last}; it has {len(motion)}, counted from 0."
            )
        count = scene.last - scene.first + 1
        poses, fields = scene.camera.over(count)
        size = scene.camera.width, scene.camera.height
        behind = _fitting(portrait.background, size)

        def pictures() -> Generator[tuple[int, Picture], None, None]:
            progress("Cutting out the portrait", 0.0)
            with closing(Puppet(scene.drawn.person, portrait, size)) as puppet:
                painter = Painter(portrait.picture, puppet.patches_in_photo(), scene.seed, self._weights)
                for number in scene.frames:
                    index = number - scene.first
                    done = index / count
                    frame = puppet.frame(
                        motion.poses[number],
                        motion.trans[number],
                        motion.arkit[number],
                        poses[index],
                        float(fields[index]),
                    )
                    painted = painter.paint(frame, behind, partial(progress, "Painting the shot", done))
                    yield number, straight(painted)
                    progress("Painting the shot", (index + 1) / count)

        return pictures()


def straight(picture: Picture) -> Picture:
    """Colours times alpha to straight alpha."""
    from PIL import Image

    height, width = picture.shape[:2]
    data = np.ascontiguousarray(picture)
    return np.asarray(Image.frombuffer("RGBa", (width, height), data, "raw", "RGBa", 0, 1).convert("RGBA"))


def _fitting(picture: Picture, size: tuple[int, int]) -> Picture:
    import cv2

    if picture.shape[1::-1] == size:
        return picture
    return np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), np.uint8)
