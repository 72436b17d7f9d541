"""The smooth rest of a fit: what the space of shapes leaves between head and landmarks, spread over the head.

A Gaussian process over the head (kriging): the landmarks' offsets are noisy readings of a smooth field of
displacements that fades away from them, so nothing folds and the skull, the ears and the neck stay as they are.
"""

from __future__ import annotations

import numpy as np
from scipy.spatial.distance import cdist

from .head import Doubles

_LENGTHS = ((0.030, 1.0), (0.010, 0.5))
"""How far displacements go together, metres, and the share of their variance."""
_SPREAD = 0.0025
"""Of displacements, metres."""


def field(anchors: Doubles, offsets: Doubles, noise: Doubles, points: Doubles) -> Doubles:
    """Displacements (n, 3) at `points` (n, 3) from `offsets` (m, 3), read with errors `noise` (m,) at `anchors`.

    All in metres.
    """
    known = _covariance(anchors, anchors)
    known[np.diag_indices_from(known)] += noise**2
    return np.asarray(_covariance(points, anchors) @ np.linalg.solve(known, offsets))


def _covariance(one: Doubles, other: Doubles) -> Doubles:
    """Matern's of order 3/2."""
    distances = np.sqrt(3) * cdist(one, other)
    total = sum(share * (1 + distances / length) * np.exp(-distances / length) for length, share in _LENGTHS)
    return np.asarray(_SPREAD**2 * total / sum(share for _, share in _LENGTHS))
