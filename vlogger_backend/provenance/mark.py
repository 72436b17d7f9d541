"""Writing the mark into pictures.

What is added to a pixel is the pattern (`code`) times a strength that follows what the eye lets pass: little where
the picture is smooth, more where there is texture (Podilchuk and Zeng 1998, "Image-adaptive watermarking using visual
models"). The pattern stands still in the picture, and the strength changes only with what is shown, so nothing
flickers, and the pictures of a video can be averaged to read it. The repeated square is a quarter of the shorter side
(but at least 128 pixels), so that a scaled picture has it where the whole one had it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from .code import SIZE, Floats, Payload, dither, pattern

Bytes = NDArray[np.uint8]

_SMALLEST_SIDE = 4 * SIZE
"""Pixels of the shorter side from which on the square grows with it."""
_LEAST = 0.65
"""Levels (RMS) that are added where the picture is perfectly smooth."""
_PER_ACTIVITY = 0.6
_BUSIEST = 4.0
"""Levels (RMS) that are added where it is as busy as can be."""
_MOST, _MOST_IN_SMALL = 1.5, 1.95
"""Levels (RMS) that are added in the whole at most: 44.6 dB; 42.3 dB in pictures of 300 pixels and less, which have
less room to say as much."""


def scale_of(height: int, width: int) -> float:
    """Pixels for each sample of the square."""
    return max(1.0, min(height, width) / _SMALLEST_SIDE)


@dataclass(frozen=True, eq=False)
class Marker:
    """Writes one payload into pictures."""

    payload: Payload
    _square: Floats = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_square", pattern(self.payload))

    def mark(self, picture: Bytes) -> Bytes:
        """The picture (height, width, 3 or 4; sRGB, straight alpha) with the mark; alpha is as it was.

        Pixels that are not wholly opaque are as they were, too. The same picture gives the same bytes.
        """
        import cv2

        height, width = picture.shape[:2]
        scale = scale_of(height, width)
        luma = cv2.cvtColor(np.ascontiguousarray(picture[..., :3]), cv2.COLOR_RGB2GRAY)
        if picture.shape[2] == 4:
            opaque = picture[..., 3] == 255
            if not opaque.any():
                return picture.copy()
            luma[~opaque] = round(float(luma[opaque].mean()))
        strength = _strength(np.asarray(luma, np.uint8), scale)
        if picture.shape[2] == 4:
            strength *= opaque
        added = cv2.multiply(strength, _spread(self._square, height, width, scale))
        added = cv2.add(added, _tiled(dither(), height, width))
        levels = np.floor(added, out=added).astype(np.int16)
        out = picture.copy()
        out[..., :3] = cv2.add(picture[..., :3], cv2.merge([levels] * 3), dtype=cv2.CV_8U)
        return out


def _strength(luma: Bytes, scale: float) -> Floats:
    """(height, width) RMS levels to add, from how busy the picture is at the pattern's frequencies.

    Busy is what is busy over an area: places narrower than the opening (a lone edge in a smooth place, beside which
    the eye sees everything) are taken for smooth.
    """
    import cv2

    height, width = luma.shape
    small = max(1, round(width / (2 * scale))), max(1, round(height / (2 * scale)))
    grey = cv2.resize(luma, small, interpolation=cv2.INTER_AREA).astype(np.float32)
    band = np.abs(cv2.GaussianBlur(grey, (0, 0), 0.6) - cv2.GaussianBlur(grey, (0, 0), 1.5))
    activity = cv2.GaussianBlur(np.sqrt(band), (0, 0), 1.2) ** 2
    activity = cv2.GaussianBlur(cv2.erode(activity, np.ones((11, 11), np.uint8)), (0, 0), 1.5)
    strength = np.minimum(_LEAST + _PER_ACTIVITY * activity, _BUSIEST)
    most = min(max(_MOST, _MOST * math.sqrt(_SMALLEST_SIDE / min(height, width))), _MOST_IN_SMALL)
    strength *= min(1.0, most / float(np.sqrt((strength**2).mean())))
    return np.asarray(cv2.resize(strength, (width, height), interpolation=cv2.INTER_LINEAR), np.float32)


def _spread(square: Floats, height: int, width: int, scale: float) -> Floats:
    """(height, width) the square, repeated from the top left on, `scale` pixels a sample."""
    if scale == 1:
        return _tiled(square, height, width)
    import cv2

    rows, columns = int(height / scale) + 3, int(width / scale) + 3
    turn = np.array([[1 / scale, 0, 0.5 / scale - 0.5], [0, 1 / scale, 0.5 / scale - 0.5]])
    turn[:, 2] += 1  # the sample before the first is there too, for the interpolation
    samples = _tiled(np.roll(square, (1, 1), (0, 1)), rows, columns)
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return np.asarray(cv2.warpAffine(samples, turn, (width, height), flags=flags), np.float32)


def _tiled(square: Floats, height: int, width: int) -> Floats:
    size = len(square)
    return np.tile(square, (-(-height // size), -(-width // size)))[:height, :width]
