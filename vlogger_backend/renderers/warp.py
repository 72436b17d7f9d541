"""The simplest renderer: the avatar, drawn, and over it what the photo shows of each point of its surface.

It invents nothing, so the inside of the mouth and what the head uncovers are the avatar's. It is a baseline, and the
source of Wan-Animate's face video where no better one is chosen.
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import ExitStack, closing
from dataclasses import dataclass, replace

import numpy as np

from ..camera import MOST_PIXELS
from ..progress import Progress, no_progress
from .controls import ControlStage
from .renderer import Readiness, Scene
from .stage import Picture, Stage

_LARGEST = (4096, MOST_PIXELS // 4096)


@dataclass(frozen=True)
class Warp:
    """The photo on the posed mesh. Needs OpenGL alone."""

    name: str = "warp"

    def check(self) -> Readiness:
        return Readiness("OpenGL", _LARGEST)

    def paint(self, scene: Scene, progress: Progress = no_progress) -> Generator[tuple[int, Picture], None, None]:
        """As `Renderer.paint` says."""
        with ExitStack() as open_:
            controls = open_.enter_context(closing(ControlStage(replace(scene, figure=scene.in_photo))))
            stage = open_.enter_context(closing(Stage(controls.avatar)))
            for index, frame in enumerate(scene.frames):
                found = controls.controls(frame)
                stage.pose(found.posed)
                yield frame, _over(found.raster.warp, stage.draw(found.size, *controls.lens(frame)))
                progress("Warping the photo", (index + 1) / len(scene.frames))


def _over(warp: Picture, drawn: Picture) -> Picture:
    """The warped photo (straight alpha) over the drawn avatar (colours times alpha), with straight alpha.

    Alpha is the drawn avatar's, whose edges are smooth.
    """
    share = warp[..., 3:].astype(np.float32) / 255
    body = drawn[..., 3:].astype(np.float32) / 255
    under = drawn[..., :3] / np.maximum(body, 1 / 255)
    picture = np.empty_like(drawn)
    picture[..., :3] = np.rint(np.clip(warp[..., :3] * share + under * (1 - share), 0, 255))
    picture[..., 3] = drawn[..., 3]
    picture[drawn[..., 3] == 0] = 0
    return picture
