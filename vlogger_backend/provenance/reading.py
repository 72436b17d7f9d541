"""Reading the mark from pictures: found at any place and size, mirrored too.

The picture's luma is flattened (middle frequencies only, each place divided by how busy it is there), so that its own
texture weighs as little as can be. For each size that the repeated square may have, the squares are laid over each
other, and the phases of their sum are compared to those of the mark at all shifts at once (phase-only correlation:
Kalker et al. 1999). The sum of cosines, in units of what chance gives, is the score. Where it is high, the payload is
read and its check decides.

**How often an unmarked picture seems marked.** The phases of the mark are as good as random and independent of the
picture. The sum of the cosines of N random phases exceeds s sqrt(N / 2) with a chance of at most exp(-s^2 / 2) (one has
the moment generating function I0(t) <= exp(t^2 / 4); Chernoff). At most 2^26 places, sizes and mirrorings are looked
at, and there are 2^32 payloads that could be read. So the chance that one of all these scores `LEAST_SCORE` in an
unmarked picture is below 2^58 exp(-11^2 / 2) < 2e-9.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .code import SIZE, SYMBOLS, Floats, Payload, Phasors, finding_row, groups, payload_of, symbol_rows

Bytes = NDArray[np.uint8]

LEAST_SCORE = 11.0
"""Of all five groups together."""
MOST_PICTURES = 32
_SMALLEST, _LARGEST = 0.235, 1.35
"""The square's size as a part of the picture's shorter side: a quarter if nothing was cut off, more if the picture
was cut or is smaller than 512 pixels."""
_OCTAVE = 1.4
"""Sizes are gone through in groups of this ratio, each with one flattening."""
_CANDIDATES = 3
"""Places that are looked at closely, of each group of sizes."""
_LIKELY = 4
"""Words of each symbol that are tried together; the check decides."""
_LONGEST = 3
"""The longer side is looked at up to so many times the shorter one."""


@dataclass(frozen=True)
class Reading:
    """A mark that was found. `score` is above `LEAST_SCORE`; `mirrored` tells that the picture was."""

    payload: Payload
    score: float
    mirrored: bool


@dataclass(frozen=True, order=True)
class _Place:
    """A place where squares may lie: score, size of the square in samples (height, width), shift, mirrored."""

    score: float
    size: tuple[float, float]
    shift: tuple[float, float]
    mirrored: bool


def read_mark(pictures: Iterable[Bytes]) -> Reading | None:
    """The mark in pictures (height, width, 3 or 4; sRGB) of one video, or in a single one; None if none was found.

    The first `MOST_PICTURES` are used, as far as they have the size of the first. Smallest: 64 pixels each way.
    """
    lumas = list(_lumas(pictures))
    if not lumas or min(lumas[0][0].shape) < SIZE // 2:
        return None
    low = _SMALLEST
    while low < _LARGEST:
        high = min(low * _OCTAVE, _LARGEST)
        if found := _search(lumas, low, high):
            return found
        low = high
    return None


def _lumas(pictures: Iterable[Bytes]) -> Iterator[tuple[Floats, Floats | None]]:
    """Luma and, if there is alpha, where the picture is opaque; not larger than is of use."""
    import cv2

    shape = None
    for index, picture in enumerate(pictures):
        if index == MOST_PICTURES:
            return
        shape = shape or picture.shape
        if picture.shape != shape:
            continue
        most = _LONGEST * min(shape[:2])
        looked_at = np.ascontiguousarray(picture[:most, :most])
        luma = cv2.cvtColor(looked_at[..., :3], cv2.COLOR_RGB2GRAY).astype(np.float32)
        opaque = (looked_at[..., 3] == 255).astype(np.float32) if picture.shape[2] == 4 else None
        part = min(1.0, SIZE / _SMALLEST / min(shape[:2]))
        yield _scaled(luma, part), None if opaque is None else _scaled(opaque, part)


def _scaled(plane: Floats, part: float) -> Floats:
    import cv2

    how = cv2.INTER_AREA if part < 0.7 else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(plane, None, fx=part, fy=part, interpolation=how), np.float32)


def _search(lumas: list[tuple[Floats, Floats | None]], low: float, high: float) -> Reading | None:
    """The mark whose square is `low` to `high` of the shorter side."""
    side = min(lumas[0][0].shape)
    part = SIZE / (low * side)  # the smallest squares become SIZE x SIZE samples
    flat: Floats | None = None
    for luma, opaque in lumas:
        flattened = _flattened(_scaled(luma, part))
        if opaque is not None:
            flattened *= _scaled(opaque, part)
        flat = flattened if flat is None else flat + flattened
    assert flat is not None
    step = 4 / max(flat.shape)
    count = max(1, math.ceil(math.log(high / low) / step))
    sizes = [SIZE * (high / low) ** ((i + 0.5) / count) for i in range(count)]
    places = sorted((place for size in sizes for place in _places(flat, (size, size))), reverse=True)
    for place in places[:_CANDIDATES]:
        if found := _read_at(flat, place, step):
            return found
    return None


def _flattened(luma: Floats) -> Floats:
    import cv2

    band = luma - cv2.GaussianBlur(luma, (0, 0), 2.0)
    busy = np.sqrt(cv2.GaussianBlur(band * band, (0, 0), 2.0)) + 0.7
    return np.asarray(np.clip(band / busy, -2, 2), np.float32)


def _plane(flat: Floats, size: tuple[float, float]) -> Phasors:
    """(SIZE, SIZE) the Fourier plane of all squares of that size laid over each other; only its phases."""
    import cv2
    from scipy.fft import fft2

    scale = size[0] / SIZE, size[1] / SIZE
    height, width = int(flat.shape[0] / scale[0]), int(flat.shape[1] / scale[1])
    turn = np.array([[scale[1], 0, 0.5 * scale[1] - 0.5], [0, scale[0], 0.5 * scale[0] - 0.5]])
    rows, columns = -(-height // SIZE) * SIZE, -(-width // SIZE) * SIZE
    laid = cv2.warpAffine(flat, turn, (columns, rows), flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP)
    plane = fft2(laid.reshape(rows // SIZE, SIZE, columns // SIZE, SIZE).sum((0, 2)))
    return np.asarray(plane / np.maximum(np.abs(plane), 1e-9), np.complex64)


def _places(flat: Floats, size: tuple[float, float]) -> Iterator[_Place]:
    """The best shift for squares of that size, as it is and mirrored."""
    from scipy.fft import ifft2

    plane = _plane(flat, size)
    y, x = groups()[0].T
    # both correlations are real, so that one transform makes them: one as its real, the other as its imaginary part
    both = np.zeros((SIZE, SIZE), np.complex64)
    for unit, side in ((1, x), (1j, -x)):
        agreement = plane[y, side] * finding_row().conj()
        both[y, x] += unit * agreement
        both[-y, -x] += unit * agreement.conj()
    sums = ifft2(both) * (SIZE * SIZE / 2 / math.sqrt(len(y) / 2))
    for mirrored, scores in ((False, sums.real), (True, sums.imag)):
        at = np.unravel_index(int(scores.argmax()), scores.shape)
        yield _Place(float(scores[at]), size, (float(at[0]), float(at[1])), mirrored)


def _read_at(flat: Floats, place: _Place, step: float) -> Reading | None:
    """The payload at a place, which is looked at more closely first: its size by parts of a step, height and width
    each (scaling to whole pixels changes them by unequal parts), its shift by parts of a sample."""
    fine = [-step / 3, 0.0, step / 3]
    tried = [
        near
        for a in fine
        for b in fine
        for near in _places(flat, (place.size[0] * (1 + a), place.size[1] * (1 + b)))
        if near.mirrored == place.mirrored
    ]
    place = max([place, *tried])
    plane = _plane(flat, place.size)
    score, shift = max(
        (_score(plane, place, shift), shift)
        for shift in ((place.shift[0] + a / 4, place.shift[1] + b / 4) for a in range(-2, 3) for b in range(-2, 3))
    )
    rows = [
        (symbol_rows(i).conj() @ _turned(plane, 1 + i, shift, place.mirrored)).real / math.sqrt(len(groups()[0]) / 2)
        for i in range(SYMBOLS)
    ]
    likely = [np.argsort(row)[: -1 - _LIKELY : -1] for row in rows]
    best: Reading | None = None
    for words in itertools.product(*likely):
        total = (score + sum(float(row[word]) for row, word in zip(rows, words, strict=True))) / math.sqrt(1 + SYMBOLS)
        if total > (best.score if best else LEAST_SCORE) and (payload := payload_of([int(word) for word in words])):
            best = Reading(payload, total, place.mirrored)
    return best


def _score(plane: Phasors, place: _Place, shift: tuple[float, float]) -> float:
    turned = _turned(plane, 0, shift, place.mirrored)
    return float((turned * finding_row().conj()).real.sum() / math.sqrt(len(turned) / 2))


def _turned(plane: Phasors, group: int, shift: tuple[float, float], mirrored: bool) -> Phasors:
    """A group's phasors as they would be without the shift and the mirroring."""
    y, x = groups()[group].T
    back = np.exp(2j * np.pi / SIZE * (y * shift[0] + x * shift[1]))
    return np.asarray(plane[y, -x if mirrored else x] * back, np.complex64)
