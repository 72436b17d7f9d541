"""Which bone carries which."""

from __future__ import annotations

import re

from .rig import Bone, Rig


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

    def ancestors(self, name: str) -> list[str]:
        """From the parent up."""
        found: list[str] = []
        parent = self.bones[name].parent
        while parent is not None:
            found.append(parent)
            parent = self.bones[parent].parent
        return found

    def carrier(self, name: str) -> str | None:
        """The moved bone with which a bone turns when it isn't turned itself; None if it turns with none."""
        while True:
            bone = self.bones[name]
            carrier = self._carriers.get(name, bone.parent if bone.inherit_rotation else None)
            if carrier is None or carrier in self._moved:
                return carrier
            name = carrier

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
        return not self._moved.isdisjoint(self.ancestors(name)) and self._carries(name)

    def _carries(self, name: str) -> bool:
        return any(child in self._moved or self._carries(child) for child in self._below.get(name, ()))

    def between(self, start: str, end: str) -> list[Bone]:
        """The bones after `start` that lead to its descendant `end`, none if it is not one."""
        above = self.ancestors(end)
        return [self.bones[name] for name in above[: above.index(start)][::-1]] if start in above else []

    def twisters(self, start: str) -> list[Bone]:
        """The children of `start` that carry nothing that moves and say that they are there for the twist."""
        names = [name for name in self._below.get(start, ()) if name not in self._moved and not self._carries(name)]
        found = [self.bones[name] for name in names if re.search("twist|roll", name, re.IGNORECASE)]
        return sorted(found, key=lambda bone: float(((bone.head - self.bones[start].head) ** 2).sum()))
