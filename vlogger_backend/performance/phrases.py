"""Where the speaker speaks and where they pause: what posture, breath and gaze hang on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..motion.speech import SILENCE, TRACK_RATE, Speech
from .easing import Glides, moves

PAUSE = 0.2
"""Seconds of silence that part two phrases; shorter ones are the closures of stops and the like (Goldman-Eisler)."""


@dataclass(frozen=True)
class Phrase:
    """A stretch of speech between pauses, seconds. `pause` is the silence before it."""

    start: float
    end: float
    pause: float


def phrases(speech: Speech) -> tuple[Phrase, ...]:
    """The speech's phrases in order; none if nothing is said."""
    spans: list[list[float]] = []
    for phone in speech.phones:
        if phone.symbol == SILENCE:
            continue
        if spans and phone.start - spans[-1][1] < PAUSE:
            spans[-1][1] = phone.end
        else:
            spans.append([phone.start, phone.end])
    ends = [0.0, *(end for _, end in spans)]
    return tuple(Phrase(start, end, start - before) for (start, end), before in zip(spans, ends, strict=False))


def rises(speech: Speech, phrase: Phrase) -> bool:
    """Whether the pitch goes up at the end of a phrase, as in questions and lists, by more than three semitones."""
    start, end = round(phrase.start * TRACK_RATE), round(phrase.end * TRACK_RATE)
    pitch = speech.pitch[start:end]
    voiced = pitch[pitch > 0]
    if len(voiced) < 50:
        return False
    return bool(np.median(voiced[-12:]) > 2 ** (3 / 12) * np.median(voiced[:-12]))


def activity(speech: Speech) -> Glides:
    """How much the speaker is engaged in speaking: 1 in speech, 0 in pauses longer than about a second, (T, 1).

    It rises before the voice, as the body prepares, and dies away after it.
    """
    starts: list[float] = []
    durations: list[float] = []
    targets: list[float] = []
    spoken = phrases(speech)
    for i, phrase in enumerate(spoken):
        if i == 0 or phrase.pause > 1.0:
            starts.append(phrase.start - min(0.4, phrase.pause / 2))
            durations.append(0.6)
            targets.append(1.0)
        if i + 1 == len(spoken) or spoken[i + 1].pause > 1.0:
            starts.append(phrase.end)
            durations.append(0.8 if i + 1 == len(spoken) else min(0.8, spoken[i + 1].pause / 2))
            targets.append(0.0)
    return moves(starts, durations, targets, [0.0])
