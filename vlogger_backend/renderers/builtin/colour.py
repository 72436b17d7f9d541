"""sRGB and light (IEC 61966-2-1)."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def linear(values: NDArray[Any]) -> NDArray[np.float64]:
    """Light, 0 to 1, of sRGB values 0 to 1."""
    return np.asarray(np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4))


def srgb(values: NDArray[Any]) -> NDArray[np.float64]:
    """sRGB values 0 to 1 of light, which is clipped to 0 to 1."""
    values = np.clip(values, 0, 1)
    return np.asarray(np.where(values <= 0.0031308, values * 12.92, 1.055 * values ** (1 / 2.4) - 0.055))
