"""Names as they are meant: without case, separators, prefixes that all bones share, and with one way to say the side.

`mixamorig:LeftUpLeg`, `LeftUpLeg_055` and `UPLEG.L` are the same bone of three exporters.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

LEFT, RIGHT = "left", "right"
_SIDES = {
    "l": LEFT, "left": LEFT, "lft": LEFT, "lf": LEFT, "左": LEFT,
    "r": RIGHT, "right": RIGHT, "rgt": RIGHT, "rt": RIGHT, "右": RIGHT,
}  # fmt: skip
_WORD = re.compile(r"[左右]|\d+|[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[^\W\d_A-Za-z左右]+|[^\w\s.:|()\[\]{}\-]")
_SHARED = 0.15
"""A prefix that this part of the names share may be one that their maker put there."""


_MOST_PREFIXES = 6


@lru_cache(maxsize=16384)
def words(name: str) -> tuple[str, ...]:
    """A name's words in lower case: split at separators, capitals and numbers; `左` and `右` are words of their own."""
    return tuple(word.lower() for word in _WORD.findall(unicodedata.normalize("NFKC", name)))


@lru_cache(maxsize=16384)
def sided(parts: tuple[str, ...]) -> tuple[str, str]:
    """Words as (what it is, which side): `("upper", "arm", "l")` -> `("upperarm", "left")`; the side is "" if unsaid.

    The side may stand anywhere, but only once.
    """
    sides = [i for i, part in enumerate(parts) if part in _SIDES]
    if len(sides) > 1:  # "Left" is rarely anything else; "l" and "r" may be
        sides = [i for i in sides if parts[i] in (LEFT, RIGHT, "左", "右")]
    if len(sides) == 1 and len(parts) > 1:
        i = sides[0]
        return "".join(parts[:i] + parts[i + 1 :]), _SIDES[parts[i]]
    plain = "".join(parts)
    for side in (LEFT, RIGHT):  # no capitals, no separators
        if plain.startswith(side) and plain != side:
            return plain[len(side) :], side
        if plain.endswith(side) and plain != side:
            return plain[: -len(side)], side
    return plain, ""


def without_zeros(plain: str) -> str:
    """`spine01` -> `spine1`."""
    return re.sub(r"(?<!\d)0+(?=\d)", "", plain)


@dataclass(frozen=True)
class Spelling:
    """What is cut off the names of a rig: that many words in front if they are `prefix`, and at the end."""

    prefix: tuple[str, ...] = ()
    start: str = ""
    endings: int = 0

    def read(self, parts: tuple[str, ...]) -> tuple[str, ...]:
        """The words that are left; all of them if the prefix isn't there or nothing would be left."""
        rest = parts
        if self.prefix and rest[: len(self.prefix)] == self.prefix:
            rest = rest[len(self.prefix) :]
        elif self.start and rest and rest[0].startswith(self.start):
            rest = (rest[0][len(self.start) :], *rest[1:]) if rest[0] != self.start else rest[1:]
        if self.endings and len(rest) > self.endings:
            rest = rest[: -self.endings]
        return rest or parts


def spellings(names: Iterable[str]) -> list[Spelling]:
    """The ways in which a rig's maker may have decorated its names, the plain one first."""
    all_parts = [words(name) for name in names]
    count = len(all_parts)
    starts: Counter[tuple[str, ...]] = Counter()
    for parts in all_parts:
        starts.update(parts[:i] for i in range(1, min(len(parts), 6)))
    enough = max(4, _SHARED * count)
    prefixes = [
        start
        for start, times in starts.items()
        if times >= enough and not all(part in _SIDES or part.isdigit() for part in start)
    ]
    kept = sorted(prefixes, key=lambda prefix: (-starts[prefix], len(prefix), prefix))[:_MOST_PREFIXES]
    found = [Spelling(), *(Spelling(prefix) for prefix in kept)]
    if glued := _glued([parts[0] for parts in all_parts if parts], 0.6 * count):
        found.append(Spelling(start=glued))
    if _numbered(all_parts):
        found += [Spelling(way.prefix, way.start, 1) for way in found]
    return found


def _glued(firsts: list[str], enough: float) -> str:
    """A prefix that runs into the next word: most first words begin with it."""
    best = ""
    while True:
        following = Counter(first[: len(best) + 1] for first in firsts if len(first) > len(best) + 1)
        following = Counter({start: n for start, n in following.items() if start.startswith(best)})
        if not following:
            break
        start, times = following.most_common(1)[0]
        if times < enough:
            break
        best = start
    return best if len(best) >= 3 else ""


def _numbered(all_parts: list[tuple[str, ...]]) -> bool:
    """Whether most names end with what says nothing: a running number (`_055`), the same word, or `.001` of a copy."""
    endings = Counter(parts[-1] for parts in all_parts if len(parts) > 1 and parts[-1] not in _SIDES)
    if not endings:
        return False
    running = sum(1 for ending, times in endings.items() if ending.isdigit() and times <= 2)
    numbers = sum(times for ending, times in endings.items() if ending.isdigit())
    ending, times = endings.most_common(1)[0]
    same = times >= (0.5 if not ending.isdigit() else 0.8 if len(ending) == 3 else 2) * len(all_parts)
    return same or (numbers >= 0.6 * len(all_parts) and running >= 0.5 * len(all_parts))
