"""Laying one set of points over another."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Doubles = NDArray[np.float64]


def similarity(source: Doubles, target: Doubles) -> tuple[Doubles, float, Doubles]:
    """Rotation, scale and shift that bring `source` (n, 3) onto `target` (Umeyama 1991)."""
    middles = source.mean(axis=0), target.mean(axis=0)
    a, b = source - middles[0], target - middles[1]
    left, sizes, right = np.linalg.svd(b.T @ a)
    signs = np.array([1, 1, np.linalg.det(left @ right)])
    turn = left @ np.diag(signs) @ right
    scale = float((sizes * signs).sum() / (a**2).sum())
    return turn, scale, middles[1] - scale * turn @ middles[0]
