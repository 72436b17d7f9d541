"""The offline voice: text becomes a sound file, spoken by espeak-ng. The file says so itself, in its RIFF INFO."""

from __future__ import annotations

import os
import re
import struct
import wave
from pathlib import Path

import numpy as np

from .. import __version__
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
_SOFTWARE = b"vlogger with espeak-ng, version "
_LONGEST_NOTE = 1 << 20


def say(text: str, path: Path | str, language: str = "en", voice: str = "female") -> None:
    """Speak `text` in `language` (an espeak-ng code) with one of `VOICES` into a wav file: mono, 16 bit.

    Raises InputError for an unknown language or voice, a text that can't be spoken, or a file that can't be written.
    """
    if voice not in VOICES:
        raise InputError(f"There is no voice {voice!r}; choose one of: {', '.join(VOICES)}.")
    if not any(letter.isalnum() for letter in text):
        raise InputError(f"The text {text.strip()!r} has no words in it: write what is to be said.")
    read = text
    if espeak().language(language).startswith("en"):
        read = re.sub(r"\S+", lambda token: readings(token.group())[0], text)
    spoken = espeak().say(read, language, WORDS_PER_MINUTE, VOICES[voice])
    heard = np.flatnonzero(spoken.samples)
    if not len(heard):
        raise InputError(f"The text {text.strip()[:40]!r} can't be read aloud in {language!r}: choose its language.")
    before, after = (np.zeros(round(seconds * spoken.rate), np.int16) for seconds in (_BEFORE, _AFTER))
    sound = np.concatenate([before, spoken.samples[heard[0] : heard[-1] + 1], after])
    with writing(Path(path)) as temporary:
        with wave.open(str(temporary), "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(2)
            file.setframerate(spoken.rate)
            file.writeframes(sound.astype("<i2").tobytes())
        _append(temporary, _note(text, language, voice))


def is_spoken(path: Path) -> bool:
    """Whether the wav file at `path` was made by `say`."""
    return _SOFTWARE in _note_in(path)


def is_spoken_so(path: Path, text: str, language: str, voice: str) -> bool:
    """Whether the wav file at `path` was made by `say` of this version with just these arguments."""
    return _note_in(path) == _note(text, language, voice)


def _note(text: str, language: str, voice: str) -> bytes:
    """A LIST chunk of type INFO (RIFF MCI, Microsoft and IBM 1991): software, what is said, language, who speaks."""
    software = _SOFTWARE + __version__.encode()
    parts = {b"ISFT": software, b"ICMT": text.encode(), b"ILNG": language.encode(), b"IART": voice.encode()}
    info = b"INFO" + b"".join(_chunk(name, value + b"\0") for name, value in parts.items())
    return _chunk(b"LIST", info)


def _chunk(name: bytes, body: bytes) -> bytes:
    return name + struct.pack("<I", len(body)) + body + b"\0" * (len(body) % 2)


def _append(path: Path, chunk: bytes) -> None:
    """Add a chunk to a RIFF file."""
    with open(path, "rb+") as file:
        file.seek(0, os.SEEK_END)
        file.write(chunk)
        size = file.tell() - 8
        file.seek(4)
        file.write(struct.pack("<I", size))


def _note_in(path: Path) -> bytes:
    """The LIST chunk of a wav file; b"" if it has none, or is no wav file, or is not there."""
    try:
        with open(path, "rb") as file:
            if file.read(12)[:4] != b"RIFF":
                return b""
            while len(head := file.read(8)) == 8:
                size = struct.unpack("<I", head[4:])[0]
                if head[:4] == b"LIST":
                    return head + file.read(min(size + size % 2, _LONGEST_NOTE))
                file.seek(size + size % 2, os.SEEK_CUR)
    except OSError:
        pass
    return b""
