"""Few Bezier keys instead of one a frame, with a bound on the error.

Keys are put where the error is largest until no frame is off by more than the bound, and those that turn out to be
needless are taken away again. Values and slopes at them are those of least squares over all frames (see `cubics`).

The components of a property, such as the four of a quaternion, share the bound, but each has keys of its own: where a
bone turns about one axis, the others need next to none.

All curves are worked on at once: they are laid end to end, and the first and last frame of each is a key.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .cubics import Stretches

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

_ROUNDS = 5
"""Of taking keys away."""
_STILL = 0.2
"""Of the bound: a component that moves less keeps still."""
_AT_ONCE = 50_000
"""Values that are worked on at a time: enough to be quick, few enough for the memory."""
_FIRST = 32
"""Frames between keys to begin with."""
_LONGER = 0.25
"""How much an error counts that makes a quaternion longer or shorter, of which Blender takes no notice."""


@dataclass(frozen=True, eq=False)
class Track:
    """A property over the frames, `values` (T, n).

    scale : (n,) or a number: an error of `scale` in a component is as bad as the bound allows
    care  : (T,) factors, 1 or more, by which errors weigh more on some frames; None if all are alike
    turns : whether the values are quaternions, whose length doesn't matter
    """

    values: Floats
    scale: Floats | float
    care: Floats | None = None
    turns: bool = False


@dataclass(frozen=True, eq=False)
class Keys:
    """Keys of one curve: `frames` (K,), ascending numbers of frames; `values` and `slopes` (K,), per frame, there."""

    frames: Ints
    values: Floats
    slopes: Floats


def reduce(tracks: Sequence[Track]) -> list[list[Keys]]:
    """For each component of each track, as few keys as keep the track's error within the bound on every frame.

    The error of a frame is the length of the vector of its components' errors, each over its scale, times `care`.
    """
    found: list[list[Keys]] = []
    batch: list[Track] = []
    for track in tracks:
        batch.append(track)
        if sum(track.values.size for track in batch) > _AT_ONCE:
            found += _reduce(batch)
            batch = []
    return found + _reduce(batch)


def _reduce(tracks: Sequence[Track]) -> list[list[Keys]]:
    curves = _Curves(tracks)
    if len(curves.owner):
        _add_keys(curves, np.unique(curves.owner))
        changed = np.unique(curves.owner)
        for _ in range(_ROUNDS):
            before = curves.count()
            for turn in range(curves.place.max() + 1):
                for parity in (0, 1):
                    _take_keys(curves, changed, turn, parity)
            changed = np.unique(curves.owner[curves.count() < before])
            _add_keys(curves, changed)
    return curves.keys()


def evaluate(keys: Sequence[Keys], frames: int) -> Floats:
    """The curves (T, n) of a track's components on the frames 0 to T - 1, as Blender has them."""
    return np.stack([_evaluate(own, frames) for own in keys], axis=1)


def _evaluate(keys: Keys, frames: int) -> Floats:
    if len(keys.frames) == 1:
        return np.repeat(keys.values, frames)
    return Stretches(keys.frames, frames).values(np.stack([keys.values, keys.slopes], axis=1))


class _Curves:
    """All components that move, end to end, in units of their bound: S samples of C curves.

    owner  : (C,) the track of each; `place` (C,): how many of that track's come before it; `lengths` (C,)
    is_key : (S,) which samples are keys
    off    : (S,) how far the fitted curves are from the samples
    """

    def __init__(self, tracks: Sequence[Track]) -> None:
        self._tracks = tracks
        self._still: dict[tuple[int, int], float] = {}
        self._moving: list[tuple[int, int]] = []
        starts = np.cumsum([0, *(len(track.values) for track in tracks)])
        self._base, self._care = np.zeros(starts[-1]), np.ones(starts[-1])
        values, along, slots = [np.zeros(0)], [np.zeros(0)], [np.zeros(0, np.int64)]
        for i, track in enumerate(tracks):
            here = slice(starts[i], starts[i + 1])
            own = track.values / track.scale
            way = track.values / np.linalg.norm(track.values, axis=1, keepdims=True) if track.turns else 0 * own
            if track.care is not None:
                self._care[here] = track.care
            middle = (own.max(axis=0) + own.min(axis=0)) / 2
            aside = (own - middle) * (1 - (1 - _LONGER) * way**2)
            for k in np.argsort(np.abs(aside).max(axis=0)):
                used = self._base[here] + aside[:, k] ** 2
                if (np.sqrt(used) * self._care[here]).max() <= _STILL:
                    self._base[here] = used
                    self._still[i, k] = middle[k]
                else:
                    self._moving.append((i, k))
                    values.append(own[:, k])
                    along.append(way[:, k])
                    slots.append(np.arange(starts[i], starts[i + 1]))
        self.values, self._along, self._slots = np.concatenate(values), np.concatenate(along), np.concatenate(slots)
        self.owner = np.array([i for i, _ in self._moving], np.int64)
        self.place = np.arange(len(self.owner)) - np.searchsorted(self.owner, self.owner)
        self.lengths = np.array([len(part) for part in values[1:]], np.int64)
        self.curve = np.repeat(np.arange(len(self.owner)), self.lengths)
        self._starts = np.cumsum(self.lengths) - self.lengths
        frames = np.arange(len(self.values)) - self._starts[self.curve]
        self.is_end = (frames == 0) | (frames == self.lengths[self.curve] - 1)
        self.is_key = self.is_end | (frames % _FIRST == 0)
        self.trend = np.concatenate([np.gradient(part) for part in values[1:]] or values)
        self.weights = self._care[self._slots] ** 2
        self.off = np.zeros(len(self.values))

    def count(self) -> Ints:
        """(C,) how many keys there are."""
        return np.bincount(self.curve, self.is_key, len(self.owner)).astype(np.int64)

    def of(self, chosen: Bools) -> Ints:
        """The samples of the chosen curves (C,)."""
        return np.flatnonzero(chosen[self.curve])

    def fitted(self, samples: Ints, is_key: Bools) -> tuple[Stretches, Floats]:
        """Of some whole curves, with such keys: the cubics, and their knots (K, 2)."""
        keys = np.flatnonzero(is_key)
        stretches, values = Stretches(keys, len(samples)), self.values[samples]
        around = np.stack([values[keys], self.trend[samples[keys]]], axis=1)
        return stretches, stretches.fitted(values, self.weights[samples], around)

    def errors(self, samples: Ints) -> tuple[Floats, Floats]:
        """Of whole tracks: at each sample the square of the track's error, 1 at the bound, and its own part in that."""
        off, along, slots, size = self.off[samples], self._along[samples], self._slots[samples], len(self._base)
        aside = off - (1 - _LONGER) * np.bincount(slots, off * along, size)[slots] * along
        whole = (np.bincount(slots, aside**2, size) + self._base) * self._care**2
        return whole[slots], aside * off * self._care[slots] ** 2

    def keys(self) -> list[list[Keys]]:
        found: dict[tuple[int, int], Keys] = {}
        if self._moving:
            _, knots = self.fitted(np.arange(len(self.values)), self.is_key)
            ends = np.cumsum(self.count())
            places = np.flatnonzero(self.is_key)
            for curve, (one, own) in enumerate(zip(self._moving, np.split(knots, ends[:-1]), strict=True)):
                i, k = one
                scale = np.broadcast_to(self._tracks[i].scale, self._tracks[i].values.shape[1])[k]
                frames = places[ends[curve] - len(own) : ends[curve]] - self._starts[curve]
                found[one] = Keys(frames, own[:, 0] * scale, own[:, 1] * scale)
        for (i, k), value in self._still.items():
            scale = np.broadcast_to(self._tracks[i].scale, self._tracks[i].values.shape[1])[k]
            found[i, k] = Keys(np.zeros(1, np.int64), np.array([value * scale]), np.zeros(1))
        return [[found[i, k] for k in range(track.values.shape[1])] for i, track in enumerate(self._tracks)]


def _add_keys(curves: _Curves, tracks: Ints) -> None:
    """Put keys where the error is largest, one in every stretch between keys, until these tracks are within the bound.

    It is the components that have the larger part in an error which get them.
    """
    shares = np.bincount(curves.owner)[curves.owner]
    while len(tracks):
        samples = curves.of(np.isin(curves.owner, tracks))
        is_key = curves.is_key[samples]
        stretches, knots = curves.fitted(samples, is_key)
        curves.off[samples] = stretches.values(knots) - curves.values[samples]
        errors, parts = curves.errors(samples)
        bad = errors > 1
        guilty = bad & (parts * shares[curves.curve[samples]] >= errors - 1)
        curves.weights[samples[guilty & is_key]] *= 16  # there is a key already: it has to come nearer
        wanted = np.where(guilty & ~is_key, parts, 0.0)
        worst = np.maximum.reduceat(wanted, np.flatnonzero(is_key))[np.cumsum(is_key) - 1]
        curves.is_key[samples[(wanted > 0) & (wanted == worst)]] = True
        tracks = np.unique(curves.owner[curves.curve[samples[bad]]])


def _take_keys(curves: _Curves, tracks: Ints, place: int, parity: int) -> None:
    """Take away every second key, of one component of each of these tracks, without which it is within the bound."""
    own = np.isin(curves.owner, tracks)
    own &= np.isin(curves.owner, curves.owner[own & (curves.place == place)])
    whole = curves.of(own)
    if not len(whole):
        return
    here = curves.place[curves.curve[whole]] == place
    samples = whole[here]
    fewer = curves.is_key[samples]
    inner = np.flatnonzero(fewer & ~curves.is_end[samples])
    curve = curves.curve[samples[inner]]
    tried = inner[(np.arange(len(inner)) - np.searchsorted(curve, curve)) % 2 == parity]
    fewer[tried] = False
    before = curves.off[samples]
    stretches, knots = curves.fitted(samples, fewer)
    curves.off[samples] = stretches.values(knots) - curves.values[samples]
    errors = curves.errors(whole)[0][here]
    worst = np.maximum.reduceat(errors, np.flatnonzero(fewer))[np.cumsum(fewer) - 1]
    curves.is_key[samples[tried[worst[tried] <= 1]]] = False
    curves.off[samples] = np.where(worst <= 1, curves.off[samples], before)  # nearly: what is added later is measured
