"""Phone recognition: what is said where there is no text.

PocketSphinx's phone loop, with context-independent models and a light phone-pair model. Long recordings are cut where
they are quietest.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from ..motion.speech import SILENCE, Phone
from .acoustics import FRAME, decode, recognising_decoder
from .audio import RATE
from .phones import UNSTRESSED_IPA, from_arpabet

_LONGEST = 25.0
_SHORTEST = 12.0
"""Seconds of sound that are recognised at once."""
_REDUCED = 0.08
"""Seconds below which a central vowel is taken as unstressed."""


class Recogniser:
    """Recognises phones in sounds. Made once: the acoustic model stays loaded."""

    def __init__(self) -> None:
        self._decoder = recognising_decoder()

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
        decode(self._decoder, samples)
        found = [
            Phone(from_arpabet(segment.word), segment.start_frame * FRAME, (segment.end_frame + 1) * FRAME)
            for segment in self._decoder.seg() or ()
        ]
        duration = len(samples) / RATE
        if not found:
            return [Phone(SILENCE, start, start + duration)]
        found[-1] = replace(found[-1], end=duration)
        return [replace(_reduced(p), start=start + p.start, end=start + p.end) for p in found]


def _reduced(phone: Phone) -> Phone:
    short = phone.end - phone.start < _REDUCED
    return replace(phone, symbol=UNSTRESSED_IPA.get(phone.symbol, phone.symbol)) if short else phone


def _quietest(samples: NDArray[np.float32]) -> int:
    """The sample to cut at: the middle of the quietest 0.3 s between the shortest and the longest part."""
    frame = RATE // 100
    part = samples[int(_SHORTEST * RATE) : int(_LONGEST * RATE)]
    energy = np.square(part.reshape(-1, frame), dtype=np.float64).sum(axis=1)
    smooth = np.convolve(energy, np.ones(30), mode="valid")
    return int(_SHORTEST * RATE) + (int(np.argmin(smooth)) + 15) * frame
