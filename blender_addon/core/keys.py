"""Few Bezier keys instead of one a frame, with a bound on the error.

A curve between two keys is the cubic with the keys' values and slopes: what Blender draws when a key's handles reach a
third of the way to its neighbours, where time runs evenly along the curve. Values and slopes are those of least squares
over all frames (as in Schneider 1990, with one slope a key, so that no key has a corner). Keys are put where the error
is largest until no frame is off by more than the bound, and those that turn out to be needless are taken away again.

All curves are worked on at once: they are laid end to end, and the first and last frame of each is a key.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_FAR = 32
"""Keys: a slope has less than 0.3 of an effect on the next, so over this distance none."""
_STIFF = 1e-3
"""How much a slope is held to the curve's own, against frames that say nothing about it."""
_ROUNDS = 3
"""Of taking keys away."""
_STILL = 0.1
"""Of the bound: what moves less keeps still."""
_FIRST = 16
"""Frames between keys to begin with."""


@dataclass(frozen=True, eq=False)
class Track:
    """A property over the frames, `values` (T, n), whose components share their keys.

    scale : (n,) or a number: an error of `scale` in a component is as bad as the bound allows
    care  : (T,) factors, 1 or more, by which errors weigh more on some frames; None if all are alike
    """

    values: Floats
    scale: Floats | float
    care: Floats | None = None


@dataclass(frozen=True, eq=False)
class Keys:
    """`frames` (K,), ascending numbers of frames; `values` (K, n) and `slopes` (K, n), per frame, there."""

    frames: Ints
    values: Floats
    slopes: Floats


def reduce(tracks: Sequence[Track]) -> list[Keys]:
    """As few keys for each track as keep its error within the bound on every frame.

    The error of a frame is the length of the vector of its components' errors, each over its scale, times `care`.
    """
    found: dict[int, Keys] = {}
    moving: dict[int, list[int]] = {}
    for i, track in enumerate(tracks):
        if (_off(track, track.values[:1]) <= _STILL).all():
            found[i] = Keys(np.zeros(1, np.int64), track.values[:1], np.zeros_like(track.values[:1]))
        else:
            moving.setdefault(track.values.shape[1], []).append(i)
    for numbers in moving.values():
        found |= dict(zip(numbers, _reduce([tracks[i] for i in numbers]), strict=True))
    return [found[i] for i in range(len(tracks))]


def evaluate(keys: Keys, frames: int) -> Floats:
    """The curve (T, n) on the frames 0 to T - 1, as Blender has it."""
    if len(keys.frames) == 1:
        return np.repeat(keys.values, frames, axis=0)
    cubics = _Cubics(keys.frames, np.arange(frames))
    cubics.knots = np.stack([keys.values, keys.slopes], axis=1)
    return cubics.values()


def _off(track: Track, values: Floats) -> Floats:
    """(T,) the error of other `values`, 1 at the bound."""
    off = np.asarray(np.sqrt((((values - track.values) / track.scale) ** 2).sum(axis=1)))
    return off if track.care is None else off * track.care


class _Cubics:
    """Cubics between keys at the frames `keys` (K,), on `frames` (N,). `knots` (K, 2, n): their values and slopes."""

    def __init__(self, keys: Ints, frames: Ints) -> None:
        self.keys = keys
        self._stretch = np.clip(np.searchsorted(keys, frames, side="right") - 1, 0, len(keys) - 2)
        width = np.diff(keys)[self._stretch].astype(float)
        u = (frames - keys[self._stretch]) / width
        v = 1 - u
        self._basis = (v * v * (1 + 2 * u), width * u * v * v, u * u * (1 + 2 * v), -width * u * u * v)
        self.knots = np.zeros((len(keys), 2, 1))

    def values(self) -> Floats:
        """(N, n)"""
        i = self._stretch
        start, rise, end, fall = (part[:, None] for part in self._basis)
        value, slope = self.knots[:, 0], self.knots[:, 1]
        return np.asarray(start * value[i] + rise * slope[i] + end * value[i + 1] + fall * slope[i + 1])

    def fit(self, values: Floats, weights: Floats, around: Floats) -> None:
        """Choose the knots so that the squared errors against `values` (N, n), by `weights` (N,), are least.

        Where that says little, they are near `around` (K, 2, n).
        """
        starts = np.searchsorted(self._stretch, np.arange(len(self.keys) - 1))
        weighed = [weights * part for part in self._basis]
        square = np.empty((len(starts), 4, 4))
        for i in range(4):
            for j in range(i, 4):
                square[:, i, j] = square[:, j, i] = np.add.reduceat(weighed[i] * self._basis[j], starts)
        pull = np.stack([np.add.reduceat(part[:, None] * values, starts) for part in weighed], axis=1)
        count = len(self.keys)
        own, goal = np.zeros((count, 2, 2)), np.zeros((count, 2, values.shape[1]))
        own[:-1] += square[:, :2, :2]
        own[1:] += square[:, 2:, 2:]
        goal[:-1] += pull[:, :2]
        goal[1:] += pull[:, 2:]
        stiff = _STIFF * own * np.eye(2) + 1e-9 * np.eye(2)
        after, before = np.zeros((count, 2, 2)), np.zeros((count, 2, 2))
        after[:-1] = square[:, :2, 2:]
        before[1:] = square[:, 2:, :2]
        self.knots = _solve(before, own + stiff, after, goal + stiff @ around)


def _solve(before: Floats, own: Floats, after: Floats, goal: Floats) -> Floats:
    """x (K, 2, n) with before[i] x[i - 1] + own[i] x[i] + after[i] x[i + 1] = goal[i], by cyclic reduction.

    Each step (Hockney 1965) doubles the distance of the neighbours that matter; far ones don't know of each other.
    """
    step = 1
    while step < min(_FAR, len(own)):
        ahead, behind = np.s_[step:], np.s_[:-step]
        inverse = _inverse(own)
        new_before, new_own, new_after, new_goal = np.zeros_like(before), own.copy(), np.zeros_like(after), goal.copy()
        factor = before[ahead] @ inverse[behind]
        new_own[ahead] -= factor @ after[behind]
        new_goal[ahead] -= factor @ goal[behind]
        new_before[ahead] = -factor @ before[behind]
        factor = after[behind] @ inverse[ahead]
        new_own[behind] -= factor @ before[ahead]
        new_goal[behind] -= factor @ goal[ahead]
        new_after[behind] = -factor @ after[ahead]
        before, own, after, goal = new_before, new_own, new_after, new_goal
        step *= 2
    return _inverse(own) @ goal


def _inverse(m: Floats) -> Floats:
    """Of matrices (K, 2, 2): for so small ones many times as fast as the general way."""
    a, b, c, d = m[:, 0, 0], m[:, 0, 1], m[:, 1, 0], m[:, 1, 1]
    adjugate = np.stack([d, -b, -c, a], axis=1).reshape(-1, 2, 2)
    return np.asarray(adjugate / (a * d - b * c)[:, None, None])


def _reduce(tracks: list[Track]) -> list[Keys]:
    """Tracks with the same number of components."""
    curves = [_Curve(track) for track in tracks]
    for curve in curves:
        curve.is_key[::_FIRST] = True
    _add_keys(curves)
    changed = curves
    for _ in range(_ROUNDS):
        before = [int(curve.is_key.sum()) for curve in changed]
        for parity in (0, 1):
            _take_keys(changed, parity)
        changed = [c for c, keys in zip(changed, before, strict=True) if c.is_key.sum() < keys]
        _add_keys(changed)
    return [curve.keys(track) for curve, track in zip(curves, tracks, strict=True)]


class _Curve:
    """A track in units of its bound, and which of its frames are keys."""

    def __init__(self, track: Track) -> None:
        self.values = track.values / track.scale
        self.care = np.ones(len(self.values)) if track.care is None else track.care
        self.weights = self.care**2
        self.trend = np.gradient(self.values, axis=0) if len(self.values) > 1 else 0 * self.values
        self.is_key = np.zeros(len(self.values), bool)
        self.is_key[[0, -1]] = True

    def keys(self, track: Track) -> Keys:
        cubics = _fitted([self], [self.is_key])
        return Keys(cubics.keys, cubics.knots[:, 0] * track.scale, cubics.knots[:, 1] * track.scale)


def _fitted(curves: list[_Curve], masks: list[NDArray[np.bool_]]) -> _Cubics:
    """The curves laid end to end, with keys where `masks` say."""
    values = np.concatenate([curve.values for curve in curves])
    trend = np.concatenate([curve.trend[mask] for curve, mask in zip(curves, masks, strict=True)])
    cubics = _Cubics(np.flatnonzero(np.concatenate(masks)), np.arange(len(values)))
    weights = np.concatenate([curve.weights for curve in curves])
    cubics.fit(values, weights, np.stack([values[cubics.keys], trend], axis=1))
    return cubics


def _errors(curves: list[_Curve], masks: list[NDArray[np.bool_]]) -> list[Floats]:
    """With keys where `masks` say: the error of each curve's frames."""
    off = _fitted(curves, masks).values() - np.concatenate([curve.values for curve in curves])
    errors = np.sqrt(np.einsum("ti,ti->t", off, off)) * np.concatenate([curve.care for curve in curves])
    return np.split(errors, np.cumsum([len(mask) for mask in masks])[:-1])


def _add_keys(curves: list[_Curve]) -> None:
    """Put keys where the error is largest, one in every stretch between keys, until it is within the bound."""
    while curves:
        unfinished = []
        for curve, errors in zip(curves, _errors(curves, [curve.is_key for curve in curves]), strict=True):
            if errors.max() <= 1:
                continue
            unfinished.append(curve)
            curve.weights[curve.is_key & (errors > 1)] *= 16  # there is a key already: it has to come nearer
            errors[curve.is_key] = 0
            worst = np.maximum.reduceat(errors, np.flatnonzero(curve.is_key))[np.cumsum(curve.is_key) - 1]
            curve.is_key |= (errors > 1) & (errors == worst)
        curves = unfinished


def _take_keys(curves: list[_Curve], parity: int) -> None:
    """Take away every second key without which the error is within the bound."""
    if not curves:
        return
    masks, tried = [], []
    for curve in curves:
        keys = np.flatnonzero(curve.is_key)[1:-1][parity::2]
        fewer = curve.is_key.copy()
        fewer[keys] = False
        masks.append(fewer)
        tried.append(keys)
    for curve, keys, fewer, errors in zip(curves, tried, masks, _errors(curves, masks), strict=True):
        worst = np.maximum.reduceat(errors, np.flatnonzero(fewer))[np.cumsum(fewer) - 1]
        curve.is_key[keys[worst[keys] <= 1]] = False
