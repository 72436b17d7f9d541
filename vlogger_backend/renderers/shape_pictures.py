"""Every ARKit shape on two heads side by side: the built-in avatar's, and that of a model it was carried to."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..avatars.avatar import Avatar
from ..avatars.licensed.solving import Solution
from ..avatars.posing import posed_vertices
from ..files import writing
from ..motion.names import ARKIT_INDEX, ARKIT_NAMES, EYE_JOINTS, JOINT_INDEX, JOINT_NAMES
from ..progress import Progress, no_progress
from .compositing import over
from .stage import Picture, Stage

_SIZE = (190, 220)
_COLUMNS = 6
_LINE = 24
_INK, _PAPER, _WALL = (34, 38, 43), (255, 255, 255), (178, 182, 189)
_BELOW_EYES, _HIGH, _AWAY = 0.028, 0.185, 1.0
"""Metres: where the picture's middle is, how high it is, and how far the camera is away."""


def write_shape_pictures(
    path: Path, built_in: Avatar, model: Avatar, solution: Solution, progress: Progress = no_progress
) -> None:
    """Write one picture, a PNG: rest and all shapes at weight 1 on each head, mouthClose with the jaw open.

    With each shape is said by how much the model is off, and how far the shape goes.

    Raises InputError if no OpenGL can be opened or `path` can't be written.
    """
    from PIL import Image

    one = list(_pictures(built_in))
    progress("Drawing the shapes", 0.5)
    pairs = [np.hstack(pair) for pair in zip(one, _pictures(model), strict=True)]
    progress("Drawing the shapes", 1.0)
    cells = [_titled(title, pair) for title, pair in zip(_titles(solution), pairs, strict=True)]
    cells += [np.full_like(cells[0], 255)] * (-len(cells) % _COLUMNS)
    rows = [np.hstack(cells[start : start + _COLUMNS]) for start in range(0, len(cells), _COLUMNS)]
    data = io.BytesIO()
    Image.fromarray(np.vstack(rows)).save(data, "PNG")
    with writing(path) as temporary:
        temporary.write_bytes(data.getvalue())


def _pictures(head: Avatar) -> Iterator[Picture]:
    """53 faces (height, width, 3): at rest, then each shape."""
    weights = np.vstack([np.zeros(len(ARKIT_NAMES)), np.eye(len(ARKIT_NAMES))])
    weights[1 + ARKIT_INDEX["mouthClose"], ARKIT_INDEX["jawOpen"]] = 1
    still = np.zeros((len(JOINT_NAMES), 3))
    camera = np.eye(4)
    camera[:3, 3] = head.joints[[JOINT_INDEX[name] for name in EYE_JOINTS]].mean(axis=0)
    camera[:3, 3] += (0, -_BELOW_EYES, _AWAY)
    wall: NDArray[np.uint8] = np.full((_SIZE[1], _SIZE[0], 3), _WALL, np.uint8)
    with closing(Stage(head)) as stage:
        for arkit in weights:
            stage.pose(posed_vertices(head, still, np.zeros(3), arkit))
            yield over(stage.draw(_SIZE, camera, 2 * np.arctan(_HIGH / 2 / _AWAY)), wall)


def _titles(solution: Solution) -> Iterator[str]:
    yield "at rest"
    for name, off, far in zip(ARKIT_NAMES, 1000 * solution.mean, 1000 * solution.moved, strict=True):
        yield f"{name}   {off:.2f} of {far:.1f} mm off" if far else f"{name}   can't be done"


def _titled(title: str, picture: Picture) -> Picture:
    from PIL import Image, ImageDraw, ImageFont

    line = Image.new("RGB", (picture.shape[1], _LINE), _PAPER)
    ImageDraw.Draw(line).text((8, 4), title, fill=_INK, font=ImageFont.load_default(14))
    return np.vstack([np.asarray(line), picture])
