"""The code of the mark: which payload is which pattern.

The pattern is a square of `SIZE` x `SIZE` samples, repeated over the picture. In its Fourier plane it is a ring of
middle frequencies, all of the same strength; what is said is said by their phases. The frequencies are dealt to five
groups. The first group has the same phases in every mark, so a reader finds by it where the squares lie and how large
they are (as in JAWS: Kalker, Depovere, Haitsma and Maes 1999, "A video watermarking system for broadcast monitoring").
Each of the other four says 12 bits by one of 4096 rows of phases: an orthogonal code, which at this number of bits is
as good as the best error-correcting ones, and is read by correlation alone (Proakis, "Digital Communications").

All phases come from SHAKE-256, so they are the same everywhere and for ever; the label below is the whole key, and
it is public: anyone may read the mark, and anyone may write one.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

SIZE = 128
"""Samples of the square, each way."""
SYMBOLS = 4
BITS = 12
VERSION = 1
_LABEL = b"vlogger mark 1"
_RING = (9, 36)
"""Cycles a square: from, up to."""
_PEAK = 2.5
"""The largest sample of the pattern in units of its RMS; what would exceed it could be seen as a spot."""

Floats = NDArray[np.float32]
Phasors = NDArray[np.complex64]


@dataclass(frozen=True)
class Payload:
    """What a mark says: the first 32 bits of the SHA-256 of the take, as 8 hexadecimal digits, and its format."""

    take: str
    version: int = VERSION


def words_of(payload: Payload) -> list[int]:
    """The payload as `SYMBOLS` numbers of `BITS` bits: 4 bits version, 32 bits take, 12 bits check.

    Raises ValueError if the take is not 8 hexadecimal digits or the version not 0 to 15.
    """
    if len(payload.take) != 8 or not 0 <= payload.version < 16:
        raise ValueError(f"{payload} can't be said by a mark")
    said = payload.version << 32 | int(payload.take, 16)
    whole = said << BITS | _check(said)
    return [whole >> BITS * i & (1 << BITS) - 1 for i in reversed(range(SYMBOLS))]


def payload_of(words: list[int]) -> Payload | None:
    """What the numbers say; None if their check is wrong or the version is not known."""
    whole = 0
    for word in words:
        whole = whole << BITS | word
    said = whole >> BITS
    if whole & (1 << BITS) - 1 != _check(said) or said >> 32 != VERSION:
        return None
    return Payload(f"{said & 0xFFFFFFFF:08x}", said >> 32)


@cache
def groups() -> tuple[NDArray[np.intp], ...]:
    """For each group its frequencies (N, 2) as (vertical, horizontal) cycles a square; the first is for finding."""
    low, high = _RING
    ring = [
        (y * y + x * x, y, x)
        for y in range(high)
        for x in range(-high, high)
        if low * low <= y * y + x * x < high * high and (y > 0 or x > 0)
    ]
    deal = 1 + SYMBOLS
    sorted_ring = np.array([(y, x) for _, y, x in sorted(ring)], np.intp)
    count = len(sorted_ring) // deal
    return tuple(sorted_ring[group : count * deal : deal] for group in range(deal))


@cache
def finding_row() -> Phasors:
    """(N,) the phasors of the first group."""
    return _row(b"find", len(groups()[0]))


def symbol_row(symbol: int, word: int) -> Phasors:
    """(N,) the phasors by which the symbol says `word`."""
    return _row(f"{symbol} {word}".encode(), len(groups()[1 + symbol]))


@cache
def symbol_rows(symbol: int) -> Phasors:
    """(4096, N) all of a symbol's rows."""
    return np.stack([symbol_row(symbol, word) for word in range(1 << BITS)])


def pattern(payload: Payload) -> Floats:
    """(SIZE, SIZE) the samples of the square; their mean is 0, their RMS 1."""
    rows = [finding_row(), *(symbol_row(i, word) for i, word in enumerate(words_of(payload)))]
    plane = np.zeros((SIZE, SIZE), np.complex128)
    for frequencies, row in zip(groups(), rows, strict=True):
        y, x = frequencies.T
        plane[y, x] = row
        plane[-y, -x] = row.conj()
    samples = np.fft.ifft2(plane).real
    samples = np.clip(samples / samples.std(), -_PEAK, _PEAK)
    return np.asarray(samples / samples.std(), np.float32)


@cache
def dither() -> Floats:
    """(256, 256) numbers from 0 up to 1 that decide where a part of a level is rounded up: always the same places."""
    noise = hashlib.shake_256(_LABEL + b" dither").digest(256 * 256)
    return (np.frombuffer(noise, np.uint8).reshape(256, 256).astype(np.float32) + 0.5) / 256


def _row(name: bytes, count: int) -> Phasors:
    turns = np.frombuffer(hashlib.shake_256(_LABEL + b" " + name).digest(count), np.uint8)
    return np.asarray(_circle()[turns])


@cache
def _circle() -> Phasors:
    return np.asarray(np.exp(2j * np.pi * np.arange(256) / 256), np.complex64)


def _check(said: int) -> int:
    return int.from_bytes(hashlib.sha256(_LABEL + said.to_bytes(5, "big")).digest()[:2], "big") >> 4
