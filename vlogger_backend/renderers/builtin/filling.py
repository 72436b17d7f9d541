"""Filling: colours that a photo doesn't show, continued from those that it does."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from ...avatars.avatar import Floats
from ...camera import Doubles
from ...portraits.landmarks import INNER_LIPS, LEFT_EYE, OUTER_LIPS, OVAL, RIGHT_EYE

_LASHES = 0.45
"""How far round the eye's opening lashes and their shadow reach, in heights of the opening."""


def polygon(points: Doubles, shape: tuple[int, ...], oversampled: int = 4) -> Doubles:
    """How much of each pixel (H, W) is inside the polygon (n, 2), 0 to 1."""
    import cv2

    mask = np.zeros((shape[0] * oversampled, shape[1] * oversampled), np.uint8)
    cv2.fillPoly(mask, [np.rint(points * oversampled - 0.5).astype(np.int32)], (1,))
    return cv2.resize(mask.astype(np.float32), shape[::-1], interpolation=cv2.INTER_AREA).astype(np.float64)


def smoothly(colour: Doubles | Floats, trust: Doubles) -> Doubles:
    """`colour` (h, w, c) where `trust` (h, w) is high, going on smoothly elsewhere.

    Pull-push (Gortler et al., "The Lumigraph", 1996).
    """
    import cv2

    levels: list[tuple[Doubles, Doubles]] = [(np.asarray(colour * trust[..., None], np.float64), trust)]
    while min(levels[-1][1].shape) > 1:
        value, weight = levels[-1]
        levels.append((_halved(value), _halved(weight[..., None])[..., 0]))
    value, weight = levels[-1]
    filled = value / np.maximum(weight[..., None], 1e-9)
    for value, weight in reversed(levels[:-1]):
        coarse = cv2.resize(filled, weight.shape[::-1], interpolation=cv2.INTER_LINEAR).reshape(value.shape)
        share = np.clip(weight, 0, 1)[..., None]
        own = value / np.maximum(weight[..., None], 1e-9)
        filled = own * share + coarse * (1 - share)
    return np.asarray(filled)


def without_openings(photo: Floats, landmarks: Doubles) -> Floats:
    """The photo (H, W, 3) as if eyes and mouth were covered: by the skin round them, and by the lips.

    What opens and shuts shows skin that the photo hides; this is what that skin looks like.
    """
    shape = photo.shape[:2]
    filled = photo.astype(np.float64)
    face = polygon(landmarks[list(OVAL)], shape) > 0.5
    for outline in (LEFT_EYE, RIGHT_EYE):
        points = landmarks[list(outline)]
        reach = _LASHES * np.ptp(points[:, 1]) + 0.06 * np.ptp(points[:, 0])
        opening = polygon(points, shape) > 0
        outwards = ndimage.distance_transform_edt(~opening)
        filled = _covered(filled, outwards, reach, face & (outwards < 5 * reach))
    inside, lips = (polygon(landmarks[list(outline)], shape) for outline in (INNER_LIPS, OUTER_LIPS))
    if inside.max() > 0:
        outwards = ndimage.distance_transform_edt(inside <= 0)
        filled = _covered(filled, outwards, 1.0, lips > 0.98)
    return filled.astype(np.float32)


def _covered(photo: Doubles, outwards: Doubles, reach: float, trusted: NDArray[np.bool_]) -> Doubles:
    """`photo` with what is nearer to an opening than `reach` filled from the `trusted` pixels beyond."""
    trust = trusted & (outwards >= reach)
    if not trust.any():
        return photo
    # Brows, lashes and deep shadows are no skin to go by.
    light = photo.mean(axis=2)
    trust = trust * np.clip((light / np.median(light[trust]) - 0.75) / 0.2, 0.001, 1)
    blend = np.clip((outwards - reach * 0.5) / max(reach * 0.5, 1.0), 0, 1)[..., None]
    return np.asarray(photo * blend + smoothly(photo, trust) * (1 - blend))


def _halved(values: Doubles) -> Doubles:
    height, width = values.shape[:2]
    padded = np.pad(values, ((0, height % 2), (0, width % 2), (0, 0)))
    return np.asarray(padded[::2, ::2] + padded[1::2, ::2] + padded[::2, 1::2] + padded[1::2, 1::2])
