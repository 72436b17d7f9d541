"""Pictures of a size that a model can paint, of which the wanted ones are the middle."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from ..camera import Camera
from ..errors import InputError


def padded(camera: Camera, multiple: int) -> Camera:
    """The camera for a picture whose sides are multiples, in whose middle is what `camera` sees, pixel by pixel.

    Where a side grows by an odd number the middle is half a pixel off.
    """
    width, height = (-(-side // multiple) * multiple for side in (camera.width, camera.height))
    fields = tuple(2 * math.atan(math.tan(field / 2) * height / camera.height) for field in camera.fields)
    return Camera(width, height, camera.poses, fields)


def paintable(camera: Camera, multiple: int, sides: range, who: str, advice: str) -> Camera:
    """The camera `padded` for one who paints pictures with sides within `sides` alone.

    Raises InputError if it is outside of them, with `advice`.
    """
    larger = padded(camera, multiple)
    size = larger.width, larger.height
    if max(size) > sides[-1] or min(size) < sides[0]:
        raise InputError(f"{who} paints {sides[0]} to {sides[-1]} pixels each way, not {size[0]} x {size[1]}; {advice}")
    return larger


def cropped(picture: NDArray[np.uint8], camera: Camera) -> NDArray[np.uint8]:
    """The middle of a picture that `camera` sees."""
    top, left = (picture.shape[0] - camera.height) // 2, (picture.shape[1] - camera.width) // 2
    return np.ascontiguousarray(picture[top : top + camera.height, left : left + camera.width])
