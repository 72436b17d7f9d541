"""Forced alignment: when each word and phone of a known text is said.

A window of sound is decoded as the next words in order (see `trellis`). Long recordings are done window by window: the
words that ended well before the end of the window are kept, and the next window starts where they end.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from ..motion.speech import SILENCE, Phone
from .acoustics import FRAME, STATES, AcousticModel, Scores, levels, loud_from, silence_bonus
from .audio import RATE
from .pronounce import Pronunciation, WrittenWord
from .trellis import Chain, Run, Trellis

WINDOW = 25.0
"""Seconds of sound that are aligned at once."""
_CUT = (0.4, 0.9)
"""The part of a window in which the cut to the next is looked for."""
_FASTEST = 22.0
"""Phones per second that no speaker exceeds; how far a window looks ahead in the text."""
_SHORTEST_PAUSE = 0.1
"""Seconds. What is shorter is the closure of a stop, not a pause."""
_STOPS = frozenset("pbtdkɡqcɟʔ") | {"tʃ", "dʒ"}

_CLEAR_RANGE = 25.0
"""dB between speech and pauses in a clear recording."""

_Spoken = tuple[int, tuple[Pronunciation, ...]]
"""A spoken word to be found: the index of its written word, and its pronunciations."""


class NoAlignment(Exception):  # noqa: N818 - it is an outcome, not a fault
    """The text is not what is said in the sound."""


class _Fit:
    """How badly a text fits a sound, gathered window by window.

    Three things grow when the text is another: how much worse the aligned phones fit their frames than the best
    phones would, how much of what is loud is left to pauses, and how many phones are squeezed to the shortest.
    """

    def __init__(self) -> None:
        self._worse = self._frames = self._unsaid = self._loud = self._squeezed = self._phones = 0.0
        self._blurred = self._windows = 0.0

    def add(self, model: AcousticModel, features: Scores, level: Scores, runs: list[Run], heard: list[Chain]) -> None:
        """Take a window's runs into account; `heard` are the phones of each."""
        scores = model.phone_scores(features).max(axis=2)
        aligned = np.full(len(scores), -1)
        for run, chain in zip(runs, heard, strict=True):
            for phone, (first, stop) in zip(chain, pairwise(run.starts), strict=False):
                aligned[first:stop] = model.index(phone)
                self._phones += 1
                self._squeezed += stop - first <= STATES
        said = np.flatnonzero(aligned >= 0)
        self._worse += float((scores[said].max(axis=1) - scores[said, aligned[said]]).sum())
        self._frames += len(said)
        low, high = np.percentile(level, [5, 95])
        self._blurred += max(_CLEAR_RANGE - float(high - low), 0) / 10
        self._windows += 1
        loud = level > loud_from(level)
        self._loud += int(loud.sum())
        self._unsaid += int((loud & (aligned < 0)).sum())

    def cost(self) -> float:
        """1 to 4 where the text is what is said in English, 6 and more where it is not; less if noise blurs it."""
        worse = self._worse / max(self._frames, 1)
        unsaid = self._unsaid / max(self._loud, 1)
        squeezed = self._squeezed / max(self._phones, 1)
        return worse + 4 * unsaid + 4 * max(squeezed - 0.2, 0) - self._blurred / max(self._windows, 1)


def align(
    model: AcousticModel, blocks: Iterator[NDArray[np.float32]], words: Sequence[WrittenWord], highest_cost: float
) -> Iterator[list[Phone]]:
    """Place `words` in a sound (blocks of 16 kHz mono), window by window: all its phones, in order, gapless.

    Raises NoAlignment if the sound is too short for the words, or at the end if they fit it worse than
    `highest_cost`.
    """
    fit = _Fit()
    text: list[_Spoken] = [(index, spoken) for index, word in enumerate(words) for spoken in word.spoken]
    held = np.zeros(0, np.float32)
    start = 0.0
    for block in blocks:
        held = np.concatenate([held, block])
        # a little more than a window is held, so that what remains at the end is never too short to align
        while len(held) >= (WINDOW + 1.0) * RATE:
            runs, phones = _align_window(model, held[: int(WINDOW * RATE)], text, fit, last=False)
            end, kept = _cut(runs)
            yield _moved([p for run in phones[:kept] for p in run], start, end)
            text = text[sum(run.word >= 0 for run in runs[:kept]) :]
            start += end
            held = held[round(end * RATE) :]
    runs, phones = _align_window(model, held, text, fit, last=True)
    if fit.cost() > highest_cost:
        raise NoAlignment
    yield _moved([p for run in phones for p in run], start, len(held) / RATE)


def _align_window(
    model: AcousticModel, samples: NDArray[np.float32], text: list[_Spoken], fit: _Fit, last: bool
) -> tuple[list[Run], list[list[Phone]]]:
    """One window's words and pauses, and the phones of each; if it is the `last`, every word of `text` is in it."""
    ahead = text if last else _next_words(text, _FASTEST * WINDOW)
    trellis = Trellis(model, [[_heard(p) for p in pronunciations] for _, pronunciations in ahead])
    features = model.features(samples)
    level = levels(samples)
    runs = trellis.decode(model.scores(features, trellis.senones), silence_bonus(level), complete=last)
    if runs is None:
        raise NoAlignment
    fit.add(model, features, level, runs, [_chain(run, ahead) for run in runs])
    return runs, [_phones_of(run, ahead) for run in runs]


def _heard(pronunciation: Pronunciation) -> Chain:
    return tuple(phone for sound in pronunciation for phone in sound.arpabet)


def _chain(run: Run, ahead: list[_Spoken]) -> Chain:
    return _heard(ahead[run.word][1][run.chain]) if run.word >= 0 else ()


def _phones_of(run: Run, ahead: list[_Spoken]) -> list[Phone]:
    """A run's phones in IPA, each as long as the ARPAbet phones that it was heard as; fewer if it broke off."""
    times = [start * FRAME for start in run.starts]
    if run.word < 0:
        return [Phone(SILENCE, times[0], times[-1])]
    index, pronunciations = ahead[run.word]
    phones: list[Phone] = []
    first = 0
    for sound in pronunciations[run.chain]:
        stop = min(first + len(sound.arpabet), len(times) - 1)
        if stop > first:
            phones.append(Phone(sound.symbol, times[first], times[stop], sound.stress, index))
        first = stop
    return phones


def _next_words(text: list[_Spoken], most: float) -> list[_Spoken]:
    """The first words, as many as have `most` phones."""
    phones = np.cumsum([len(pronunciations[0]) for _, pronunciations in text[: int(most)]])
    return text[: int(np.searchsorted(phones, most, side="right"))]


def _cut(runs: list[Run]) -> tuple[float, int]:
    """Where to cut a window (s), and how many runs come before: in its longest late pause, else after a late word."""
    earliest, latest = _CUT[0] * WINDOW, _CUT[1] * WINDOW
    late = [
        (min(run.starts[-1] * FRAME, latest) - max(run.starts[0] * FRAME, earliest), number)
        for number, run in enumerate(runs)
        if run.word < 0
    ]
    longest, number = max(late, default=(0.0, 0))
    if longest >= _SHORTEST_PAUSE:
        pause = runs[number]
        middle = np.clip((pause.starts[0] + pause.starts[-1]) / 2 * FRAME, earliest, latest)
        return round(float(middle), 2), number + 1
    ends = [number for number, run in enumerate(runs[:-1], 1) if run.word >= 0 and run.starts[-1] * FRAME <= latest]
    if not ends:
        raise NoAlignment
    return runs[ends[-1] - 1].starts[-1] * FRAME, ends[-1]


def _moved(phones: list[Phone], start: float, end: float) -> list[Phone]:
    """The phones of a window that starts at `start`, the last made to end at `end`; without pauses that are none."""
    phones[-1] = replace(phones[-1], end=end)
    moved: list[Phone] = []
    for phone in phones:
        moved.append(replace(phone, start=start + phone.start, end=start + phone.end))
    return _without_closures(moved)


def _without_closures(phones: list[Phone]) -> list[Phone]:
    """Short pauses given to the stop after them, whose closure they are, or else to the phone before."""
    result: list[Phone] = []
    waiting: Phone | None = None
    for phone, following in zip(phones, [*phones[1:], None], strict=True):
        short = phone.symbol == SILENCE and phone.end - phone.start < _SHORTEST_PAUSE - 1e-6
        if short and following is not None and following.symbol in _STOPS:
            waiting = phone
        elif short and result and following is not None:
            result[-1] = replace(result[-1], end=phone.end)
        else:
            result.append(replace(phone, start=waiting.start) if waiting else phone)
            waiting = None
    return result
