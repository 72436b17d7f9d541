"""Sounds for the tests of listening."""

from __future__ import annotations

import wave
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vlogger_backend.motion.speech import TRACK_RATE, Speech
from vlogger_backend.speech.audio import RATE


def write_wav(path: Path, sound: NDArray[np.floating], rate: int = RATE) -> Path:
    """Write 16-bit wav: (T,) mono or (T, channels)."""
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1 if sound.ndim == 1 else sound.shape[1])
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes((np.clip(sound, -1, 1) * 32767).astype("<i2").tobytes())
    return path


def check_whole(speech: Speech) -> None:
    """What every Speech promises: phones without gaps from 0 to the end, words in order, tracks of one length."""
    assert speech.phones[0].start == 0.0
    assert speech.phones[-1].end == speech.duration
    for phone, following in zip(speech.phones, speech.phones[1:], strict=False):
        assert phone.start < phone.end == following.start
        assert not phone.symbol == following.symbol == ""
    for word, following in zip(speech.words, speech.words[1:], strict=False):
        assert word.start < word.end <= following.start + 1e-9
    for phone in speech.phones:
        if phone.word >= 0:
            word = speech.words[phone.word]
            assert word.start - 1e-9 <= phone.start < phone.end <= word.end + 1e-9
    frames = int(np.ceil(speech.duration * TRACK_RATE - 1e-6))
    for track in (speech.loudness, speech.pitch, speech.voicing, speech.emphasis):
        assert track.shape == (frames,)
        assert track.dtype == np.float32
        assert np.isfinite(track).all()
    for track in (speech.loudness, speech.voicing, speech.emphasis):
        assert track.min() >= 0
        assert track.max() <= 1
    for accent in speech.accents:
        assert 0 <= accent.start <= accent.time <= accent.end <= speech.duration
        assert 0 < accent.strength <= 1
    assert [a.time for a in speech.accents] == sorted(a.time for a in speech.accents)
