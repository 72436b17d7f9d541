"""Cubics from key to key, smooth at the keys, by least squares.

A cubic has its keys' values and slopes: what Blender draws when a key's handles reach a third of the way to its
neighbours, where time runs evenly along the curve. The fit is that of Schneider 1990, with one slope a key, so that no
key has a corner.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_FAR = 16
"""Keys: a slope has less than 0.3 of an effect on the next, so over this distance none."""
_STIFF = 1e-3
"""How much a slope is held to the curve's own, against samples that say nothing about it."""
_HERMITE = np.array([[1.0, 0, -3, 2], [0, 1, -2, 1], [0, 0, 3, -2], [0, 0, -1, 1]])
"""Value and slope at the start and at the end of a stretch, as polynomials (1, u, u^2, u^3) over it, 0 to 1."""


class Stretches:
    """Cubics between keys at the places `keys` (K,), 0 and N - 1 among them, of N samples."""

    def __init__(self, keys: Ints, samples: int) -> None:
        self._starts = keys[:-1]
        self._width = np.diff(keys).astype(float)
        repeats = np.diff(keys)
        repeats[-1] += 1  # the last sample belongs to the last stretch
        self._of = np.repeat(np.arange(len(keys) - 1), repeats)
        self._u = (np.arange(samples) - keys[self._of]) / self._width[self._of]

    def values(self, knots: Floats) -> Floats:
        """(N,), from `knots` (K, 2): values and slopes at the keys."""
        ends = np.concatenate([knots[:-1], knots[1:]], axis=1)
        ends[:, 1::2] *= self._width[:, None]
        a, b, c, d = (ends @ _HERMITE).T
        i, u = self._of, self._u
        return np.asarray(((d[i] * u + c[i]) * u + b[i]) * u + a[i])

    def fitted(self, values: Floats, weights: Floats, around: Floats) -> Floats:
        """The knots (K, 2) whose squared errors against `values` (N,), by `weights` (N,), are least.

        Where that says little, they are near `around` (K, 2).
        """
        powers = weights
        moments, pulls = [], []
        for power in range(7):
            moments.append(np.add.reduceat(powers, self._starts))
            if power < 4:
                pulls.append(np.add.reduceat(powers * values, self._starts))
            powers = powers * self._u
        hankel = np.stack([np.stack(moments[i : i + 4]) for i in range(4)])
        size = np.stack([np.ones_like(self._width), self._width] * 2)
        square = np.tensordot(np.tensordot(_HERMITE, hankel, (1, 0)), _HERMITE, (1, 1)).swapaxes(1, 2)
        square = square * size[:, None] * size
        pull = (_HERMITE @ np.stack(pulls)) * size
        count = len(around)
        own, goal = np.zeros((2, 2, count)), np.zeros((2, count))
        own[..., :-1] += square[:2, :2]
        own[..., 1:] += square[2:, 2:]
        goal[:, :-1] += pull[:2]
        goal[:, 1:] += pull[2:]
        stiff = _STIFF * np.einsum("iik->ik", own) + 1e-9
        np.einsum("iik->ik", own)[:] += stiff
        after, before = np.zeros((2, 2, count)), np.zeros((2, 2, count))
        after[..., :-1] = square[:2, 2:]
        before[..., 1:] = square[2:, :2]
        return _solve(before, own, after, goal + stiff * around.T).T


def _solve(before: Floats, own: Floats, after: Floats, goal: Floats) -> Floats:
    """x (2, K) with before[i] x[i - 1] + own[i] x[i] + after[i] x[i + 1] = goal[i], by cyclic reduction.

    The matrices are (2, 2, K). Each step (Hockney 1965) doubles the distance of the neighbours that matter; far ones
    don't know of each other.
    """
    sums = goal[:, None]
    step = 1
    while step < min(_FAR, own.shape[2]):
        ahead, behind = np.s_[..., step:], np.s_[..., :-step]
        inverse = _inverse(own)
        new = [np.zeros_like(before), own.copy(), np.zeros_like(after), sums.copy()]
        factor = _product(before[ahead], inverse[behind])
        new[1][ahead] -= _product(factor, after[behind])
        new[3][ahead] -= _product(factor, sums[behind])
        new[0][ahead] = -_product(factor, before[behind])
        factor = _product(after[behind], inverse[ahead])
        new[1][behind] -= _product(factor, before[ahead])
        new[3][behind] -= _product(factor, sums[ahead])
        new[2][behind] = -_product(factor, after[ahead])
        before, own, after, sums = new
        step *= 2
    return _product(_inverse(own), sums)[:, 0]


def _product(a: Floats, b: Floats) -> Floats:
    """Of matrices (2, 2, K) and (2, m, K): for so small ones many times as fast as the general way."""
    return np.asarray(a[:, 0, None] * b[None, 0] + a[:, 1, None] * b[None, 1])


def _inverse(m: Floats) -> Floats:
    """Of matrices (2, 2, K)."""
    (a, b), (c, d) = m
    adjugate = np.stack([np.stack([d, -b]), np.stack([-c, a])])
    return np.asarray(adjugate / (a * d - b * c))
