"""Which shape key performs which part of a take's face, as a list that a user can go through and correct."""

from __future__ import annotations

from collections.abc import Mapping as Dictionary
from dataclasses import dataclass

from .expressions import expressive
from .faces import BY_HAND
from .names import ARKIT_NAMES
from .rig import FaceMesh, Rig, RigMapping
from .visemes import VISEMES

_MOUTH = ("jaw", "mouth", "tongue", "cheekPuff")
_SIDES = {"Left": "Right", "Right": "Left"}


@dataclass(frozen=True)
class Choice:
    """What performs a part of the face, an ARKit shape or a viseme, on one mesh.

    key     : the shape key that it moves the most, "" if it moves none
    doubt   : 2 if nothing at all performs it, 1 if it shares keys with others, 0 if all is well
    reason  : in words for the user
    """

    mesh: str
    part: str
    key: str
    doubt: int
    reason: str


def choices(rig: Rig, mapping: RigMapping) -> list[Choice]:
    """What performs what on each mesh with shape keys, the doubtful first."""
    used = {part for drives in mapping.face.values() for part, weight in drives.items() if weight > 0}
    mouths = any(part in VISEMES for part in used)
    parts = ARKIT_NAMES if "jawOpen" in used and not mouths else (*ARKIT_NAMES, *VISEMES)
    found = [_choice(mesh, part, mapping, used) for mesh in rig.faces for part in parts]
    return sorted(found, key=lambda choice: -choice.doubt)


def corrected_keys(mapping: RigMapping, changed: Dictionary[tuple[str, str], str]) -> dict[str, dict[str, float]]:
    """By how much each part moves each of the keys that a change concerns, as a `Correction` says it.

    changed : for a mesh and a part, the key that performs it from now on, "" if none does

    A key that is given to a shape's left and right half is moved by the mean of the two.
    """
    drives: dict[str, dict[str, float]] = {}
    for (_, key), parts in mapping.face.items():
        drives.setdefault(key, dict(parts))
    before = {key: dict(parts) for key, parts in drives.items()}
    for mesh, part in changed:
        for key in _moved(mapping, mesh, part):
            drives[key].pop(part, None)
            if part == "jawOpen":
                drives[key].pop("mouthClose", None)
    for (_, part), key in changed.items():
        if key:
            moved = drives.setdefault(key, {})
            other = mirrored(part)
            share = 0.5 if other in moved else 1.0
            moved[part] = share
            if share < 1:
                moved[other] = share
    _close(drives)
    return {key: parts for key, parts in drives.items() if parts != before.get(key, {})}


def mirrored(part: str) -> str:
    """The same shape on the other side of the face, "" for one that has no sides."""
    side = next(
        (side for side in _SIDES if part.endswith(side) and part != f"jaw{side}" and part != f"mouth{side}"), ""
    )
    return part.removesuffix(side) + _SIDES[side] if side else ""


def _choice(mesh: FaceMesh, part: str, mapping: RigMapping, used: set[str]) -> Choice:
    moved = _moved(mapping, mesh.name, part)
    if not moved:
        why = "the expression does it" if mesh.name in expressive(mapping) else _why_none(part, mapping, used)
        return Choice(mesh.name, part, "", 0 if why else 2, why or "no shape key found")
    key = max(moved, key=lambda key: moved[key])
    reason = mapping.face_reasons.get((mesh.name, key), "")
    others = [other for other in moved if other != key]
    shared = [name for name, weight in mapping.face[mesh.name, key].items() if weight > 0 and name != part]
    if reason == BY_HAND or not (others or shared):
        return Choice(mesh.name, part, key, 0, reason)
    words = [f"with {', '.join(others[:3])}"] if others else []
    words += [f"which {', '.join(shared[:3])} moves too"] if shared else []
    return Choice(mesh.name, part, key, 1, f"{reason}, {', '.join(words)}")


def _why_none(part: str, mapping: RigMapping, used: set[str]) -> str:
    """Why nothing is missing although no shape key of a mesh performs a part; "" if it is missing."""
    if part in used:
        return "another mesh has it"
    if part.startswith((*_MOUTH, "viseme")) and any(other in VISEMES for other in used):
        return "whole mouths do it"
    if part in VISEMES:
        return "single shapes do it" if any(other.startswith(_MOUTH) for other in used) else ""
    if part == "jawOpen" and mapping.jaw is not None:
        return "the jaw bone does it"
    if part == "mouthClose" and "jawOpen" in used:
        return "the jaw itself closes"
    side = "left" if part.endswith("Left") else "right"
    return "the eye's bone does it" if part.startswith("eyeLook") and f"{side}_eye_smplhf" in mapping.bones else ""


def _moved(mapping: RigMapping, mesh: str, part: str) -> dict[str, float]:
    """The keys of a mesh that a part moves, and by how much."""
    return {
        key: drives[part] for (name, key), drives in mapping.face.items() if name == mesh and drives.get(part, 0) > 0
    }


def _close(drives: Dictionary[str, dict[str, float]]) -> None:
    """Without a key that closes the lips over an open jaw, the jaw itself must close."""
    closes = any(parts.get("mouthClose", 0) > 0 for parts in drives.values())
    for parts in drives.values():
        if "jawOpen" in parts and parts.get("mouthClose", 0) <= 0:
            parts.pop("mouthClose", None)
            if not closes:
                parts["mouthClose"] = -parts["jawOpen"]
