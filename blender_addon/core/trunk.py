"""The spine of a rig whose names were found, held against where its arms hang.

A description knows as many spine bones as its kind has; a rig may have more, or others in between. The bone that
carries the arms must be one of those that are moved, or the chest would keep still, and so must the lowest one.
"""

from __future__ import annotations

from collections.abc import Mapping as Dictionary
from itertools import pairwise

from .anatomy import Figure
from .skeleton import SIDES

SPINE = ("spine1", "spine2", "spine3")


def spine_by_place(figure: Figure, bones: Dictionary[str, int]) -> dict[str, int]:
    """The bones of the spine, by joint, if those that the names gave can't be; else nothing."""
    chest = _carrier(figure, bones)
    pelvis = bones.get("pelvis")
    if chest is None or pelvis is None:
        return {}
    named = [bones[joint] for joint in SPINE if joint in bones]
    top = bones.get("spine3", chest)
    end = top if figure.descends(top, chest) else chest
    if not figure.descends(end, pelvis):
        return {}
    path = _between(figure, pelvis, end)
    in_order = all(figure.descends(lower, upper) for upper, lower in pairwise(named))
    moved = end in named and (path[0] == end or "spine1" in bones)
    if named and in_order and moved and all(i in path for i in named):
        return {}
    found = {"spine3": end}
    first = bones.get("spine1")
    rest = path[:-1]
    if rest:
        found["spine1"] = first if in_order and first in rest else rest[0]
        rest = rest[rest.index(found["spine1"]) + 1 :]
    if rest:
        found["spine2"] = rest[len(rest) // 2]
    return found


def _carrier(figure: Figure, bones: Dictionary[str, int]) -> int | None:
    """The lowest bone on which both arms hang, or the neck's parent if they hang on the neck as those of a Biped do."""
    arms = [
        next((bones[f"{side}_{p}"] for p in ("collar", "shoulder") if f"{side}_{p}" in bones), None) for side in SIDES
    ]
    left, right = arms
    if left is None or right is None:
        return None
    chest = next((i for i in figure.ancestors(left) if figure.descends(right, i)), None)
    neck = bones.get("neck")
    if chest is not None and neck is not None and (chest == neck or figure.descends(chest, neck)):
        return next(iter(figure.ancestors(neck)), None)
    return chest


def _between(figure: Figure, top: int, end: int) -> list[int]:
    """The bones below `top` down to `end`, which is included."""
    path = [end]
    for i in figure.ancestors(end):
        if i == top:
            break
        path.append(i)
    return path[::-1]
