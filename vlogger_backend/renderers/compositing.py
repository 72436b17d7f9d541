"""Pictures over others (Porter and Duff, "Compositing digital images", 1984), in bytes, to the nearest level."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Bytes = NDArray[np.uint8]


def over(picture: Bytes, behind: Bytes) -> Bytes:
    """A picture (…, 4) whose colours are times alpha over an opaque one (…, 3)."""
    alpha, shown = picture[..., 3], behind.copy()
    whole, edge = alpha == 255, (alpha > 0) & (alpha < 255)
    for channel in range(3):
        np.copyto(shown[..., channel], picture[..., channel], where=whole)
    rest = behind[edge] * (255 - alpha[edge].astype(np.uint16))[:, None]  # edges are few: all else is copied alone
    shown[edge] = np.minimum(picture[edge, :3] + (rest + 127) // 255, 255)
    return shown


def straight_over(picture: Bytes, behind: Bytes) -> Bytes:
    """A picture (…, 4) with straight alpha over an opaque one (…, 3)."""
    alpha = picture[..., 3:].astype(np.uint16)
    mixed = picture[..., :3] * alpha + behind * (255 - alpha)
    return np.asarray((mixed + 127) // 255, np.uint8)
