"""The plate: the photo without the person, filled where they stood, for when a head moves and shows what was behind it.

The colours are filled from coarse to fine by patches of the rest of the photo, each chosen and mixed with those over
it until they agree (Wexler, Shechtman and Irani, Space-Time Completion of Video, 2007; the search at the finer scales
is PatchMatch, Barnes et al. 2009). Sharpness and grain are then copied at full size from where the patches came from.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray
from scipy import ndimage

from .portrait import Bytes, Floats

Mask = NDArray[np.bool_]
Ints = NDArray[np.int64]

_RADIUS = 3
"""Patches are 7 x 7."""
_LONGEST = (40, 80, 160, 320)
"""Longest sides at which the colours are filled."""
_ROUNDS = (12, 6, 4, 3)
_NEAR = 0.05
"""How much a patch from far away has to fit better: the squared colour that a whole picture's distance costs."""
_SEEN = 96
"""Pixels each way in which the light of the background is found."""
_FINE = 2.0
"""Pixels of the last of these sizes; what is finer is copied as it is, since a mean of patches has no grain."""
_GRAIN = 10.0
"""How far grain goes, in levels of 255."""
_CALM = (0.08, 0.2)
"""Reach, in longest sides, and contrast, in parts of white, of seams that are evened out."""
_MARGIN = 0.012
"""How far the hole goes beyond the matte, in its greatest width: what is near a person has their blur and shadow."""


def plate_of(picture: Bytes, matte: Bytes, people: Mask, seed: int = 0) -> Bytes:
    """What is behind the person, (H, W, 3): the picture where they are far, else filled.

    `people` (H, W) is where others are, of whom nothing is copied.
    """
    hole = _hole(matte)
    if not hole.any():
        return picture
    light = _light(picture, hole | people)
    filled = light + _filled(picture - light, hole, people, np.random.default_rng(seed))
    # Towards the rim of the hole more and more the photo itself, so that no seam is seen.
    depth = ndimage.distance_transform_edt(hole)
    share = np.where(matte > 5, 1.0, np.clip(depth / max(2.0, _margin(matte)), 0, 1))[..., None]
    return np.asarray(np.rint(np.clip(picture * (1 - share) + filled * share, 0, 255)), np.uint8)


def _light(picture: Bytes, hole: Mask) -> Floats:
    """The light on most of the background, (H, W, 3), 0 to 255: a cubic surface, drawn to no object that stands there.

    By least squares, weighted anew by Geman and McClure's function until things that differ count for little.
    """
    import cv2

    height, width = hole.shape
    size = (min(width, _SEEN), min(height, _SEEN))
    there = np.asarray(cv2.resize((~hole).astype(np.float32), size, interpolation=cv2.INTER_AREA)) > 0.99
    small = np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), np.float64)
    if there.sum() < 100:
        return np.full(picture.shape, picture.mean(axis=(0, 1)), np.float32)

    def terms(rows: int, columns: int) -> NDArray[np.float64]:
        y, x = np.meshgrid(*((np.arange(n) + 0.5) / n * 2 - 1 for n in (rows, columns)), indexing="ij")
        return np.stack([x**i * y**j for i in range(4) for j in range(4 - i)], axis=-1)

    known, wanted = terms(size[1], size[0])[there], small[there]
    weight = np.ones(len(known))
    ridge = 1e-2 * len(known) * np.diag([0.0] + [1.0] * (known.shape[1] - 1))
    for _ in range(20):
        weighted = known * weight[:, None]
        surface = np.linalg.solve(weighted.T @ known + ridge * weight.mean(), weighted.T @ wanted)
        apart = ((known @ surface - wanted) ** 2).sum(axis=1)
        typical = max(float(np.median(apart)), 9.0)
        weight = (typical / (typical + apart)) ** 2
    return np.asarray(np.clip(terms(height, width) @ surface, 0, 255), np.float32)


def _margin(matte: Bytes) -> float:
    columns = np.flatnonzero((matte > 127).any(axis=0))
    return _MARGIN * float(np.ptp(columns)) if len(columns) else 0.0


def _hole(matte: Bytes) -> Mask:
    return np.asarray(ndimage.distance_transform_edt(matte <= 5) <= max(2.0, _margin(matte)))


@dataclass
class _Level:
    """The picture at one size while it is filled. `image` (H, W, 3); `near` (n, 2) are the places (row, column)
    of the patches that touch the hole, `source` (n, 2) the places that fit them best."""

    image: Floats
    hole: Mask
    near: Ints
    source: Ints
    patches: Floats
    usable: Mask


def _filled(full: Floats, hole: Mask, people: Mask, rng: np.random.Generator) -> Floats:
    """The picture (H, W, 3), less its base, with its hole filled."""
    import cv2

    height, width = hole.shape
    level: _Level | None = None
    for longest, rounds in zip(_LONGEST, _ROUNDS, strict=True):
        scale = min(1.0, longest / max(height, width))
        size = (max(1, round(width * scale)), max(1, round(height * scale)))
        there = np.asarray(cv2.resize((~hole).astype(np.float32), size, interpolation=cv2.INTER_AREA))
        # Only what is known counts: the person's colours must not bleed in.
        known = np.asarray(cv2.resize(full * ~hole[..., None], size, interpolation=cv2.INTER_AREA), np.float32)
        small = known / np.maximum(there, 1e-6)[..., None] / 255
        taken = np.asarray(cv2.resize(people.astype(np.float32), size, interpolation=cv2.INTER_AREA)) > 0
        level = _begun(small.astype(np.float32), there < 0.5, taken, level)
        if not level.usable.any():  # nothing but the person
            break
        for number in range(rounds):
            _search(level, rng, everywhere=longest <= _LONGEST[0] and number % 4 == 0)
            _vote(level)
        if scale == 1:
            break
    assert level is not None
    _calm(level)
    if not level.usable.any():
        return np.asarray(cv2.resize(level.image, (width, height), interpolation=cv2.INTER_CUBIC), np.float32) * 255
    blur = _FINE * height / level.hole.shape[0]
    soft = ndimage.gaussian_filter(level.image, (_FINE, _FINE, 0), mode="nearest")
    coarse = np.asarray(cv2.resize(soft, (width, height), interpolation=cv2.INTER_CUBIC), np.float32) * 255
    return np.where(hole[..., None], coarse + _detail(full, hole, blur, level), full)


def _begun(image: Floats, hole: Mask, taken: Mask, before: _Level | None) -> _Level:
    """A level: its hole filled smoothly, or as the level before says. From where it is `taken` nothing is copied."""
    import cv2

    side = 2 * _RADIUS + 1
    whole = ndimage.binary_dilation(hole, np.ones((side, side)))
    usable = ~ndimage.binary_dilation(hole | taken, np.ones((side, side)))
    usable[:_RADIUS], usable[-_RADIUS:], usable[:, :_RADIUS], usable[:, -_RADIUS:] = False, False, False, False
    near = np.argwhere(whole)
    shape = np.array(hole.shape)
    if before is None or not before.usable.any():
        image = _smoothly(image, hole)
        source = near.copy()
    else:
        ratio = shape / before.hole.shape
        field = np.zeros((*before.hole.shape, 2), np.float64)
        field[tuple(before.near.T)] = before.source - before.near
        at = np.minimum((near / ratio).astype(int), np.array(before.hole.shape) - 1)
        source = near + np.rint(field[tuple(at.T)] * ratio).astype(int)
        larger = np.asarray(cv2.resize(before.image, hole.shape[::-1], interpolation=cv2.INTER_CUBIC), np.float32)
        image = np.where(hole[..., None], larger, image)
    patches = _patches(image)
    level = _Level(image, hole, near, source, patches, usable)
    if usable.any():
        level.source = _to_usable(level, source)
    return level


def _smoothly(image: Floats, hole: Mask) -> Floats:
    """The hole filled with means of what is around it, the wider the deeper: where the search for patches begins."""
    known = (~hole).astype(np.float64)
    if not known.any():
        return np.zeros_like(image)
    values, weights, spread = image * known[..., None], known, 1.0
    result, done = values.copy(), known > 0
    result[~done] = image[known > 0].mean(axis=0)
    while not done.all() and spread < max(known.shape):  # where little is known, nothing is ever near enough
        spread *= 1.6
        near = ndimage.gaussian_filter(weights, spread, mode="constant", truncate=3)
        mixed = ndimage.gaussian_filter(values, (spread, spread, 0), mode="constant", truncate=3)
        found = ~done & (near > 0.02)
        result[found] = mixed[found] / near[found][:, None]
        done |= found
    return np.asarray(result, np.float32)


def _patches(image: Floats) -> Floats:
    """The patch round every pixel, (H, W, 7 * 7 * 3)."""
    padded = np.pad(image, ((_RADIUS, _RADIUS), (_RADIUS, _RADIUS), (0, 0)), mode="edge")
    side = 2 * _RADIUS + 1
    windows = sliding_window_view(padded, (side, side), axis=(0, 1))  # type: ignore[call-overload]
    return np.ascontiguousarray(windows.transpose(0, 1, 3, 4, 2).reshape(*image.shape[:2], -1))


def _to_usable(level: _Level, places: Ints) -> Ints:
    """The nearest places from which a patch can be taken."""
    places = np.clip(places, 0, np.array(level.hole.shape) - 1)
    nearest = ndimage.distance_transform_edt(~level.usable, return_distances=False, return_indices=True)
    return np.asarray(nearest[:, places[:, 0], places[:, 1]].T, np.int64)


def _cost(level: _Level, wanted: Floats, source: Ints) -> Floats:
    found = level.patches[source[:, 0], source[:, 1]]
    away = ((source - level.near) / max(level.hole.shape)) ** 2
    return np.asarray(((found - wanted) ** 2).mean(axis=1) + _NEAR * away.sum(axis=1), np.float32)


def _search(level: _Level, rng: np.random.Generator, everywhere: bool) -> None:
    """Better sources for the patches that touch the hole: of all, or what neighbours have and random ones nearby."""
    wanted = _patches(level.image)[tuple(level.near.T)]
    if everywhere:
        places = np.argwhere(level.usable)
        usable = level.patches[level.usable]
        squares = (usable**2).sum(axis=1)
        for start in range(0, len(wanted), 2000):
            part = slice(start, start + 2000)
            apart = ((wanted[part] ** 2).sum(axis=1)[:, None] - 2 * wanted[part] @ usable.T + squares) / usable.shape[1]
            away = ((level.near[part, None] - places) / max(level.hole.shape)) ** 2
            level.source[part] = places[(apart + _NEAR * away.sum(axis=2)).argmin(axis=1)]
        return
    best = _cost(level, wanted, level.source)
    number = np.full(level.hole.shape, -1)
    number[tuple(level.near.T)] = np.arange(len(level.near))
    limits = np.array(level.hole.shape) - 1
    radius = max(limits) / 4
    for step in ((0, 1), (1, 0), (0, -1), (-1, 0), None, (0, 3), (3, 0), (0, -3), (-3, 0), None, None):
        if step is None:
            tried = level.source + np.rint(rng.normal(0, radius, level.source.shape)).astype(int)
            radius = max(radius / 4, 1.0)
        else:
            beside = np.clip(level.near - step, 0, limits)
            which = number[tuple(beside.T)]
            tried = np.where((which >= 0)[:, None], level.source[which] + step, level.source)
        tried = np.clip(tried, 0, limits)
        fits = level.usable[tuple(tried.T)]
        cost = np.where(fits, _cost(level, wanted, tried), np.inf)
        better = cost < best
        level.source[better], best[better] = tried[better], cost[better]


def _vote(level: _Level) -> None:
    """Each pixel of the hole becomes the mean of what the patches over it say, those that fit well before others."""
    cost = _cost(level, _patches(level.image)[tuple(level.near.T)], level.source)
    weight = np.exp(-cost / (2 * max(float(np.percentile(cost, 75)), 1e-6)))
    # A patch at the rim, most of which is known, knows more than one amid the hole.
    depth = ndimage.distance_transform_edt(level.hole)[tuple(level.near.T)]
    weight = weight * 1.3 ** -np.minimum(depth, 30)
    height, width = level.hole.shape
    total = np.zeros((height + 2 * _RADIUS, width + 2 * _RADIUS, 4))
    for y in range(-_RADIUS, _RADIUS + 1):
        for x in range(-_RADIUS, _RADIUS + 1):
            said = level.image[level.source[:, 0] + y, level.source[:, 1] + x]
            rows, columns = level.near[:, 0] + y + _RADIUS, level.near[:, 1] + x + _RADIUS
            total[rows, columns, :3] += said * weight[:, None]
            total[rows, columns, 3] += weight
    total = total[_RADIUS:-_RADIUS, _RADIUS:-_RADIUS]
    level.image[level.hole] = (total[..., :3] / np.maximum(total[..., 3:], 1e-12))[level.hole]


def _calm(level: _Level) -> None:
    """Even out the faint seams between regions that came from different places, the deeper in the hole the more."""
    import cv2

    span = _CALM[0] * max(level.hole.shape)
    even = np.asarray(cv2.bilateralFilter(level.image, -1, _CALM[1], span), np.float32)
    share = np.clip(ndimage.distance_transform_edt(level.hole) / span, 0, 1)[..., None]
    level.image = np.asarray(level.image * (1 - share) + even * share, np.float32)


def _detail(full: Floats, hole: Mask, blur: float, level: _Level) -> Floats:
    """In the hole, what is finer than a blur of so many pixels, copied from where the patches came from."""
    import cv2

    known = (~hole).astype(np.float32)
    even = np.asarray(cv2.GaussianBlur(full * known[..., None], (0, 0), blur), np.float32)
    fine = full - even / np.maximum(np.asarray(cv2.GaussianBlur(known, (0, 0), blur)), 1e-3)[..., None]
    ratio = np.array(hole.shape) / level.hole.shape
    offsets = np.zeros((*level.hole.shape, 2))
    offsets[tuple(level.near.T)] = level.source - level.near
    places = np.argwhere(hole)
    at = np.minimum((places / ratio).astype(int), np.array(level.hole.shape) - 1)
    source = places + np.rint(offsets[tuple(at.T)] * ratio).astype(int)
    source = np.clip(source, 0, np.array(hole.shape) - 1)
    # Where neighbours come from different places grain is copied, but no pieces of edges.
    spread = ndimage.maximum_filter(offsets, (3, 3, 1)) - ndimage.minimum_filter(offsets, (3, 3, 1))
    most = np.where(spread.max(axis=2) > 1, _GRAIN, 255.0)[tuple(at.T)]
    detail = np.zeros_like(full)
    good = ~hole[tuple(source.T)]
    copied = fine[tuple(source[good].T)]
    detail[tuple(places[good].T)] = np.clip(copied, -most[good, None], most[good, None])
    return detail
