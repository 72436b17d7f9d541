"""Faces made of SMPL-X's or FLAME's expression: a shape key for each of its components, of either sign.

Add-ons that load these models call the keys `Exp000`, `Exp001` … (those of Meshcapade and of the Max Planck Institute)
or `Exp1`, `Exp2` … (FLAME). At a value of 1 a key is taken for one unit of its component, as the models' files have
them, so a coefficient is the value of its key. It is of use to that model alone, together with the model's own jaw and
eyes: where it moves a face, ARKit's shapes don't.
"""

from __future__ import annotations

import re
from collections.abc import Mapping as Dictionary
from collections.abc import Sequence
from dataclasses import replace

from .names import component_name, is_component
from .rig import Rig, RigMapping
from .take import Take

FARTHEST = 10.0
"""Blender's sliders go no farther, either way."""
NO_COEFFICIENTS = (
    "The face of this rig has shape keys of SMPL-X's or FLAME's expression, which this take doesn't have: it was made "
    "without such a model. Register yours, SMPLX_NEUTRAL.npz from https://smpl-x.is.tue.mpg.de or flame2023_Open.pkl "
    "from https://flame.is.tue.mpg.de (their licences are said there), with: vlogger models add FILE. Then make the "
    "take again."
)
_KEY = re.compile(r"(?:.*[^a-z])?exp(?:r|ression)?s?[ ._-]*(\d+)", re.IGNORECASE)
_LEAST = {0: 5, 1: 10}
"""By the number of the first: fewer keys of such names may be anything, as "Expression 1" to 6 of someone's own."""


def components(keys: Sequence[str]) -> tuple[str, ...]:
    """Of a mesh's shape keys those of an expression's components, in their order; () if it is no such face."""
    numbered: dict[int, str] = {}
    for key in keys:
        found = _KEY.fullmatch(key)
        if found:
            numbered.setdefault(int(found[1]), key)
    first = min(numbered, default=-1)
    count = next((i for i in range(len(numbered)) if first + i not in numbered), len(numbered))
    return tuple(numbered[first + i] for i in range(count)) if count >= _LEAST.get(first, count + 1) else ()


def component_drives(rig: Rig) -> dict[tuple[str, str], dict[str, float]]:
    """What moves each mesh's keys of an expression: its own component, as it is."""
    return {
        (mesh.name, key): {component_name(number): 1.0}
        for mesh in rig.faces
        for number, key in enumerate(components(mesh.keys))
    }


def expressive(mapping: RigMapping) -> dict[str, int]:
    """The meshes that an expression moves, and how many of its components each has a key for."""
    found: dict[str, int] = {}
    for (mesh, _), parts in mapping.face.items():
        if by_component(parts):
            found[mesh] = found.get(mesh, 0) + 1
    return found


def by_component(parts: Dictionary[str, float]) -> bool:
    """Whether what moves a shape key is a component of an expression."""
    return any(map(is_component, parts))


def suited(mapping: RigMapping, take: Take) -> tuple[RigMapping, list[tuple[str, str]], list[str]]:
    """The part of a mapping by which this take moves a face, the keys that are at rest instead, and sentences on that.

    Where the take has an expression and a mesh its keys, nothing else moves that mesh. What another take of the rig
    moves would keep the last value that it had there, so it is at rest.
    """
    meshes, count = expressive(mapping), sum(map(is_component, take.face_names))
    if not meshes:
        return mapping, [], []

    def moves(mesh: str, parts: Dictionary[str, float]) -> bool:
        if by_component(parts):
            return any(part in take.face_names for part in parts)
        return not count or mesh not in meshes

    face = {place: parts for place, parts in mapping.face.items() if moves(place[0], parts)}
    still = [place for place in mapping.face if place not in face]
    mapping = replace(mapping, face=face)
    if not count:
        return mapping, still, [NO_COEFFICIENTS]
    notes = [f"Its face has the expression of {take.model_face.model}."] if take.model_face else []
    few = {mesh: keys for mesh, keys in meshes.items() if keys < count}
    notes += [
        f"{mesh} has keys for {keys} components of an expression, and the take has {count}: it gets the first {keys}."
        for mesh, keys in few.items()
    ]
    return mapping, still, notes
