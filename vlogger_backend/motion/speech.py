"""Speech: what was said and when. Data only; `vlogger_backend.speech` makes it from sound and text."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

TRACK_RATE = 100.0
"""Frames per second of the prosody tracks."""
SILENCE = ""
"""The symbol of a phone that is a pause."""


@dataclass(frozen=True)
class Phone:
    """One speech sound.

    `symbol` is IPA without stress or length marks (`""` is silence), `start` and `end` are seconds, `stress` is 2
    for primary, 1 for secondary, 0 for none or a consonant, `word` is an index into `Speech.words`, -1 outside.
    """

    symbol: str
    start: float
    end: float
    stress: int = 0
    word: int = -1


@dataclass(frozen=True)
class Word:
    """A word as written, with its times in seconds."""

    text: str
    start: float
    end: float


@dataclass(frozen=True)
class Accent:
    """An accented syllable: `time` is its pitch and loudness peak (s), `strength` is 0 to 1."""

    time: float
    start: float
    end: float
    strength: float


def _no_track() -> NDArray[np.float32]:
    return np.zeros(0, np.float32)


@dataclass(frozen=True)
class Speech:
    """What was said and when.

    The phones cover 0 to `duration` without gaps or overlaps, silences included. The tracks have one value per
    1/100 s, `ceil(duration * 100)` of them:

    loudness : 0 (the silence of this recording) to 1 (its loudest speech), perceptual (dB) scale
    pitch    : Hz, 0 where unvoiced
    voicing  : 0 to 1
    emphasis : 0 to 1, how accented the speech is here; the accents' syllables, smoothed
    """

    duration: float
    phones: tuple[Phone, ...]
    words: tuple[Word, ...] = ()
    accents: tuple[Accent, ...] = ()
    language: str = "en"
    method: str = ""
    """How the phones were found: "aligned" (to the text), "recognised" (no text) or "spoken" (by our own voice)."""
    loudness: NDArray[np.float32] = field(default_factory=_no_track, repr=False)
    pitch: NDArray[np.float32] = field(default_factory=_no_track, repr=False)
    voicing: NDArray[np.float32] = field(default_factory=_no_track, repr=False)
    emphasis: NDArray[np.float32] = field(default_factory=_no_track, repr=False)
