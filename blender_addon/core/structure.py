"""Reading a skeleton that nobody has described, from where its bones are and how they hang together.

Two chains that reach the ground from one bone are legs; the chain that goes up from there is the spine; two chains
that leave it sideways are arms; what goes on is neck and head; chains from the end of an arm are fingers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from .anatomy import ARM_PARTS, EYE_PARTS, LEG_PARTS, Figure, directions
from .canonical import LEFT, sided, words
from .limbs import digits, fingers, hinge, last_long
from .skeleton import SIDES

Floats = NDArray[np.float64]

_GROUND = 0.12
"""What is lower than this part of the height is on the ground."""
_SHOULDER, _HIP = 0.085, 0.03
"""How far from the body's middle these joints are at least, of the height."""
_HELPERS = set(
    "ik pole target ctrl control mch helper corrective roll nub end weapon prop socket hair skirt cape cloth clothes "
    "coat dress ribbon sleeve breast tail wing spring dyn phys physics jiggle".split()
)
_FEWEST = 8
_EYES, _NOT_EYES = {"eye", "eyeball"}, {"lid", "brow", "lash", "target", "eyelid", "eyebrow", "end"}
_JAWS = {"jaw", "lowerjaw", "mandible"}


@dataclass(frozen=True)
class Reading:
    """Which bone (its number) is which joint, and why not, if it is nobody; `legs` is how many limbs it stands on."""

    joints: dict[str, int]
    problems: tuple[str, ...] = ()
    legs: int = 2


def read_structure(figure: Figure) -> Reading:
    """The joints of a figure that stands upright in the scene; a reason if it is none."""
    if len(figure.names) < _FEWEST:
        return Reading({}, (f"It has {len(figure.names)} bones: too few for a person.",), 0)
    return _Reader(figure).read()


def read_face(figure: Figure, head: int) -> dict[str, int]:
    """Jaw and eyes, by their names: by their places they could be anything. The eyes' sides are as they come."""
    joints: dict[str, int] = {}
    eyes: list[int] = []
    for i in figure.below(head)[1:].tolist():
        jaw, eye = _jaw_or_eye(figure.names[i])
        if jaw:
            joints.setdefault("jaw", i)
        if eye:
            eyes.append(i)
    if len(eyes) == 2:
        joints |= dict(zip(("left_eye_smplhf", "right_eye_smplhf"), eyes, strict=True))
    return joints


@lru_cache(maxsize=16384)
def _jaw_or_eye(name: str) -> tuple[bool, bool]:
    parts = set(words(name))
    return not parts.isdisjoint(_JAWS), not parts.isdisjoint(_EYES) and parts.isdisjoint(_NOT_EYES)


class _Reader:
    def __init__(self, figure: Figure) -> None:
        self.figure = figure
        self.heads, self.tails = figure.heads, figure.tails
        helpers = np.array([_is_helper(name) for name in figure.names])
        self.real = (figure.deform if figure.deform.sum() >= 12 else np.ones(len(helpers), bool)) & ~helpers
        # The tails of bones at an end may be anywhere: importers make them up
        heights = self.heads[self.real, 2] if self.real.any() else np.zeros(1)
        reach = float(np.ptp(heights))
        ends = np.clip(self.tails[:, 2], heights.min() - 0.05 * reach, heights.max() + 0.2 * reach)
        tops, bottoms = np.maximum(self.heads[:, 2], ends), np.minimum(self.heads[:, 2], ends)
        self.low = float(bottoms[self.real].min(initial=np.inf)) if self.real.any() else 0.0
        self.height = max(float(tops[self.real].max(initial=-np.inf)) - self.low, 1e-9) if self.real.any() else 1e-9
        # For each bone: where what hangs on it begins and ends, and how far it reaches
        self.top, self.peak, self.bottom = self.heads[:, 2].copy(), tops.copy(), bottoms.copy()
        self.furthest = np.arange(len(helpers))
        self.any_real = self.real.copy()
        for i in range(len(helpers)):
            below = figure.below(i)
            below = below[self.real[below]]
            self.any_real[i] = len(below) > 0
            if len(below):
                self.top[i] = self.heads[below, 2].max()
                self.peak[i], self.bottom[i] = tops[below].max(), bottoms[below].min()
                self.furthest[i] = below[np.argmax(figure.along[below])]

    def read(self) -> Reading:
        pelvis, legs, crowd = self._legs()
        problems: tuple[str, ...] = ()
        if pelvis is None:
            if crowd:
                return Reading({}, (f"It stands on {crowd} limbs: it is not built like a person.",), crowd)
            problems = ("It has no legs that reach its ground: the trunk is read without them.",)
        spine = self._spine(pelvis, legs)
        if spine is None:
            return Reading({}, ("No two arms leave its trunk: it is not built like a person.",), len(legs))
        trunk, arms = spine
        found = {"pelvis": trunk[0]} | self._trunk(trunk, arms)
        for limbs, read in ((legs, self._leg), (arms, self._arm)):
            for side, limb, other in zip(SIDES, limbs, limbs[::-1], strict=False):
                offsets = self._offsets(limb, other)
                found |= {f"{side}_{part}": bone for part, bone in read(limb, offsets).items()}
        if "head" in found:
            found |= read_face(self.figure, found["head"])
        return Reading(self._by_side(found), problems, len(legs))

    def _legs(self) -> tuple[int | None, list[int], int]:
        """The bone from which two chains reach the ground, the first bones of these; else how many do."""
        ground = self.low + _GROUND * self.height
        reaches = self.any_real & (self.bottom < ground) & (self.top - self.bottom > 0.22 * self.height)
        down = self.top < self.heads[:, 2] + 0.1 * self.height  # a leg goes down from where it begins
        best: tuple[float, int, list[int]] | None = None
        crowd = 0
        for i, children in enumerate(self.figure.children):
            limbs = self._without_doubles([child for child in children if reaches[child]])
            crowd = max(crowd, len(limbs))
            pair = self._mirrored([limb for limb in limbs if down[limb]])
            if pair:
                high = float(min(self.top[pair[0]], self.top[pair[1]]))
                if best is None or high > best[0]:
                    best = (high, i, list(pair))
        if best is None:
            return None, [], crowd if crowd >= 2 else 0
        _, pelvis, legs = best
        others = [child for child in self.figure.children[pelvis] if child not in legs and reaches[child]]
        others = [child for child in self._without_doubles([*legs, *others]) if child not in legs]
        if len(others) >= 2:
            return None, [], len(others) + 2
        return pelvis, legs, 0

    def _without_doubles(self, limbs: Sequence[int]) -> list[int]:
        """Of limbs in the same place, as for inverse kinematics and for the skin, the one with the most bones."""
        kept: list[int] = []
        for limb in sorted(limbs, key=lambda i: -len(self.figure.below(i))):
            starts = [self.heads[limb] - self.heads[other] for other in kept]
            ends = [self._end(limb) - self._end(other) for other in kept]
            apart = [np.hypot(*(np.sqrt(way @ way) for way in ways)) for ways in zip(starts, ends, strict=True)]
            if all(distance > 0.05 * self.height for distance in apart):
                kept.append(limb)
        return sorted(kept)

    def _extent(self, i: int) -> float:
        """How far the furthest bone below is, along the bones."""
        return float(self.figure.along[self.furthest[i]] - self.figure.along[i])

    def _mirrored(self, limbs: Sequence[int]) -> tuple[int, int] | None:
        """The two that are most alike, and apart; None if no two are."""
        best: tuple[float, tuple[int, int]] | None = None
        for a, b in combinations(limbs, 2):
            first, second = self._extent(a), self._extent(b)
            longer = max(first, second)
            if longer <= 0 or min(first, second) < 0.55 * longer:
                continue
            way = self._end(a) - self._end(b)
            apart, level = float(np.hypot(way[0], way[1])), abs(float(way[2]))
            if apart < 0.02 * self.height or level > 0.25 * longer:
                continue
            cost = level / self.height + abs(first - second) / longer
            if best is None or cost < best[0] - 1e-9:
                best = (cost, (a, b))
        return best[1] if best else None

    def _spine(self, pelvis: int | None, legs: Sequence[int]) -> tuple[list[int], list[int]] | None:
        """The bones from the pelvis to the chest, both included, and the first bones of the two arms."""
        taken = {int(j) for leg in legs for j in self.figure.below(leg)}
        if pelvis is None:
            bases = [i for i, parent in enumerate(self.figure.parents) if parent < 0 and self.any_real[i]]
        else:
            bases = [pelvis, *self.figure.ancestors(pelvis)]
        for base in bases:
            best: tuple[tuple[bool, float, int], int, list[int]] | None = None
            for i in self.figure.below(base).tolist():
                limbs = [c for c in self.figure.children[i] if c not in taken and self._is_arm(c, self.heads[base][2])]
                for pair in combinations(limbs, 2) if i not in taken else ():
                    if not self._mirrored(pair):
                        continue
                    # Arms have hands; else they are what goes the furthest sideways, the nearest to the pelvis.
                    hands = all(self._has_hand(arm) for arm in pair)
                    wide = float(np.linalg.norm((self._end(pair[0]) - self._end(pair[1]))[:2]))
                    rank = (hands, round(wide / self.height, 1), -len(self.figure.ancestors(i)))
                    if best is None or rank > best[0]:
                        best = (rank, i, list(pair))
            if best is not None:
                first = self._first_real(base, best[1]) if pelvis is None else base
                return self._path(first, best[1]), best[2]
        return None

    def _end(self, i: int) -> Floats:
        return np.asarray(self.heads[self.furthest[i]])

    def _has_hand(self, arm: int) -> bool:
        return any(len(digits(self.figure, i, self.real)) >= 3 for i in self._real_path(arm)[2:])

    def _first_real(self, base: int, chest: int) -> int:
        """Without legs: the first bone on the way to the chest that bends the body."""
        return next((i for i in self._path(base, chest) if self.real[i]), base)

    def _is_arm(self, i: int, pelvis: float) -> bool:
        """Whether this chain is long enough, begins above the pelvis, and neither is coiled nor goes up."""
        reach = self._extent(i)
        if not self.any_real[i] or reach < 0.18 * self.height or self.heads[i][2] < pelvis + 0.05 * self.height:
            return False
        way = self._end(i) - self.heads[i]
        return bool(np.sqrt((way**2).sum()) > 0.5 * reach and way[2] < 0.5 * reach)

    def _path(self, start: int, end: int) -> list[int]:
        path = [end]
        while path[-1] != start:
            path.append(self.figure.parents[path[-1]])
        return path[::-1]

    def _real_path(self, start: int) -> list[int]:
        return [i for i in self._path(start, int(self.furthest[start])) if self.real[i]]

    def _trunk(self, trunk: list[int], arms: Sequence[int]) -> dict[str, int]:
        """Spine, neck and head."""
        found: dict[str, int] = {}
        if spine := trunk[1:]:
            found["spine3"] = spine[-1]
            if len(spine) > 1:
                found["spine1"] = spine[0]
            if len(spine) > 2:
                found["spine2"] = spine[len(spine) // 2]
        chest = trunk[-1]
        upper = [c for c in self.figure.children[chest] if c not in arms and self.any_real[c]]
        upper = [c for c in upper if self.peak[c] > self.heads[chest][2]]
        if not upper:
            return found
        path = [max(upper, key=lambda c: self.peak[c])]
        while len(path) < 6 and "head" not in words(self.figure.names[path[-1]]):
            children = [c for c in self.figure.children[path[-1]] if self.real[c]]
            if len(children) != 1 or self.heads[children[0]][2] <= self.heads[path[-1]][2]:
                break
            path += children
        if len(path) > 2 and not self.figure.children[path[-1]]:
            start, middle, end = self.heads[path[-3:], 2]
            if end - middle > max(1.3 * (middle - start), 0.07 * self.height):
                path.pop()  # the crown
        found["head"] = path[-1]
        if len(path) > 1:
            found["neck"] = path[0]
        return found

    def _leg(self, leg: int, offsets: Floats) -> dict[str, int]:
        path = self._real_path(leg)
        ankle = len(path) - 1
        for k in range(2, len(path)):
            start = self.heads[path[k]]
            way = (self.heads[path[k + 1]] if k + 1 < len(path) else self.tails[path[k]]) - start
            low = start[2] < self.low + 0.25 * self.height
            if low and -way[2] < 0.85 * float(np.sqrt(way @ way)):
                ankle = k
                break
        if ankle < 2:
            return dict(zip(("hip", "knee"), path, strict=False))
        hip, knee = self._hinge(path[: ankle + 1], offsets, _HIP)
        joints = {"hip": path[hip], "knee": path[knee], "ankle": path[ankle]}
        if toes := path[ankle + 1 :]:  # bones of the instep come first
            way = np.linalg.norm(self.heads[toes] - self.heads[path[ankle]], axis=1)
            joints["foot"] = toes[int(np.argmax(way >= 0.5 * way.max()))]
        return joints

    def _arm(self, arm: int, offsets: Floats) -> dict[str, int]:
        path = self._real_path(arm)
        hand = next((k for k, i in enumerate(path) if k >= 2 and len(digits(self.figure, i, self.real)) >= 3), None)
        # The first bone with three chains may be in the forearm or the shoulder: the last one of these is the hand.
        while hand is not None and hand + 1 < len(path) and len(digits(self.figure, path[hand + 1], self.real)) >= 3:
            hand += 1
        wrist = hand if hand is not None else last_long(self.heads[path])
        if wrist < 2:
            return dict(zip(("shoulder", "elbow"), path, strict=False))
        shoulder, elbow = self._hinge(path[: wrist + 1], offsets, _SHOULDER)
        joints = {"shoulder": path[shoulder], "elbow": path[elbow], "wrist": path[wrist]}
        if shoulder > 0:
            joints["collar"] = path[0]
        return joints | fingers(self.figure, path[wrist], path[elbow], self.real)

    def _hinge(self, path: list[int], offsets: Floats, least: float) -> tuple[int, int]:
        return hinge(self.heads[path], offsets[path].tolist(), least * self.height)

    def _offsets(self, limb: int, other: int) -> Floats:
        """How far each bone (N,) is from the middle between a limb and its mirror image, towards the limb."""
        here, there = self._end(limb), self._end(other)
        outwards = (here - there) * [1, 1, 0]
        outwards /= max(float(np.sqrt(outwards @ outwards)), 1e-12)
        return np.asarray((self.heads - (here + there) / 2) @ outwards)

    def _by_side(self, found: dict[str, int]) -> dict[str, int]:
        """The same with left where the character's left is: so far the sides are as they came."""
        left = directions(self.figure, found, tails_tell=False).left
        if left is None:
            left = self._named_left(found)
        if left is None:
            left = directions(self.figure, found).left
        if left is None:
            left = np.array([1.0, 0.0, 0.0])  # it faces -Y, as Blender has it
        sorted_ = {joint: bone for joint, bone in found.items() if not joint.startswith(SIDES)}
        for parts in (ARM_PARTS, LEG_PARTS, EYE_PARTS):
            pairs = [(f"left_{part}", f"right_{part}") for part in parts]
            across = [self.heads[found[a]] - self.heads[found[b]] for a, b in pairs if a in found and b in found]
            swap = bool(np.sum(across, axis=0) @ left < 0) if across else False
            for a, b in pairs:
                for joint, other in ((a, b), (b, a)):
                    if joint in found:
                        sorted_[other if swap else joint] = found[joint]
        return sorted_

    def _named_left(self, found: dict[str, int]) -> Floats | None:
        """Where the character's left is by the names of its limbs; None if they don't say."""
        across = np.zeros(3)
        for part in (*ARM_PARTS, *LEG_PARTS):
            pair = [found.get(f"{side}_{part}") for side in SIDES]
            for i, other in (pair, pair[::-1]):
                if i is not None and other is not None and sided(words(self.figure.names[i]))[1] == LEFT:
                    across += self.heads[i] - self.heads[other]
        return across if across.any() else None


def _is_helper(name: str) -> bool:
    parts = words(name)
    return not _HELPERS.isdisjoint(parts) or any("twist" in part for part in parts)
