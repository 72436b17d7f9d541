"""Phone recognition: what is said where there is no text.

All phones may follow one another, as often as they do in English (the phone model of PocketSphinx's wheel). From the
posterior probability of each phone in each frame (forward-backward), first the class of lip shape is decided, then the
phone within it. The classes are weighed by their rarity: a closure that is missed is seen, a doubtful /t/ is not.
Long recordings are cut where they are quietest.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from ..motion.speech import Phone
from .acoustics import FRAME, SILENCE_PHONE, AcousticModel, Scores, levels, read_phone_pairs, silence_bonus
from .audio import RATE
from .phones import UNSTRESSED_IPA, from_arpabet

_LONGEST = 25.0
_SHORTEST = 12.0
"""Seconds of sound that are recognised at once."""
_REDUCED = 0.08
"""Seconds below which a central vowel is taken as unstressed."""
_ACOUSTIC_SCALE = 0.4
"""Frames are not independent, so their likelihoods say less than their sum."""
_PAIR_SCALE = 0.6
"""English says little about the phone pairs of other languages."""
_RARITY_SCALE = 0.7
_CLASSES: tuple[tuple[float, str], ...] = (
    (0.48, "SIL +NSN+ +SPN+"),
    (0.06, "P B M"),
    (0.03, "F V"),
    (0.08, "UW UH OW AO W"),
    (0.07, "AA AE AH"),
    (0.10, "IY IH EH EY Y"),
    (0.18, "T D N S Z L R K G NG HH SH ZH CH JH TH DH ER AY AW OY"),
)
"""Phones of one lip shape, and their usual share of the time in recordings of speech."""
_CLASS_CHANGE, _PHONE_CHANGE = 2.0, 1.0
"""Nats that a change costs, so that single frames don't flicker."""


class Recogniser:
    """Recognises phones in sounds. Made once for an acoustic model."""

    def __init__(self, model: AcousticModel) -> None:
        self._model = model
        self._pairs = np.exp(_PAIR_SCALE * read_phone_pairs(model.phones))
        self._stay = np.exp(model.stay.astype(np.float64))
        self._leave = np.exp(model.leave.astype(np.float64))
        self._silence = model.index(SILENCE_PHONE)
        self._noises = [number for number, phone in enumerate(model.phones) if phone.startswith("+")]
        share = np.array([share for share, _ in _CLASSES])
        self._weight = -_RARITY_SCALE * np.log(share)
        kinds = {phone: kind for kind, (_, names) in enumerate(_CLASSES) for phone in names.split()}
        self._kinds = np.array([kinds[phone] for phone in model.phones])

    def recognise(self, blocks: Iterator[NDArray[np.float32]]) -> Iterator[list[Phone]]:
        """The phones of a sound (blocks of 16 kHz mono), part by part: all of them, in order, gapless."""
        held = np.zeros(0, np.float32)
        start = 0.0
        for block in blocks:
            held = np.concatenate([held, block])
            # a little more than a part is held, so that what remains at the end is never too short
            while len(held) >= (_LONGEST + 1.0) * RATE:
                part = held[: _quietest(held)]
                yield self._recognise(part, start)
                start += len(part) / RATE
                held = held[len(part) :]
        yield self._recognise(held, start)

    def _recognise(self, samples: NDArray[np.float32], start: float) -> list[Phone]:
        scores = self._model.phone_scores(self._model.features(samples))
        level = levels(samples)
        scores[:, self._silence] += silence_bonus(level)[:, None]
        found = self._decide(self._posteriors(scores))
        found[np.isin(found, self._noises)] = self._silence
        self._quieten(found, level)
        phones: list[Phone] = []
        for first, stop in _runs(found):
            symbol = from_arpabet(self._model.phones[found[first]])
            if (stop - first) * FRAME < _REDUCED:
                symbol = UNSTRESSED_IPA.get(symbol, symbol)
            end = stop * FRAME if stop < len(found) else len(samples) / RATE
            phones.append(Phone(symbol, start + first * FRAME, start + end))
        return phones

    def _quieten(self, found: NDArray[np.int64], level: Scores) -> None:
        """Make phones silence that stand beside silence and are no louder."""
        low, high = np.percentile(level, [5, 95])
        quiet = level < low + 0.25 * (high - low)
        for step in (1, -1):
            before = self._silence
            for first, stop in _runs(found)[::step]:
                if before == self._silence and quiet[first:stop].all():
                    found[first:stop] = self._silence
                before = int(found[first])

    def _posteriors(self, scores: Scores) -> NDArray[np.float64]:
        """(T, phones) the probability of each phone in each frame, of `scores` (T, phones, 3), by forward-backward."""
        likelihood = np.exp(_ACOUSTIC_SCALE * (scores - scores.max(axis=(1, 2), keepdims=True)).astype(np.float64))
        frames = len(scores)
        forward = np.zeros(scores.shape)
        now = np.zeros(scores.shape[1:])
        now[:, 0] = self._pairs[self._silence]
        now[self._silence, 0] = 1.0
        for t in range(frames):
            if t:
                left = now * self._leave
                now = now * self._stay
                now[:, 1:] += left[:, :-1]
                now[:, 0] += left[:, -1] @ self._pairs
            now *= likelihood[t]
            now /= now.sum()
            forward[t] = now
        later = np.ones(scores.shape[1:])
        result = np.empty(scores.shape[:2])
        for t in range(frames - 1, -1, -1):
            if t + 1 < frames:
                seen = later * likelihood[t + 1]
                later = seen * self._stay
                later[:, :-1] += seen[:, 1:] * self._leave[:, :-1]
                later[:, -1] += self._leave[:, -1] * (self._pairs @ seen[:, 0])
                later /= later.sum()
            both = (forward[t] * later).sum(axis=1)
            result[t] = both / both.sum()
        return result

    def _decide(self, posteriors: NDArray[np.float64]) -> NDArray[np.int64]:
        """(T,) phone numbers: the best path of lip-shape classes, then of phones inside the classes."""
        member = self._kinds[:, None] == np.arange(len(_CLASSES))
        kinds = _smoothest(np.log(posteriors @ member + 1e-3) + self._weight, _CLASS_CHANGE)
        allowed = self._kinds == kinds[:, None]
        return _smoothest(np.where(allowed, np.log(posteriors + 1e-6), -50.0), _PHONE_CHANGE)


def _runs(values: NDArray[np.int64]) -> list[tuple[int, int]]:
    """Where equal values stand in a row: (first, stop) of each row."""
    return list(pairwise([0, *(np.flatnonzero(np.diff(values)) + 1).tolist(), len(values)]))


def _smoothest(values: NDArray[np.float64], change: float) -> NDArray[np.int64]:
    """(T,) the choices that make the sum of `values` (T, K) greatest, when each change of choice costs `change`."""
    frames, choices = values.shape
    itself = np.arange(choices)
    origin = np.zeros(values.shape, np.int64)
    best = values[0].copy()
    for t in range(1, frames):
        top = int(best.argmax())
        changed = best[top] - change
        origin[t] = np.where(best < changed, top, itself)
        best = np.maximum(best, changed) + values[t]
    path = np.empty(frames, np.int64)
    path[-1] = int(best.argmax())
    for t in range(frames - 1, 0, -1):
        path[t - 1] = origin[t, path[t]]
    return path


def _quietest(samples: NDArray[np.float32]) -> int:
    """The sample to cut at: the middle of the quietest 0.3 s between the shortest and the longest part."""
    frame = RATE // 100
    part = samples[int(_SHORTEST * RATE) : int(_LONGEST * RATE)]
    energy = np.square(part.reshape(-1, frame), dtype=np.float64).sum(axis=1)
    smooth = np.convolve(energy, np.ones(30), mode="valid")
    return int(_SHORTEST * RATE) + (int(np.argmin(smooth)) + 15) * frame
