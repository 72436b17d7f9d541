"""Idle motion: smooth random curves that can be read at any time, never loop, never drift and stay bounded.

A curve is a uniform cubic B-spline whose knots are clipped normal numbers. The knots of any stretch of time are made
on demand by a counter-based generator (Philox; Salmon et al. 2011), so a window costs the same wherever it lies and
its values don't depend on which windows were read before.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

_BLOCK = 64  # knots made together
_CLIP = 2.0  # knots stay within this many standard deviations
_SPLINE_GAIN = 1.0 / np.sqrt(151.0 / 315.0) / 0.9594  # makes the curve's standard deviation 1: spline, then clipping


@dataclass(frozen=True)
class Noise:
    """`channels` independent curves of mean 0 and standard deviation 1, within +-3.1.

    `period` is the time between knots in seconds: the curves hold little above 0.5/period Hz.
    """

    key: int
    period: float
    channels: int

    def at(self, times: Floats) -> Floats:
        """(T,) seconds, from -2 knots on -> (T, channels)."""
        if len(times) == 0:
            return np.zeros((0, self.channels))
        position = np.asarray(times, np.float64) / self.period + 4.0
        first = np.floor(position).astype(np.int64)
        x = (position - first)[:, None]
        knots, offset = self._knots(int(first.min()), int(first.max()) + 4)
        i = first - offset
        weights = (
            (1 - x) ** 3 / 6,
            (3 * x**3 - 6 * x**2 + 4) / 6,
            (-3 * x**3 + 3 * x**2 + 3 * x + 1) / 6,
            x**3 / 6,
        )
        curve = np.zeros((len(i), self.channels))
        for n, weight in enumerate(weights):
            curve += weight * knots[i + n]
        curve *= _SPLINE_GAIN
        return curve

    def _knots(self, start: int, stop: int) -> tuple[Floats, int]:
        blocks = range(start // _BLOCK, (stop - 1) // _BLOCK + 1)
        made = [
            np.random.Generator(np.random.Philox(key=self.key, counter=[0, block, 0, 0])).standard_normal(
                (_BLOCK, self.channels)
            )
            for block in blocks
        ]
        return np.clip(np.concatenate(made), -_CLIP, _CLIP), blocks[0] * _BLOCK


def new_noise(rng: np.random.Generator, period: float, channels: int = 1) -> Noise:
    """Curves of their own, drawn from `rng`."""
    return Noise(int(rng.integers(2**63)), period, channels)
