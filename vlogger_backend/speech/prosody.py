"""Prosody: loudness, pitch and voicing, 100 times a second, and which syllables are accented."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..motion.speech import SILENCE, TRACK_RATE, Accent, Phone
from .audio import RATE
from .phones import is_vowel

_HOP = int(RATE / TRACK_RATE)
_FRAME = 640
"""Samples of the window in which pitch is looked for: 40 ms, two periods of the lowest."""
_LOWEST, _HIGHEST = 60.0, 500.0
"""Hz; the pitch of speech."""
_RANGE = 45.0
"""dB between the loudest speech and what counts as silence, at most."""

Track = NDArray[np.float32]


@dataclass(frozen=True)
class Tracks:
    """Prosody tracks at `TRACK_RATE`: loudness 0 to 1, pitch in Hz (0 unvoiced), voicing 0 to 1."""

    loudness: Track
    pitch: Track
    voicing: Track


class Prosody:
    """Follows a sound block by block; `tracks` gives the result at the end."""

    def __init__(self) -> None:
        from scipy.signal import lfilter_zi

        self._held = np.zeros(_FRAME // 2, np.float32)  # the first frame is centred on the first sample
        self._level: list[Track] = []
        self._pitch: list[Track] = []
        self._voicing: list[Track] = []
        self._filter = lfilter_zi([1.0, -0.95], [1.0]) * 0.0

    def add(self, block: NDArray[np.float32]) -> None:
        """The next samples (16 kHz mono)."""
        self._held = np.concatenate([self._held, block])
        frames = (len(self._held) - _FRAME) // _HOP + 1
        if frames >= TRACK_RATE:
            self._take(frames)

    def _take(self, frames: int) -> None:
        windows = np.lib.stride_tricks.sliding_window_view(self._held, _FRAME)[::_HOP][:frames]
        pitch, voicing = _pitch(windows)
        inner = windows[:, _FRAME // 4 : -_FRAME // 4].astype(np.float64)
        emphasised = inner[:, 1:] - 0.85 * inner[:, :-1]
        self._level.append((10 * np.log10(np.mean(emphasised**2, axis=1) + 1e-10)).astype(np.float32))
        self._pitch.append(pitch)
        self._voicing.append(voicing)
        self._held = self._held[frames * _HOP :].copy()

    def tracks(self, duration: float) -> Tracks:
        """The tracks of all that was added; `duration` in seconds sets their length."""
        wanted = int(np.ceil(duration * TRACK_RATE - 1e-6))
        missing = wanted - sum(map(len, self._level))
        if missing > 0:
            self._held = np.concatenate([self._held, np.zeros(_FRAME + missing * _HOP, np.float32)])
            self._take(missing)
        level, pitch, voicing = (np.concatenate(parts)[:wanted] for parts in (self._level, self._pitch, self._voicing))
        loudness = _normalised(level)
        voicing = np.where(loudness > 0.1, voicing, 0).astype(np.float32)
        return Tracks(loudness, np.where(voicing > 0.45, pitch, 0).astype(np.float32), voicing)


def _normalised(level: Track) -> Track:
    top = float(np.percentile(level, 98))
    floor = max(top - _RANGE, min(float(np.percentile(level, 5)), top - 25.0))
    return np.clip((level - floor) / (top - floor), 0, 1).astype(np.float32)


def _pitch(windows: NDArray[np.float32]) -> tuple[Track, Track]:
    """Pitch (Hz) and voicing of each window, by the autocorrelation method of Boersma (1993)."""
    size = 2048
    shape = np.hanning(_FRAME)
    centred = windows - windows.mean(axis=1, keepdims=True)
    spectrum = np.fft.rfft(centred * shape, size)
    correlation = np.fft.irfft(np.abs(spectrum) ** 2, size)[:, : _FRAME // 2 + 2]
    own = np.fft.irfft(np.abs(np.fft.rfft(shape, size)) ** 2, size)[: _FRAME // 2 + 2]
    correlation = correlation / (correlation[:, :1] + 1e-9) / (own / own[0])
    lags = np.arange(int(RATE / _HIGHEST), min(int(RATE / _LOWEST), _FRAME // 2) + 1)
    strength = correlation[:, lags] - 0.01 * np.log2(lags / lags[0])  # a small price for octaves down
    best = np.argmax(strength, axis=1)
    rows = np.arange(len(windows))
    lag = lags[best]
    before, at, after = (correlation[rows, lag + step] for step in (-1, 0, 1))
    bend = before - 2 * at + after
    shift = np.where(np.abs(bend) > 1e-9, 0.5 * (before - after) / np.where(bend == 0, 1, bend), 0)
    return (RATE / (lag + np.clip(shift, -0.5, 0.5))).astype(np.float32), np.clip(at, 0, 1).astype(np.float32)


def accents(phones: Sequence[Phone], tracks: Tracks) -> tuple[Accent, ...]:
    """The accented syllables, in order."""
    return tuple(_accents(phones, tracks))


def _accents(phones: Sequence[Phone], tracks: Tracks) -> Iterator[Accent]:
    nuclei = [i for i, phone in enumerate(phones) if is_vowel(phone.symbol)]
    if not nuclei:
        return
    features = np.array([_features(phones[i], tracks) for i in nuclei])
    spread = features.std(axis=0) + 1e-3
    score = ((features - features.mean(axis=0)) / spread) @ np.array([0.8, 0.5, 0.8, 0.9])
    times = np.array([_peak(phones[i], tracks) for i in nuclei])
    order = sorted(range(len(nuclei)), key=lambda k: -score[k])
    taken: list[int] = []
    for k in order:
        if score[k] < 0.3:
            break
        if all(abs(times[k] - times[other]) >= 0.35 for other in taken):
            taken.append(k)
    for k in sorted(taken):
        start, end = _syllable(phones, nuclei[k])
        yield Accent(float(times[k]), start, end, float(np.clip(0.4 + 0.2 * score[k], 0.2, 1.0)))


def _features(phone: Phone, tracks: Tracks) -> list[float]:
    part = slice(int(phone.start * TRACK_RATE), max(int(phone.end * TRACK_RATE), int(phone.start * TRACK_RATE) + 1))
    pitch = tracks.pitch[part]
    voiced = pitch[pitch > 0]
    height = 12 * np.log2(float(voiced.max()) / 100) if len(voiced) else 0.0
    return [
        float(tracks.loudness[part].max(initial=0)),
        height,
        np.log(phone.end - phone.start),
        phone.stress,
    ]


def _peak(phone: Phone, tracks: Tracks) -> float:
    first = int(phone.start * TRACK_RATE)
    part = tracks.loudness[first : int(phone.end * TRACK_RATE)]
    return (first + int(np.argmax(part))) / TRACK_RATE if len(part) else phone.start


def _syllable(phones: Sequence[Phone], nucleus: int) -> tuple[float, float]:
    """From the consonant before the vowel to the end of the vowel."""
    before = phones[nucleus - 1] if nucleus else phones[nucleus]
    start = before.start if before.symbol != SILENCE and not is_vowel(before.symbol) else phones[nucleus].start
    return start, phones[nucleus].end


def emphasis(found: Sequence[Accent], frames: int) -> Track:
    """The accents as a smooth track at `TRACK_RATE`: a bell over each, as high as its strength."""
    track = np.zeros(frames, np.float32)
    for accent in found:
        width = max(accent.end - accent.start, 0.1)
        first, last = (int((accent.time + side * 2 * width) * TRACK_RATE) for side in (-1, 1))
        at = np.arange(max(first, 0), min(last + 1, frames))
        bell = accent.strength * np.exp(-0.5 * ((at / TRACK_RATE - accent.time) / (0.6 * width)) ** 2)
        track[at] = np.maximum(track[at], bell)
    return track
