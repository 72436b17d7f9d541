"""Laying one set of points over another."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Doubles = NDArray[np.float64]


def similarity(source: Doubles, target: Doubles, weights: Doubles | None = None) -> tuple[Doubles, float, Doubles]:
    """Rotation, scale and shift that bring `source` (n, 3) onto `target`, of which each point counts by `weights`
    (n,), or all the same (Umeyama 1991)."""
    middles = np.average(source, axis=0, weights=weights), np.average(target, axis=0, weights=weights)
    a, b = source - middles[0], target - middles[1]
    share = np.ones(len(a)) if weights is None else weights
    left, sizes, right = np.linalg.svd((share[:, None] * b).T @ a)
    signs = np.array([1, 1, np.linalg.det(left @ right)])
    turn = left @ np.diag(signs) @ right
    scale = float((sizes * signs).sum() / (share[:, None] * a**2).sum())
    return turn, scale, middles[1] - scale * turn @ middles[0]
