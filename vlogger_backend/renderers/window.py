"""Overlapping windows: how a shot of any length is painted by a model that sees a few frames at a time.

Each window is painted by itself and fades into the next where they overlap, so what a frame looks like depends on the
windows that contain it and on nothing else: a shot can be gone on with at any frame, and what is held in memory does
not grow with its length. 50 % overlap is where VLOGGER's measurements level off (Corona et al. 2024, table 2).
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]


def windows(frames: int, length: int, overlap: int) -> tuple[range, ...]:
    """Windows of `length` frames that cover 0 to `frames`, each sharing `overlap` frames with the one before.

    The last one is moved back to end with the shot, so it may share more; a shot that is shorter than `length` is one
    window.

    Raises ValueError unless 0 <= overlap < length.
    """
    if not 0 <= overlap < length:
        raise ValueError(f"windows of {length} frames can't overlap by {overlap}")
    if frames <= length:
        return (range(frames),) if frames > 0 else ()
    starts = [*range(0, frames - length, length - overlap), frames - length]
    return tuple(range(start, start + length) for start in starts)


def weights(shot: Sequence[range], index: int) -> Array:
    """How much each frame of the window `index` counts, (length,): those of all windows sum to 1 for every frame.

    A window counts the less the nearer a frame is to its inner edges.
    """
    own = _heights(shot, index)
    total = own.copy()
    for other, window in enumerate(shot):
        shared = range(max(window.start, shot[index].start), min(window.stop, shot[index].stop))
        if other != index and len(shared):
            start = shared.start - shot[index].start
            there = shared.start - window.start
            total[start : start + len(shared)] += _heights(shot, other)[there : there + len(shared)]
    return np.asarray(own / total, np.float32)


def crossfaded(
    shot: Sequence[range], paint: Callable[[range], Array], start: int = 0
) -> Generator[tuple[int, Array], None, None]:
    """Yield the frames from `start` on, in order, each with the weighted mean of the windows that contain it.

    `paint` gives a window's frames, (length, ...). Windows that have ended before `start` are not painted; a frame
    is the same array wherever one starts.
    """
    held: dict[int, Array] = {}
    for index, window in enumerate(shot):
        if window.stop <= start:
            continue
        painted, share = paint(window), weights(shot, index)
        for place, frame in enumerate(window):
            if frame >= start:
                part = np.asarray(painted[place] * share[place], np.float32)
                held[frame] = held[frame] + part if frame in held else part
        following = shot[index + 1].start if index + 1 < len(shot) else window.stop
        for frame in sorted(frame for frame in held if frame < following):
            yield frame, held.pop(frame)


def _heights(shot: Sequence[range], index: int) -> Array:
    """A window's weights before they are made to sum to 1: a tent, with no slope where the shot begins and ends."""
    window = shot[index]
    places = np.arange(len(window), dtype=np.float32)
    rise = places + 1 if index > 0 else np.full(len(window), np.inf, np.float32)
    fall = len(window) - places if index + 1 < len(shot) else np.full(len(window), np.inf, np.float32)
    return np.asarray(np.minimum(np.minimum(rise, fall), len(window)), np.float32)
