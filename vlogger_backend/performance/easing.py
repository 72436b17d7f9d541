"""Point-to-point movements, and curves made by laying them over one another.

People's reaches are close to minimum-jerk (Flash & Hogan 1985), and movements that change their mind on the way are
close to a sum of overlapping minimum-jerk submovements (Flash & Henis 1991). Everything that the performer plans is
such a sum: a list of glides, read at any time.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]


def minimum_jerk(x: Floats) -> Floats:
    """From 0 at x <= 0 to 1 at x >= 1 with no velocity or acceleration at either end."""
    x = np.clip(x, 0.0, 1.0)
    eased: Floats = x * x * x * (10.0 + x * (6.0 * x - 15.0))
    return eased


@dataclass(frozen=True)
class Glides:
    """A curve in C dimensions: a first value and N glides, each adding a change over its own stretch of time.

    starts    : (N,) seconds, ascending
    durations : (N,) seconds, positive
    values    : (N + 1, C), the value after that many glides are over
    depth     : how many glides back one may still be under way
    """

    starts: Floats
    durations: Floats
    values: Floats
    depth: int

    def at(self, times: Floats) -> Floats:
        """(T,) seconds -> (T, C)."""
        times = np.asarray(times, np.float64)
        count = len(self.starts)
        oldest = np.maximum(np.searchsorted(self.starts, times, side="right") - self.depth, 0)
        curve: Floats = self.values[oldest]
        for back in range(min(self.depth, count)):
            i = np.minimum(oldest + back, count - 1)
            part = minimum_jerk((times - self.starts[i]) / self.durations[i])
            part = np.where(oldest + back < count, part, 0.0)
            curve = curve + part[:, None] * (self.values[i + 1] - self.values[i])
        return curve

    def __len__(self) -> int:
        return len(self.starts)


def glides(starts: ArrayLike, durations: ArrayLike, changes: ArrayLike, first: ArrayLike) -> Glides:
    """Glides from the change that each makes, in any order; `first` is the value before them all, (C,)."""
    first = np.atleast_1d(np.asarray(first, np.float64))
    begin = np.asarray(starts, np.float64).reshape(-1)
    order = np.argsort(begin, kind="stable")
    begin = begin[order]
    length = np.maximum(np.asarray(durations, np.float64).reshape(-1)[order], 1e-4)
    change = np.asarray(changes, np.float64).reshape(-1, len(first))[order]
    values = np.concatenate([first[None], first + np.cumsum(change, axis=0)])
    # the latest end so far, so that one long glide under many short ones is still counted
    ends = np.maximum.accumulate(begin + length)
    running = np.arange(len(begin)) - np.searchsorted(ends, begin, side="right")
    return Glides(begin, length, values, int(running.max(initial=0)) + 1)


def moves(starts: ArrayLike, durations: ArrayLike, targets: ArrayLike, first: ArrayLike) -> Glides:
    """Glides from one target to the next: (N, C) targets, `starts` ascending, `first` the place before them."""
    first = np.atleast_1d(np.asarray(first, np.float64))
    places = np.concatenate([first[None], np.asarray(targets, np.float64).reshape(-1, len(first))])
    return glides(starts, durations, np.diff(places, axis=0), first)


def pulses(times: ArrayLike, size: ArrayLike, channels: int) -> Glides:
    """Bumps from 0 and back: `times` (N, 4) are start, peak, release and end in seconds, `size` (N, channels)."""
    start, peak, release, end = np.asarray(times, np.float64).reshape(-1, 4).T
    height = np.asarray(size, np.float64).reshape(-1, channels)
    return glides(
        np.concatenate([start, release]),
        np.concatenate([peak - start, end - release]),
        np.concatenate([height, -height]),
        np.zeros(channels),
    )
