"""The offline voice: text becomes a sound file, spoken by espeak-ng."""

from __future__ import annotations

import re
import wave
from pathlib import Path

import numpy as np

from ..errors import InputError
from ..files import writing
from .espeak import espeak
from .pronounce import readings

WORDS_PER_MINUTE = 160
"""A calm speaker; espeak-ng's own default is 175."""
VOICES = {"female": "f2", "male": "m3"}
"""espeak-ng's variants; breath fills the spectrum of f2, so that a model of human speech takes it for human."""
_BEFORE, _AFTER = 0.2, 0.4
"""Seconds of silence around the speech: room for the character to draw breath and come to rest."""


def say(text: str, path: Path | str, language: str = "en", voice: str = "female") -> None:
    """Speak `text` in `language` (an espeak-ng code) with one of `VOICES` into a wav file: mono, 16 bit.

    Raises InputError for an unknown language or voice, a text that can't be spoken, or a file that can't be written.
    """
    if voice not in VOICES:
        raise InputError(f"There is no voice {voice!r}; choose one of: {', '.join(VOICES)}.")
    if not any(letter.isalnum() for letter in text):
        raise InputError(f"The text {text.strip()!r} has no words in it: write what is to be said.")
    if espeak().language(language).startswith("en"):
        text = re.sub(r"\S+", lambda token: readings(token.group())[0], text)
    spoken = espeak().say(text, language, WORDS_PER_MINUTE, VOICES[voice])
    heard = np.flatnonzero(spoken.samples)
    if not len(heard):
        raise InputError(f"The text {text.strip()[:40]!r} can't be read aloud in {language!r}: choose its language.")
    before, after = (np.zeros(round(seconds * spoken.rate), np.int16) for seconds in (_BEFORE, _AFTER))
    sound = np.concatenate([before, spoken.samples[heard[0] : heard[-1] + 1], after])
    with writing(Path(path)) as temporary, wave.open(str(temporary), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(spoken.rate)
        file.writeframes(sound.astype("<i2").tobytes())
