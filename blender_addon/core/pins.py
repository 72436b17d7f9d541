"""Pins: keys that an animator has marked are kept, and the curve is bent to pass through them.

Around a pin the curve leaves the take's own course and comes back to it within `reach` frames, with the speed of the
take at both ends. Between two pins that are close it goes from one to the other without coming back.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .rotations import continuous, from_vectors, inverse, multiply, to_vectors

Floats = NDArray[np.float64]


def bend(values: NDArray[Any], frames: NDArray[Any], pins: NDArray[Any], at: NDArray[Any], reach: float) -> Floats:
    """Curves (T, n) over `frames` (T,), bent through the values `pins` (K, n) at the frames `at` (K,).

    `frames` and `at` rise. `reach` is in frames. Pins outside the curve bend what of it is in their reach.
    """
    values = np.asarray(values, np.float64)
    if not len(at):
        return values
    course = np.stack([np.interp(at, frames, column) for column in values.T], axis=1)
    return values + _spread(np.asarray(pins, np.float64) - course, frames, at, reach)


def bend_rotations(
    quaternions: NDArray[Any], frames: NDArray[Any], pins: NDArray[Any], at: NDArray[Any], reach: float
) -> Floats:
    """The same for rotations: unit quaternions (T, 4) and (K, 4), w first, bent on the sphere without jumps of sign."""
    course = np.asarray(quaternions, np.float64)
    if not len(at):
        return course
    near = np.clip(np.searchsorted(frames, at), 0, len(frames) - 1)
    before = np.maximum(near - 1, 0)
    span = np.maximum(np.asarray(frames, np.float64)[near] - np.asarray(frames, np.float64)[before], 1e-9)
    part = np.clip((np.asarray(frames, np.float64)[near] - at) / span, 0, 1)[:, None]
    first, second = course[near], course[before]
    second = np.where((first * second).sum(axis=1, keepdims=True) < 0, -second, second)
    there = _unit((1 - part) * first + part * second)
    offsets = to_vectors(multiply(_unit(np.asarray(pins, np.float64)), inverse(there)))
    return continuous(multiply(from_vectors(_spread(offsets, frames, at, reach)), course))


def _spread(offsets: Floats, frames: NDArray[Any], at: NDArray[Any], reach: float) -> Floats:
    """Offsets (K, n) at the pins as curves (T, n): smooth steps between knots, which are the pins and, where no other
    pin is near, zeros at the ends of their reach."""
    knots, heights = [], []
    nothing = np.zeros(offsets.shape[1])
    for i, (frame, offset) in enumerate(zip(at, offsets, strict=True)):
        if i == 0 or frame - at[i - 1] >= 2 * reach:
            knots.append(frame - reach)
            heights.append(nothing)
        knots.append(frame)
        heights.append(offset)
        if i == len(at) - 1 or at[i + 1] - frame >= 2 * reach:
            knots.append(frame + reach)
            heights.append(nothing)
    places, levels = np.asarray(knots, np.float64), np.stack(heights)
    segment = np.clip(np.searchsorted(places, frames, side="right") - 1, 0, len(places) - 2)
    span = np.maximum(places[segment + 1] - places[segment], 1e-9)
    part = np.clip((np.asarray(frames, np.float64) - places[segment]) / span, 0, 1)
    mix = (part * part * (3 - 2 * part))[:, None]
    return np.asarray((1 - mix) * levels[segment] + mix * levels[segment + 1])


def _unit(q: Floats) -> Floats:
    return np.asarray(q / np.maximum(np.linalg.norm(q, axis=-1, keepdims=True), 1e-12))
