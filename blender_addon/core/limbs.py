"""The joints of a limb, and the fingers of a hand, from where their bones are."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from .anatomy import Figure
from .canonical import words
from .skeleton import FINGERS

Floats = NDArray[np.float64]

_MOST_BONES = 12
_FEWER = {3: ("index", "middle", "pinky"), 2: ("index", "pinky")}
"""Which fingers a hand with fewer than four has, beside the thumb."""
_SPOKEN = {finger: finger for finger in FINGERS} | {
    "pointer": "index", "mid": "middle", "little": "pinky", "pinkie": "pinky",
}  # fmt: skip


def hinge(points: Floats, offsets: Sequence[float], least: float) -> tuple[int, int]:
    """Where the upper and the lower half of a limb begin.

    points  : (n, 3) the heads of a chain's bones; the last is the wrist's or the ankle's
    offsets : (n,) how far each is from the body's middle; one nearer than `least` is hardly in the limb yet

    The halves are about equally long, the limb may rest bent between them, and it is as long as it can be.
    """
    skipped = max(len(points) - _MOST_BONES, 0)
    points, offsets = points[skipped:], offsets[skipped:]
    last = len(points) - 1
    reach = _lengths(points[-1] - points)
    longest = max(float(reach.max()), 1e-9)
    best = (np.inf, 0, min(1, last))
    for upper, middle in combinations(range(last), 2):
        a, b = points[middle] - points[upper], points[last] - points[middle]
        first, second = float(np.sqrt(a @ a)), float(np.sqrt(b @ b))
        if min(first, second) < 1e-9:
            continue
        bend = float(np.arccos(np.clip(a @ b / (first * second), -1, 1)))
        inside = max(1 - offsets[upper] / max(least, 1e-9), 0.0)
        cost = abs(np.log(first / second)) + (1 - reach[upper] / longest) - 0.8 * min(bend, 0.6) + 2.2 * inside
        if cost < best[0] - 1e-9:
            best = (cost, upper, middle)
    return skipped + best[1], skipped + best[2]


def last_long(points: Floats) -> int:
    """The last point of a chain before its steps become short: the wrist of a hand that has hardly any bones."""
    steps = _lengths(points[1:] - points[:-1])
    long = np.flatnonzero(steps > 0.5 * steps.max(initial=0.0))
    return int(long[-1]) + 1 if len(long) else len(points) - 1


def digits(figure: Figure, wrist: int, real: NDArray[np.bool_]) -> list[list[int]]:
    """The chains of at least two bones that end in a hand, without the bones that they share."""
    leaves = [i for i in figure.below(wrist)[1:].tolist() if real[i] and not any(real[c] for c in figure.children[i])]
    ways = [
        [i for i in (leaf, *figure.ancestors(leaf)) if figure.descends(i, wrist) and real[i]][::-1] for leaf in leaves
    ]
    uses: dict[int, int] = {}
    for way in ways:
        for i in way:
            uses[i] = uses.get(i, 0) + 1
    chains = [[i for i in way if uses[i] == 1] for way in ways]
    return [chain for chain in chains if len(chain) >= 2]


def fingers(figure: Figure, wrist: int, elbow: int, real: NDArray[np.bool_]) -> dict[str, int]:
    """The bones of the fingers, `index1` and so on; nothing if it is no hand."""
    chains = digits(figure, wrist, real)
    if not 2 <= len(chains) <= 5:  # one alone is a mitten
        return {}
    spoken = [_spoken(figure.names[chain[0]]) for chain in chains]
    if None not in spoken and len(set(spoken)) == len(spoken):
        phalanges = [_phalanges(figure, chain, name == "thumb") for name, chain in zip(spoken, chains, strict=True)]
        named = zip(spoken, phalanges, strict=True)
        return {f"{name}{n + 1}": bone for name, chain in named for n, bone in enumerate(chain)}
    thumb = _thumb(figure, chains, wrist, elbow)
    chains = [_phalanges(figure, chain, k == thumb) for k, chain in enumerate(chains)]
    rest = [k for k in range(len(chains)) if k != thumb]
    if len(rest) > 4:
        return {}
    if thumb is not None:
        knuckles = figure.heads[[chain[0] for chain in chains]]
        away = (knuckles - knuckles[thumb]) @ _across(knuckles[rest], knuckles[thumb], figure.heads[wrist])
        rest.sort(key=lambda k: float(away[k]))
    names = FINGERS[:4] if len(rest) == 4 else _FEWER.get(len(rest), ())
    order = dict(zip(names, rest, strict=False))
    if thumb is not None:
        order["thumb"] = thumb
    return {f"{finger}{n + 1}": bone for finger, k in order.items() for n, bone in enumerate(chains[k])}


def _spoken(name: str) -> str | None:
    """The finger that a bone's name tells, None if it tells none."""
    return next((_SPOKEN[part] for part in words(name) if part in _SPOKEN), None)


def _across(knuckles: Floats, thumb: Floats, wrist: Floats) -> Floats:
    """Along the row of the knuckles, from the thumb's side to the little finger's."""
    middle = knuckles.mean(axis=0)
    along = (middle - wrist) / max(float(_lengths(middle - wrist)), 1e-12)
    spread = knuckles - middle
    spread = spread - (spread @ along)[:, None] * along
    row = np.linalg.svd(spread)[2][0] if len(knuckles) > 1 else middle - thumb
    return np.asarray(row * (1.0 if row @ (middle - thumb) >= 0 else -1.0))


def _thumb(figure: Figure, chains: list[list[int]], wrist: int, elbow: int) -> int | None:
    """The one that reaches least along the arm, and points away from where the others do."""
    if len(chains) < 3:
        return None
    tips = np.array([figure.heads[chain[-1]] for chain in chains]) - figure.heads[wrist]
    ways = tips / np.maximum(_lengths(tips), 1e-12)[:, None]
    along = figure.heads[wrist] - figure.heads[elbow]
    along = along / max(float(np.sqrt(along @ along)), 1e-12)
    reach = tips @ along / max(float(np.abs(tips @ along).max()), 1e-12)
    alone = (ways @ ways.T).mean(axis=1)
    return int(np.argmin(alone + 2 * reach))


def _phalanges(figure: Figure, chain: list[int], is_thumb: bool) -> list[int]:
    """The three bones that bend; a bone of the palm comes before them, one at the tip behind."""
    if len(chain) < 4:
        return chain
    points = figure.heads[chain]
    steps = _lengths(points[1:] - points[:-1])
    palm = not is_thumb and (steps[0] > 1.2 * steps[1] or len(chain) > 4)
    return chain[1:4] if palm else chain[:3]


def _lengths(vectors: Floats) -> Floats:
    return np.asarray(np.sqrt((vectors**2).sum(axis=-1)))
