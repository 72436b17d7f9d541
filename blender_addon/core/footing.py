"""Which way is up in someone's recording, how large they are, and where their floor is.

Recordings have their own axes, their own origin, and people of any size. A take has Y up, starts in the middle of the
room and stands on the floor on the built-in skeleton's legs. What a file doesn't say is found from what the feet do:
whoever walks puts them down, and there they stay.
"""

from __future__ import annotations

from collections.abc import Mapping as Dictionary

import numpy as np
from numpy.typing import NDArray

from .rotations import rotate
from .skeleton import REST, SIDES, way

Floats = NDArray[np.float64]

Y_UP = np.array([1.0, 0.0, 0.0, 0.0])
Z_UP = np.array([np.sqrt(0.5), -np.sqrt(0.5), 0.0, 0.0])
"""The turns (4,) that bring a room with Y or Z up into a take's axes."""
_ROOMS = (Y_UP, Z_UP, np.array([0.0, 1.0, 0.0, 0.0]), np.array([np.sqrt(0.5), np.sqrt(0.5), 0.0, 0.0]))
_UP = np.array([0.0, 1.0, 0.0])
_UPRIGHT = np.cos(np.radians(35))
"""A trunk that is this near to an axis points along it."""
_LIES = (0.03, 0.4)
_STANDS = (0.6, 1.6)
"""Metres between which the pelvis of someone who lies or stands is above the floor, wherever a model has its origin."""
_SOLE = float(REST["left_foot"][1])
_HEEL = np.array([0.0, _SOLE - REST["left_ankle"][1], -0.05])
"""From the ankle, a place on the sole as far below as the ball of the foot."""
_STEP = 1 / 30
_STILL = 0.25
"""Metres a second: a sole that is slower stands."""
_LOW = 10.0
"""Percent of the time that someone stands on the floor and on nothing higher, at the least."""
_NEAR = 0.03
_SLIPS = np.geomspace(0.006, 0.0015, 12)
"""Metres in a thirtieth of a second by which a foot that stands may seem to slide, first and at last."""
_TRAVEL = 0.5
"""Metres that someone must walk to tell by how much their legs are longer or shorter."""
_SIZES = (0.7, 1.4)
_SAME_SIZE = 0.01


def room_of(turns: Dictionary[str, Floats], places: Floats, usual: Floats) -> Floats:
    """The turn (4,) that brings a recording's room into a take's axes.

    turns  : each joint's rotation (T, 4) in the recording's axes, from a T-pose with Y up
    places : (T, 3) of the pelvis, metres; only roughly, as a model's origin is not known
    usual  : the turn that files of its kind need, `Y_UP` or `Z_UP`

    Up is where the trunk points most of the time. A trunk that points level all the time belongs to someone who lies,
    if the pelvis is as low as that in the usual room.
    """
    trunk = way(turns, "pelvis", "neck")
    trunk = trunk / np.linalg.norm(trunk, axis=-1, keepdims=True)
    votes = [float((rotate(room, trunk)[:, 1] > _UPRIGHT).mean()) for room in _ROOMS]
    heights = [float(np.median(rotate(room, places)[:, 1])) for room in _ROOMS]
    first = next(i for i, room in enumerate(_ROOMS) if room is usual)
    best = int(np.argmax(votes))
    if votes[first] >= votes[best] / 2:
        return usual
    lies = _LIES[0] < heights[first] < _LIES[1] and not _STANDS[0] < heights[best] < _STANDS[1]
    return usual if lies else _ROOMS[best]


def stand_on_floor(turns: Dictionary[str, Floats], trans: Floats, fps: float, sized: bool) -> Floats:
    """The take's translation (T, 3): on the floor, from the middle of the room, at the size of the take's skeleton.

    The arguments are those of `footing`.
    """
    size, start = footing(turns, trans, fps, sized)
    return np.asarray(trans * size - start)


def footing(turns: Dictionary[str, Floats], trans: Floats, fps: float, sized: bool) -> tuple[float, Floats]:
    """What brings a translation onto the floor: its factor, and then the (3,) to be subtracted.

    turns : each joint's rotation (T, 4) in the take's axes
    trans : (T, 3) how the pelvis moves, from any origin
    sized : whether `trans` is already measured by the skeleton's legs; else its size is found by the feet
    """
    soles = _soles(turns)
    size = 1.0 if sized else _size(soles, trans, fps)
    trans = trans * size
    floor = _floor(soles + trans[:, None], fps) - _SOLE
    return size, np.array([trans[0, 0], floor, trans[0, 2]])


def _soles(turns: Dictionary[str, Floats]) -> Floats:
    """(T, 4, 3) from the pelvis to heel and ball of both feet."""
    places = []
    for side in SIDES:
        places.append(way(turns, "pelvis", f"{side}_ankle") + rotate(turns[f"{side}_ankle"], _HEEL))
        places.append(way(turns, "pelvis", f"{side}_foot"))
    return np.stack(places, axis=1)


def _size(soles: Floats, trans: Floats, fps: float) -> float:
    """By how much the skeleton's legs are longer than the person's: with that, feet that stand don't slide.

    The lowest sole stands still, so what the pelvis moves and what the sole moves against it add up to nothing. Least
    squares, in which frames on which it doesn't (in the air, or while it rolls) count less (Cauchy weights).
    """
    step = max(round(fps * _STEP), 1)
    moved = trans[step:] - trans[:-step]
    if not len(moved):
        return 1.0
    lowest = np.argmin(soles[step:, :, 1] + soles[:-step, :, 1], axis=1)
    against = np.take_along_axis(soles[step:] - soles[:-step], lowest[:, None, None], axis=1)[:, 0]
    size = 1.0
    for slip in _SLIPS * step / (fps * _STEP):
        weights = 1 / (1 + ((size * moved + against) ** 2).sum(axis=1) / slip**2)
        travel = float(weights @ np.linalg.norm(moved, axis=1)) / step
        if travel < _TRAVEL:
            return 1.0
        size = float(-(weights @ (moved * against).sum(axis=1)) / (weights @ (moved**2).sum(axis=1)))
    return 1.0 if abs(size - 1) < _SAME_SIZE or not _SIZES[0] < size < _SIZES[1] else size


def _floor(soles: Floats, fps: float) -> float:
    """How high the lowest place is that soles (T, 4, 3) stand on for long."""
    lowest = np.argmin(soles[:, :, 1], axis=1)
    heights = np.take_along_axis(soles[:, :, 1], lowest[:, None], axis=1)[:, 0]
    step = max(round(fps * _STEP), 1)
    still = np.zeros(len(heights), bool)
    moved = np.linalg.norm(soles[step:] - soles[:-step], axis=-1)
    speed = np.take_along_axis(moved, lowest[step:, None], axis=1)[:, 0] * fps / step
    still[step:] = speed < _STILL
    stood = heights[still] if still.mean() > 0.02 else heights
    low = np.percentile(stood, _LOW)
    return float(np.median(stood[np.abs(stood - low) < _NEAR]))
