"""Prosody: loudness, pitch and voicing, 100 times a second, and which syllables are accented."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..motion.speech import SILENCE, TRACK_RATE, Accent, Phone
from .audio import RATE
from .phones import is_vowel

_HOP = int(RATE / TRACK_RATE)
_FRAME = 640
"""Samples of the window in which pitch is looked for: 40 ms, over two periods of the lowest."""
_LOWEST, _HIGHEST = 60.0, 500.0
"""Hz; the pitch of speech."""
_SHORTEST_LAG, _LONGEST_LAG = int(RATE / _HIGHEST), int(RATE / _LOWEST)
_CANDIDATES = 5
_OCTAVE_COST = 0.02
"""What an octave less costs, in units of autocorrelation: of two periods that fit as well, the shorter."""
_JUMP_COST = 0.35
"""What a jump by an octave costs from one frame to the next."""
_RANGE = 45.0
"""dB between the loudest speech and what counts as silence, at most."""

_SPACING = 0.4
"""Seconds between two accents, at least."""
_LONGEST_PHRASE = 1.5
"""Seconds of fluent speech in which there is an accent in any case."""
_PROMINENT = 0.5
_CUES = (0.6, 0.5, 0.4)
"""Weights of pitch, loudness and length in prominence."""
_STRESS = 1.2
"""What lexical stress adds to prominence, from none to primary."""

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
        self._held = np.zeros(_FRAME // 2, np.float32)  # the first frame is centred on the first sample
        self._level: list[Track] = []
        self._pitch: list[Track] = []
        self._voicing: list[Track] = []

    def add(self, block: NDArray[np.float32]) -> None:
        """The next samples (16 kHz mono)."""
        self._held = np.concatenate([self._held, block])
        frames = (len(self._held) - _FRAME) // _HOP + 1
        if frames >= TRACK_RATE:
            self._take(frames)

    def _take(self, frames: int) -> None:
        windows = np.lib.stride_tricks.sliding_window_view(self._held, _FRAME)[::_HOP][:frames]
        before = float(self._pitch[-1][-1]) if self._pitch else 150.0
        pitch, voicing = _pitch(windows, before)
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


def _pitch(windows: NDArray[np.float32], before: float) -> tuple[Track, Track]:
    """Pitch (Hz) and voicing of each window, by the autocorrelation method of Boersma (1993).

    Of the strongest candidates of each window those are taken that make the smoothest line, from `before` (Hz) on.
    """
    correlation = _autocorrelation(windows)
    lags = np.arange(_SHORTEST_LAG, _LONGEST_LAG)
    inner = correlation[:, lags]
    peak = (inner >= correlation[:, lags - 1]) & (inner > correlation[:, lags + 1])
    strength = np.where(peak, inner - _OCTAVE_COST * np.log2(lags / lags[0]), -1.0)
    best = np.argpartition(-strength, _CANDIDATES, axis=1)[:, :_CANDIDATES]
    rows = np.arange(len(windows))
    octaves = -np.log2(lags[best] / RATE)
    chosen = best[rows, _smoothest(np.take_along_axis(strength, best, axis=1), octaves, np.log2(before))]
    lag = lags[chosen]
    left, at, right = (correlation[rows, lag + step] for step in (-1, 0, 1))
    bend = np.minimum(left - 2 * at + right, -1e-9)
    shift = np.clip(0.5 * (left - right) / bend, -0.5, 0.5)
    return (RATE / (lag + shift)).astype(np.float32), np.clip(at, 0, 1).astype(np.float32)


def _autocorrelation(windows: NDArray[np.float32]) -> NDArray[np.float64]:
    """(T, lags) of each window, 1 at no lag, corrected for the window's own."""
    size = 1024
    shape = np.hanning(_FRAME)
    centred = windows - windows.mean(axis=1, keepdims=True)
    kept = _LONGEST_LAG + 1
    correlation = np.fft.irfft(np.abs(np.fft.rfft(centred * shape, size)) ** 2, size)[:, :kept]
    own = np.fft.irfft(np.abs(np.fft.rfft(shape, size)) ** 2, size)[:kept]
    normalised: NDArray[np.float64] = correlation / (correlation[:, :1] + 1e-9) / (own / own[0])
    return normalised


def _smoothest(strength: NDArray[np.float64], octaves: NDArray[np.float64], before: float) -> NDArray[np.int64]:
    """(T,) which of the candidates (T, K) to take, so that strength less the cost of jumps is greatest."""
    origin = np.zeros(strength.shape, np.int64)
    total = strength[0] - _JUMP_COST * np.abs(octaves[0] - before)
    for t in range(1, len(strength)):
        reached = total[:, None] - _JUMP_COST * np.abs(octaves[t - 1][:, None] - octaves[t])
        origin[t] = reached.argmax(axis=0)
        total = reached.max(axis=0) + strength[t]
    path = np.empty(len(strength), np.int64)
    path[-1] = total.argmax()
    for t in range(len(strength) - 1, 0, -1):
        path[t - 1] = origin[t, path[t]]
    return path


def accents(phones: Sequence[Phone], tracks: Tracks) -> tuple[Accent, ...]:
    """The accented syllables, in order: those that stand out from their surroundings in pitch, loudness and length.

    Lexical stress helps where the text is known. Every phrase has at least one accent, its nucleus (Pierrehumbert
    1980), and accents are at least `_SPACING` apart.
    """
    nuclei = [i for i, phone in enumerate(phones) if is_vowel(phone.symbol)]
    if not nuclei:
        return ()
    prominence = _prominence([phones[i] for i in nuclei], tracks)
    times = [_peak(phones[i], tracks) for i in nuclei]
    taken: list[int] = []

    def take(candidates: Iterable[int], lowest: float) -> bool:
        """Take the candidates that are prominent enough and not too near to one already taken; whether there were."""
        before = len(taken)
        for k in sorted(candidates, key=lambda k: -prominence[k]):
            if prominence[k] >= lowest and all(abs(times[k] - times[other]) >= _SPACING for other in taken):
                taken.append(k)
        return len(taken) > before

    for phrase in _phrases(phones, nuclei):
        if not take(phrase, _PROMINENT):
            take([max(phrase, key=lambda k: prominence[k])], -np.inf)
    found = []
    for k in sorted(taken):
        start, end = _syllable(phones, nuclei[k])
        strength = 1 / (1 + np.exp(-prominence[k]))
        found.append(Accent(times[k], start, end, float(np.clip(strength, 0.2, 1.0))))
    return tuple(found)


def _phrases(phones: Sequence[Phone], nuclei: list[int]) -> list[list[int]]:
    """The syllables (numbers in `nuclei`) of each stretch of speech between pauses, the longer of them in parts."""
    pauses = [i for i, phone in enumerate(phones) if phone.symbol == SILENCE]
    gap = np.searchsorted(pauses, nuclei)
    phrases: list[list[int]] = []
    begun = 0.0
    for k, nucleus in enumerate(nuclei):
        start = phones[nucleus].start
        if not phrases or gap[k] != gap[k - 1] or start - begun > _LONGEST_PHRASE:
            phrases.append([])
            begun = start
        phrases[-1].append(k)
    return phrases


def _prominence(vowels: Sequence[Phone], tracks: Tracks) -> NDArray[np.float64]:
    """(vowels,) how far each stands out, in standard deviations, about 0 for the average."""
    voiced = tracks.pitch > 0
    semitones = np.where(voiced, 12 * np.log2(np.where(voiced, tracks.pitch, 1.0)), 0.0)
    usual_pitch = _around(semitones, voiced)
    usual_loudness = _around(tracks.loudness.astype(np.float64), tracks.loudness > 0.2)
    rows = np.zeros((len(vowels), 3))
    for row, vowel in zip(rows, vowels, strict=True):
        part = slice(int(vowel.start * TRACK_RATE), max(int(vowel.end * TRACK_RATE), int(vowel.start * TRACK_RATE) + 1))
        heard = voiced[part]
        row[0] = (semitones[part] - usual_pitch[part])[heard].max() if heard.any() else -2.0
        row[1] = (tracks.loudness[part] - usual_loudness[part]).max(initial=-1.0)
        row[2] = np.log(vowel.end - vowel.start)
    spread = np.maximum(rows.std(axis=0), 1e-3)
    scores = np.clip((rows - rows.mean(axis=0)) / spread, -2, 2) @ np.array(_CUES)
    stress = np.array([vowel.stress for vowel in vowels]) * 0.5
    known = any(vowel.word >= 0 for vowel in vowels)
    result: NDArray[np.float64] = scores + _STRESS * (stress - 0.5) if known else scores
    return result


def _around(values: NDArray[np.float64], counted: NDArray[np.bool_]) -> NDArray[np.float64]:
    """The mean of the counted values within a second on either side."""
    reach = int(TRACK_RATE)
    sums = np.concatenate([[0.0], np.cumsum(np.where(counted, values, 0.0))])
    counts = np.concatenate([[0.0], np.cumsum(counted)])
    first = np.maximum(np.arange(len(values)) - reach, 0)
    stop = np.minimum(np.arange(len(values)) + reach + 1, len(values))
    mean: NDArray[np.float64] = (sums[stop] - sums[first]) / np.maximum(counts[stop] - counts[first], 1)
    return mean


def _peak(phone: Phone, tracks: Tracks) -> float:
    """When the vowel is at its loudest and highest (s)."""
    first = int(phone.start * TRACK_RATE)
    part = slice(first, int(phone.end * TRACK_RATE))
    pitch = tracks.pitch[part]
    if not len(pitch):
        return phone.start
    return (first + int(np.argmax(tracks.loudness[part] + pitch / max(float(pitch.max()), 1.0)))) / TRACK_RATE


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
