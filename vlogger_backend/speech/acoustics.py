"""The acoustic model: how likely each state of each English phone is, frame by frame.

The model is the one in PocketSphinx's wheel (CMU Sphinx "en-us", phonetically tied mixtures, BSD licence), read from
its files and evaluated here with numpy: PocketSphinx itself tells only its best path, while alignment and recognition
both need the likelihoods, to weigh them with what else is known (loudness, neighbouring windows, classes of sounds).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from .audio import RATE

FRAME = 0.01
"""Seconds per frame."""
SILENCE_PHONE = "SIL"
STATES = 3
"""States of a phone, passed from first to last."""

Scores = NDArray[np.float32]
Senones = NDArray[np.int64]

_HOP = int(RATE * FRAME)
_WINDOW = 410  # 25.6 ms, what the model was trained with; so are the numbers below (its feat.params)
_FFT = 512
_FILTERS, _LOWEST, _HIGHEST = 25, 130.0, 6800.0
_CEPSTRA = 13
_LIFTER = 22
_PREEMPHASIS = 0.97
_SHIFTED_LOG = 1024 * np.log(1.0001)
"""Sphinx keeps log probabilities as integers: base 1.0001, divided by 1024."""
_FLOOR = 1e-5
"""Of the mean power: noise that every recording has, also one whose pauses were made perfectly silent."""
_UNHEARD = 50.0
"""dB below the loudest frames; nothing is said there."""
_CLOSURE = 15
"""Frames. A stop's closure may be as silent as a pause, but it is shorter than this."""
_NOISE = -6.0
"""Log probability that a noise comes next."""
_POSITIONS = {"inside": 0, "begin": 1, "end": 2, "single": 3}


@dataclass(frozen=True)
class _Codebooks:
    """Gaussians of one feature stream: 42 codebooks of 128; log N = constant + x² quadratic + x linear."""

    constant: Scores
    linear: Scores
    quadratic: Scores


class AcousticModel:
    """Loaded once; holds about 20 MB."""

    def __init__(self) -> None:
        folder = _model_folder()
        self._read_phones((folder / "mdef").read_bytes())
        means = _read_gaussians(folder / "means")
        variances = [np.maximum(v, 1e-4) for v in _read_gaussians(folder / "variances")]
        self._streams = [
            _Codebooks(
                (-0.5 * (mean**2 / var + np.log(2 * np.pi * var)).sum(axis=1)).astype(np.float32),
                (mean / var).T.astype(np.float32),
                (-0.5 / var).T.astype(np.float32),
            )
            for mean, var in zip(means, variances, strict=True)
        ]
        self._weights = _read_weights(folder / "sendump", len(self._streams), self._senone_count)
        moves = _read_transitions(folder / "transition_matrices")
        with np.errstate(divide="ignore"):
            moves = np.log(moves / moves.sum(axis=2, keepdims=True))
        diagonal = np.arange(STATES)
        self.stay: Scores = moves[:, diagonal, diagonal].astype(np.float32)
        """(phones, 3) log probability that a state stays."""
        self.leave: Scores = moves[:, diagonal, diagonal + 1].astype(np.float32)
        """(phones, 3) log probability that a state is left for the next, the last for the next phone."""

    def index(self, phone: str) -> int:
        """The number of an ARPAbet phone."""
        return self._index[phone]

    def senones(self, phone: str, left: str = "", right: str = "", position: str = "inside") -> Senones:
        """The three senones (tied states) of a phone between two others; without them, of the phone alone.

        `position` in its word is "inside", "begin", "end" or "single".
        """
        ci = self._index[phone]
        sequence = self._phone_sequences[ci]
        if left and right and phone != SILENCE_PHONE:
            wanted = _POSITIONS[position]
            for place in (wanted, *(p for p in _POSITIONS.values() if p != wanted)):
                key = ((place * 64 + ci) * 64 + self._index[left]) * 64 + self._index[right]
                at = int(np.searchsorted(self._triphones, key))
                if at < len(self._triphones) and self._triphones[at] == key:
                    sequence = self._triphone_sequences[at]
                    break
        found: Senones = self._sequences[sequence]
        return found

    def features(self, samples: NDArray[np.float32]) -> Scores:
        """(T, 39) cepstra of 16 kHz mono speech, less their mean, with first and second differences.

        Frame t is centred on (t + 1/2) / 100 s; there are as many as whole hundredths of a second, at least one.
        """
        cepstra = self._cepstra(samples)
        cepstra = cepstra - cepstra.mean(axis=0)
        padded = np.pad(cepstra, ((3, 3), (0, 0)), mode="edge")
        first = padded[5:-1] - padded[1:-5]
        second = (padded[6:] - padded[2:-4]) - (padded[4:-2] - padded[:-6])
        return np.hstack([cepstra, first, second]).astype(np.float32)

    def _cepstra(self, samples: NDArray[np.float32]) -> NDArray[np.float64]:
        frames = max(len(samples) // _HOP, 1)
        before = (_WINDOW - _HOP) // 2
        needed = (frames - 1) * _HOP + _WINDOW
        padded = np.zeros(needed + 1)
        part = samples[: needed - before].astype(np.float64) * 32768
        padded[before + 1 : before + 1 + len(part)] = part
        emphasised = padded[1:] - _PREEMPHASIS * padded[:-1]
        windows = np.lib.stride_tricks.sliding_window_view(emphasised, _WINDOW)[::_HOP]
        power = np.abs(np.fft.rfft(windows * np.hamming(_WINDOW), _FFT)) ** 2
        mel = power @ self._filters
        mel += _FLOOR * mel.mean() + 1.0
        cepstra: NDArray[np.float64] = np.log(_without_noise(mel)) @ self._cosines
        return cepstra

    @cached_property
    def _filters(self) -> NDArray[np.float64]:
        """(257, 25) triangles, evenly spaced on the mel scale, their corners on FFT bins."""
        lowest, highest = 2595 * np.log10(1 + np.array([_LOWEST, _HIGHEST]) / 700)
        corners = np.linspace(lowest, highest, _FILTERS + 2)
        step = RATE / _FFT
        hertz = np.round((700 * (10 ** (corners / 2595) - 1)) / step) * step
        bins = np.arange(_FFT // 2 + 1)[:, None] * step
        rising = (bins - hertz[:-2]) / (hertz[1:-1] - hertz[:-2])
        falling = (hertz[2:] - bins) / (hertz[2:] - hertz[1:-1])
        filters: NDArray[np.float64] = np.maximum(np.minimum(rising, falling), 0) * 2 / (hertz[2:] - hertz[:-2])
        return filters

    @cached_property
    def _cosines(self) -> NDArray[np.float64]:
        """(25, 13) the unitary cosine transform, liftered."""
        number = np.arange(_CEPSTRA)
        matrix: NDArray[np.float64] = np.cos(np.pi / _FILTERS * (np.arange(_FILTERS)[:, None] + 0.5) * number)
        matrix *= np.where(number == 0, np.sqrt(1 / _FILTERS), np.sqrt(2 / _FILTERS))
        matrix *= 1 + _LIFTER / 2 * np.sin(number * np.pi / _LIFTER)
        return matrix

    def scores(self, features: Scores, senones: Senones) -> Scores:
        """(T, S) log likelihood of each frame for each of the senones (S,)."""
        result = np.zeros((len(features), len(senones)), np.float32)
        books = self._senone_book[senones]
        for stream, gaussians in enumerate(self._streams):
            x = features[:, stream * _CEPSTRA : (stream + 1) * _CEPSTRA]
            squared = x * x
            for book in np.unique(books):
                own = np.flatnonzero(books == book)
                part = slice(book * 128, book * 128 + 128)
                density = squared @ gaussians.quadratic[:, part] + x @ gaussians.linear[:, part]
                density += gaussians.constant[part]
                top = density.max(axis=1, keepdims=True)
                mixed = np.exp(density - top) @ self._weights[stream][:, senones[own]]
                result[:, own] += np.log(mixed + 1e-30) + top
        return result

    def phone_scores(self, features: Scores) -> Scores:
        """(T, phones, 3) log likelihood of each frame for each state of each phone, whatever its neighbours."""
        senones = np.concatenate([self.senones(phone) for phone in self.phones])
        return self.scores(features, senones).reshape(len(features), len(self.phones), STATES)

    def _read_phones(self, data: bytes) -> None:
        """The model definition: phones, triphones, and the senones of each ("BMDF", described in its own header)."""
        if data[:4] != b"BMDF":
            raise RuntimeError("PocketSphinx's acoustic model is not in the format that is known here")
        start = 12 + int.from_bytes(data[8:12], "little")
        counts = np.frombuffer(data, "<i4", 10, start)
        n_ci, n_phones, n_states, _, self._senone_count, _, n_sequences, _, n_tree, _ = map(int, counts)
        start += 40
        names = data[start:].split(b"\0", n_ci)[:n_ci]
        self.phones = tuple(name.decode() for name in names)
        self._index = {name: number for number, name in enumerate(self.phones)}
        used = sum(len(name) + 1 for name in names)
        start += used + -used % 4 + 8 * n_tree
        entry = np.dtype([("sequence", "<i4"), ("transition", "<i4"), ("place", "u1", 4)])
        phones = np.frombuffer(data, entry, n_phones, start)
        start += entry.itemsize * n_phones + 4  # and the size of what follows
        self._sequences = np.frombuffer(data, "<u2", n_sequences * n_states, start).reshape(-1, n_states).astype(int)
        self._phone_sequences = phones["sequence"][:n_ci]
        place = phones["place"][n_ci:].astype(np.int64)
        keys = ((place[:, 0] * 64 + place[:, 1]) * 64 + place[:, 2]) * 64 + place[:, 3]
        order = np.argsort(keys)
        self._triphones = keys[order]
        self._triphone_sequences = phones["sequence"][n_ci:][order]
        self._senone_book = np.zeros(self._senone_count, np.int64)
        for number in range(n_ci):
            self._senone_book[self._sequences[self._phone_sequences[number]]] = number
        self._senone_book[self._sequences[phones["sequence"][n_ci:]]] = place[:, 1][:, None]


def levels(samples: NDArray[np.float32]) -> Scores:
    """(T,) dB of each frame of 16 kHz mono sound; digital silence is -100."""
    frames = max(len(samples) // _HOP, 1)
    padded = np.zeros(frames * _HOP, np.float32)
    padded[: len(samples)] = samples[: len(padded)]
    power: Scores = np.square(padded).reshape(frames, _HOP).mean(axis=1)
    decibels: Scores = 10 * np.log10(power + np.float32(1e-10))
    return decibels


def loud_from(level: Scores) -> float:
    """The level (dB) from which frames are too loud for silence, in a sound whose frames have these levels."""
    low, high = np.percentile(level, [5, 95])
    return float(low + 0.4 * (high - low))


def silence_bonus(level: Scores) -> Scores:
    """(T,) what to add to silence's log likelihood: the less, the louder the frame; a lot where nothing can be heard.

    The model compares spectra whose mean level was taken away; this gives the level its say.
    """
    unheard = _long_runs(level < np.percentile(level, 95) - _UNHEARD, _CLOSURE)
    bonus: Scores = np.where(unheard, 200.0, -0.3 * np.maximum(level - loud_from(level), 0)).astype(np.float32)
    return bonus


def _long_runs(flags: NDArray[np.bool_], length: int) -> NDArray[np.bool_]:
    """The flags that stand in a row of at least `length`."""
    bounds = np.flatnonzero(np.diff(np.concatenate([[False], flags, [False]])))
    result = np.zeros(len(flags), bool)
    for first, stop in bounds.reshape(-1, 2):
        result[first:stop] = stop - first >= length
    return result


def _without_noise(mel: NDArray[np.float64]) -> NDArray[np.float64]:
    """Mel spectra (T, 25) with steady noise and reverberant tails turned down, as the model's training had them.

    Spectral minima tracking (Doblinger 1995) and temporal masking (Kim 2010), in the form and with the constants of
    PocketSphinx's front end.
    """
    power = mel[0].copy()
    noise = mel[0] / 20
    floor = mel[0] / 20
    peak = np.zeros(_FILTERS)
    gains = np.empty_like(mel)
    for t, spectrum in enumerate(mel):
        power = 0.7 * power + 0.3 * spectrum
        noise = _lower_envelope(power, noise)
        signal = np.maximum(power - noise, 1.0)
        floor = _lower_envelope(signal, floor)
        peak *= 0.85
        masked = np.where(signal < 0.85 * peak, 0.2 * peak, signal)
        peak = np.maximum(peak, signal)
        gains[t] = np.maximum(masked, floor) / np.maximum(power, 1e-9)
    number = np.arange(_FILTERS)
    near = (np.abs(number[:, None] - number) <= 4).astype(float)
    clean: NDArray[np.float64] = mel * (np.clip(gains, 0.05, 20) @ (near / near.sum(axis=0)))
    return clean


def _lower_envelope(values: NDArray[np.float64], envelope: NDArray[np.float64]) -> NDArray[np.float64]:
    """Follows upwards slowly, downwards fast."""
    moved: NDArray[np.float64] = envelope + np.where(values >= envelope, 0.005, 0.5) * (values - envelope)
    return moved


def _model_folder() -> Path:
    import pocketsphinx

    return Path(pocketsphinx.get_model_path()) / "en-us" / "en-us"


def read_phone_pairs(phones: tuple[str, ...]) -> NDArray[np.float64]:
    """(phones, phones) log probability in English that the second follows the first; noises are as rare as silence.

    From the phone language model of PocketSphinx's wheel.
    """
    from pocketsphinx import NGramModel

    model = NGramModel.readfile(str(_model_folder().parent / "en-us-phone.lm.bin"))
    table: NDArray[np.float64] = np.array(
        [[model.prob([second, first]) for second in phones] for first in phones]
    ) * np.log(1.0001)
    noises = [number for number, phone in enumerate(phones) if phone.startswith("+")]
    table[noises] = table[phones.index(SILENCE_PHONE)]
    table[:, noises] = _NOISE
    return table


def _read_numbers(path: Path, header: int) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    """The counts and the numbers of a Sphinx-3 parameter file."""
    data = path.read_bytes()
    start = data.index(b"endhdr\n") + 7
    if data[start : start + 4] != b"\x44\x33\x22\x11":
        raise RuntimeError(f"{path.name} of PocketSphinx's acoustic model is not in the format that is known here")
    counts = np.frombuffer(data, "<i4", header, start + 4)
    numbers = np.frombuffer(data, "<f4", int(counts[-1]), start + 4 + 4 * header)
    return counts, numbers


def _read_gaussians(path: Path) -> list[NDArray[np.float64]]:
    """For each stream, (codebooks * densities, 13)."""
    (books, streams, densities, *_), numbers = _read_numbers(path, 7)
    table = numbers.astype(np.float64).reshape(books, streams, densities, _CEPSTRA)
    return [table[:, stream].reshape(-1, _CEPSTRA) for stream in range(streams)]


def _read_transitions(path: Path) -> NDArray[np.float64]:
    """(phones, 3, 4) unnormalised."""
    counts, numbers = _read_numbers(path, 4)
    return numbers.astype(np.float64).reshape(counts[:3])


def _read_weights(path: Path, streams: int, senones: int) -> list[Scores]:
    """For each stream, (128, senones) mixture weights."""
    data = path.read_bytes()
    start = 0
    while (length := int.from_bytes(data[start : start + 4], "little")) != 0:
        start += 4 + length
    rows, columns = (int(n) for n in np.frombuffer(data, "<i4", 2, start + 4))
    if columns != senones:
        raise RuntimeError("PocketSphinx's mixture weights are not in the format that is known here")
    table = np.frombuffer(data, np.uint8, streams * rows * columns, start + 12).reshape(streams, rows, columns)
    return [np.exp(-_SHIFTED_LOG * part.astype(np.float32)) for part in table]
