"""The offline voice: text becomes a sound file, spoken by espeak-ng."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ..errors import InputError
from ..files import writing
from .espeak import espeak

WORDS_PER_MINUTE = 155


def say(text: str, path: Path | str, language: str = "en") -> None:
    """Speak `text` in `language` (an espeak-ng code) into a wav file: mono, 16 bit.

    Raises InputError for an unknown language, a text that can't be spoken, or a file that can't be written.
    """
    import wave

    if not any(c.isalnum() for c in text):
        raise InputError(f"The text {text.strip()!r} has no words in it: write what is to be said.")
    spoken = espeak().say(text, language, WORDS_PER_MINUTE)
    if not np.any(spoken.samples):
        raise InputError(f"The text can't be read aloud in {language!r}: choose its language.")
    with writing(Path(path)) as temporary, wave.open(str(temporary), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(spoken.rate)
        file.writeframes(spoken.samples.tobytes())
