"""Which bone carries which."""

from __future__ import annotations

import re

import numpy as np
from numpy.typing import NDArray

from .rig import Bone, Rig

Floats = NDArray[np.float64]


class Tree:
    """The bones of a rig. Those named in `moved` move, the others are at rest on those that carry them."""

    def __init__(self, rig: Rig, moved: set[str]) -> None:
        self.bones = {bone.name: bone for bone in rig.bones}
        self._moved = moved
        self._carriers = rig.carriers
        self._below: dict[str, list[str]] = {}
        for bone in rig.bones:
            if bone.parent is not None:
                self._below.setdefault(bone.parent, []).append(bone.name)
        self._carrying = {above for name in moved for above in self.ancestors(name)}

    def ancestors(self, name: str) -> list[str]:
        """From the parent up."""
        found: list[str] = []
        parent = self.bones[name].parent
        while parent is not None:
            found.append(parent)
            parent = self.bones[parent].parent
        return found

    def upwards(self, name: str) -> list[Bone]:
        """The bone and all above it."""
        return [self.bones[one] for one in (name, *self.ancestors(name))]

    def location_axes(self, bone: Bone) -> Floats:
        """The axes (3, 3) along which a bone at rest is moved: its own; if it has not that, its parent's."""
        if bone.local_location:
            return bone.axes
        return np.eye(3) if bone.parent is None else self.bones[bone.parent].axes

    def carrier(self, name: str) -> str | None:
        """The moved bone with which a bone turns when it isn't turned itself; None if it turns with none."""
        while True:
            bone = self.bones[name]
            carrier = self._carriers.get(name, bone.parent if bone.inherit_rotation else None)
            if carrier is None or carrier in self._moved:
                return carrier
            name = carrier

    def is_measured(self, name: str) -> bool:
        """Whether it is a control of which it is known with what it turns."""
        return name in self._carriers

    def carriers_of(self, name: str) -> list[str]:
        """The moved bones with which it turns, the nearest first."""
        found: list[str] = []
        carrier = self.carrier(name)
        while carrier is not None:
            found.append(carrier)
            carrier = self.carrier(carrier)
        return found

    def is_between(self, name: str) -> bool:
        """Whether a bone that isn't moved hangs on one that is, and carries one that is."""
        return name in self._carrying and not self._moved.isdisjoint(self.ancestors(name))

    def between(self, start: str, end: str) -> list[Bone]:
        """The bones after `start` that lead to its descendant `end`, none if it is not one."""
        above = self.ancestors(end)
        return [self.bones[name] for name in above[: above.index(start)][::-1]] if start in above else []

    def twisters(self, start: str) -> list[Bone]:
        """The children of `start` that carry nothing that moves and say that they are there for the twist."""
        names = [name for name in self._below.get(start, ()) if name not in self._moved | self._carrying]
        found = [self.bones[name] for name in names if re.search("twist|roll", name, re.IGNORECASE)]
        return sorted(found, key=lambda bone: float(((bone.head - self.bones[start].head) ** 2).sum()))
