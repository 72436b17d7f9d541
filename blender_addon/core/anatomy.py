"""Where a rig's bones are, and whether what they are taken for can be true of a person."""

from __future__ import annotations

from collections.abc import Mapping as Dictionary
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from .rig import Rig
from .skeleton import FINGERS, PARENTS, SIDES

Floats = NDArray[np.float64]

ARM_PARTS = ("collar", "shoulder", "elbow", "wrist", *(f"{finger}{i}" for finger in FINGERS for i in (1, 2, 3)))
LEG_PARTS = ("hip", "knee", "ankle", "foot")
EYE_PARTS = ("eye_smplhf",)


class Figure:
    """The bones of a rig as a tree in the scene.

    heads, tails : (N, 3)
    parents      : (N,) -1 for none; `along` (N,) is how far a head is from its root's, along the bones
    """

    def __init__(self, rig: Rig) -> None:
        self.names = [bone.name for bone in rig.bones]
        self.index = {name: i for i, name in enumerate(self.names)}
        self.parents = [-1 if bone.parent is None else self.index.get(bone.parent, -1) for bone in rig.bones]
        self.deform = np.array([bone.deform for bone in rig.bones], bool)
        count = len(self.names)
        heads = np.array([bone.head for bone in rig.bones], np.float64).reshape(count, 3)
        tails = np.array([bone.tail for bone in rig.bones], np.float64).reshape(count, 3)
        turn, place = np.array(rig.world)[:3, :3], np.array(rig.world)[:3, 3]
        if np.linalg.det(turn) < 0:
            turn[:, 0] *= -1  # a mirrored object: left is what it is in the armature
        self.heads, self.tails = heads @ turn.T + place, tails @ turn.T + place
        self.children: list[list[int]] = [[] for _ in range(count)]
        for i, parent in enumerate(self.parents):
            if parent >= 0:
                self.children[parent].append(i)
        self.along = np.zeros(count)
        self._order, self._place, self._end = np.zeros(count, np.int64), [0] * count, [0] * count
        self._walk()
        both = np.concatenate([self.heads, self.tails]) if count else np.zeros((1, 3))
        self.size = float(np.ptp(both, axis=0).max())

    def _walk(self) -> None:
        """Number the bones so that all below one follow it."""
        parents = np.array(self.parents, np.int64)
        steps = np.where(parents[:, None] >= 0, self.heads - self.heads[parents], 0.0) if len(parents) else self.heads
        lengths = np.sqrt((steps**2).sum(axis=1)).tolist()
        along = [0.0] * len(self.names)
        stack = [i for i, parent in enumerate(self.parents) if parent < 0][::-1]
        placed: list[int] = []
        while stack:
            i = stack.pop()
            self._place[i] = len(placed)
            placed.append(i)
            if self.parents[i] >= 0:
                along[i] = along[self.parents[i]] + lengths[i]
            stack += self.children[i][::-1]
        sizes = [1] * len(self.names)
        for i in reversed(placed):
            if self.parents[i] >= 0:
                sizes[self.parents[i]] += sizes[i]
        self._end = [place + size for place, size in zip(self._place, sizes, strict=True)]
        self._order, self.along = np.array(placed, np.int64), np.array(along)

    def ancestors(self, i: int) -> list[int]:
        """From the parent up."""
        found: list[int] = []
        parent = self.parents[i]
        while parent >= 0:
            found.append(parent)
            parent = self.parents[parent]
        return found

    def descends(self, i: int, ancestor: int) -> bool:
        """Whether bone `i` hangs on `ancestor`, however far below."""
        return self._place[ancestor] < self._place[i] < self._end[ancestor]

    def below(self, i: int) -> NDArray[np.int64]:
        """Bone `i` and all that hangs on it, parents first."""
        return self._order[self._place[i] : self._end[i]]


def _ancestors(joint: str) -> list[str]:
    found = []
    parent = PARENTS[joint]
    while parent is not None:
        found.append(parent)
        parent = PARENTS[parent]
    return found


BELOW: dict[str, tuple[str, ...]] = {
    joint: tuple(other for other in PARENTS if joint in _ancestors(other)) for joint in PARENTS
}


def above(joint: str, found: Dictionary[str, int]) -> str | None:
    """The nearest joint between this one and the pelvis that has a bone."""
    parent = PARENTS[joint]
    while parent is not None and parent not in found:
        parent = PARENTS[parent]
    return parent


@dataclass(frozen=True)
class Directions:
    """A figure's own axes in the scene, unit vectors: `up`, and `front` and `left`, None if the bones don't tell."""

    up: Floats
    front: Floats | None
    left: Floats | None


def directions(figure: Figure, found: Dictionary[str, int], tails_tell: bool = True) -> Directions:
    """Up is from feet to head; the front is where the feet point, or else where the eyes are.

    Of a foot without toes only the bone's tail could tell, and importers make tails up: `tails_tell` trusts them.
    """
    heads, tails = figure.heads, figure.tails

    def middle(*joints: str) -> Floats | None:
        places = [heads[found[joint]] for joint in joints if joint in found]
        return np.mean(places, axis=0) if places else None

    low = next((p for p in (middle("left_ankle", "right_ankle"), middle("left_knee", "right_knee"),
                            middle("left_hip", "right_hip"), middle("pelvis")) if p is not None), None)  # fmt: skip
    high = next(
        (p for p in (middle("head"), middle("neck"), middle("spine3"), middle("spine1")) if p is not None), None
    )
    up = np.array([0.0, 0.0, 1.0])
    if low is not None and high is not None and np.linalg.norm(high - low) > 1e-9:
        up = (high - low) / np.linalg.norm(high - low)
        axis = int(np.argmax(np.abs(up)))
        if abs(up[axis]) > 0.85:
            up = np.eye(3)[axis] * np.sign(up[axis])
    ways = []
    for side in SIDES:
        ankle, toes = found.get(f"{side}_ankle"), found.get(f"{side}_foot")
        if ankle is not None and (toes is not None or tails_tell):
            ways.append((heads[toes] if toes is not None else tails[ankle]) - heads[ankle])
    front = _level(ways, up, 0.03 * figure.size)
    if front is None and "head" in found:
        eyes = [
            heads[found[eye]] - heads[found["head"]] for eye in ("left_eye_smplhf", "right_eye_smplhf") if eye in found
        ]
        front = _level(eyes, up, 0.005 * figure.size)
    left = None if front is None else np.cross(up, front)
    return Directions(up, front, left)


def _level(ways: list[Floats], up: Floats, enough: float) -> Floats | None:
    if not ways:
        return None
    way = np.mean(ways, axis=0)
    way = way - up * (up @ way)
    length = float(np.linalg.norm(way))
    return way / length if length > enough else None


def swapped_sides(figure: Figure, found: Dictionary[str, int]) -> list[tuple[str, ...]]:
    """The groups of parts (arms, legs, eyes) whose left is on the character's right."""
    left = directions(figure, found, tails_tell=False).left
    groups = []
    for parts in (ARM_PARTS, LEG_PARTS, EYE_PARTS):
        across = [
            figure.heads[found[f"left_{part}"]] - figure.heads[found[f"right_{part}"]]
            for part in parts
            if f"left_{part}" in found and f"right_{part}" in found
        ]
        total = np.sum(across, axis=0) if across else np.zeros(3)
        length = float(np.linalg.norm(total))
        if left is not None and length > 1e-9 and total @ left < -0.5 * length:
            groups.append(parts)
    return groups


@dataclass(frozen=True)
class Check:
    """How much a set of joints looks like a person, 0 to 1, and sentences on what does not."""

    score: float
    problems: tuple[str, ...] = field(default_factory=tuple)


def check_person(figure: Figure, found: Dictionary[str, int]) -> Check:
    """Whether the places of the bones can be those of someone who stands or sits upright.

    Nothing depends on how the whole is turned: trunk and legs must go opposite ways, arms must not be legs.
    """
    heads = figure.heads
    problems: list[str] = []
    score = 1.0

    def at(joint: str) -> Floats | None:
        return heads[found[joint]] if joint in found else None

    if len(found) > 3 and _spread([heads[i] for i in found.values()]) < 0.02 * max(figure.size, 1e-9):
        return Check(0.1, ("All its bones are in one place: import it with its rest pose.",))
    hips = [p for p in (at("left_hip"), at("right_hip")) if p is not None]
    base = np.mean(hips, axis=0) if hips else at("pelvis")
    sides = [p for side in SIDES for p in (at(f"{side}_collar"), at(f"{side}_shoulder")) if p is not None]
    shoulders = np.mean(sides, axis=0) if sides else None
    top = next((p for p in (at("head"), at("neck"), at("spine3"), shoulders) if p is not None), None)
    ends = [
        (at(f"{side}_hip"), at(f"{side}_ankle") if f"{side}_ankle" in found else at(f"{side}_knee")) for side in SIDES
    ]
    legs = [(base if hip is None else hip, end) for hip, end in ends if base is not None and end is not None]
    if base is None or top is None or not legs:
        return Check(0.9 if found else 0.0)
    trunk = top - base
    down = np.mean([end - hip for hip, end in legs], axis=0)
    stature = float(np.linalg.norm(trunk) + np.linalg.norm(down))
    if stature < 1e-9:
        return Check(0.1, ("All its bones are in one place: import it with its rest pose.",))
    straight = min(_cosine(top - start, -down) for start in (base, at("pelvis")) if start is not None)
    if straight < 0.7:
        score *= 0.35
        problems.append(
            "Its trunk is not above its legs, as on an animal on four legs: it can't stand as a person does."
        )
    if len(legs) == 2:
        first, second = (float(np.linalg.norm(end - hip)) for hip, end in legs)
        if min(first, second) < 0.6 * max(first, second):
            score *= 0.7
            problems.append("Its legs differ much in length: one may not be a leg.")
        if len(hips) == 2 and np.linalg.norm(hips[0] - hips[1]) < 0.01 * stature:
            score *= 0.8
    up = -down / max(float(np.linalg.norm(down)), 1e-9)
    ground = np.mean([end for _, end in legs], axis=0)
    hands = [p for p in (at("left_wrist"), at("right_wrist")) if p is not None]
    if hands and all((hand - ground) @ up < 0.22 * stature for hand in hands):
        score *= 0.4
        problems.append("What would be its hands are on the ground: it stands on four legs.")
    lengths = [
        float(np.linalg.norm(heads[found[f"{side}_wrist"]] - heads[found[f"{side}_shoulder"]]))
        for side in SIDES
        if f"{side}_wrist" in found and f"{side}_shoulder" in found
    ]
    if len(lengths) == 2 and min(lengths) < 0.6 * max(lengths):
        score *= 0.8
        problems.append("Its arms differ much in length: one may not be an arm.")
    if lengths and max(lengths) < 0.06 * stature:
        score *= 0.6
        problems.append("Its arms are too short to be arms.")
    return Check(score, tuple(problems))


def _spread(points: list[Floats]) -> float:
    return float(np.ptp(np.array(points), axis=0).max())


def _cosine(a: Floats, b: Floats) -> float:
    return float(a @ b / max(float(np.linalg.norm(a) * np.linalg.norm(b)), 1e-12))
