"""The face of a take on a rig's shape keys and jaw bone."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .expressions import FARTHEST, by_component
from .rig import Rig, RigMapping
from .take import Take
from .visemes import VISEMES, viseme_weights

Floats = NDArray[np.float64]

_NOTICED = 0.02
"""Less than this beyond a slider's end is nobody's business."""
_SEALED = 0.02
"""Of the jaw's way: a millimetre between the lips."""


def shape_values(take: Take, rig: Rig, mapping: RigMapping) -> tuple[dict[tuple[str, str], Floats], list[str]]:
    """The values (T,) of each mesh's shape keys, held within their sliders, and sentences on what was cut off.

    Those of an expression's components have either sign, whatever the sliders, which are to be widened.
    """
    ranges = {(mesh.name, key): ends for mesh in rig.faces for key, ends in zip(mesh.keys, mesh.ranges, strict=True)}
    named = {part for parts in mapping.face.values() for part in parts}
    tracks = {name: track(take, name) for name in named if name in take.face_names}
    if not named.isdisjoint(VISEMES):
        tracks = viseme_weights(take) | tracks
    values: dict[tuple[str, str], Floats] = {}
    gone, cut, far = [], [], []
    for (mesh, key), parts in mapping.face.items():
        if (mesh, key) not in ranges:
            gone.append(f"{key} of {mesh}")
            continue
        known = [part for part in parts if part in tracks]
        if not known:
            continue
        wanted = np.sum([tracks[part] * parts[part] for part in known], axis=0)
        free = by_component(parts)
        low, high = (-FARTHEST, FARTHEST) if free else ranges[mesh, key]
        values[mesh, key] = np.clip(wanted, low, high)
        if free:
            far += [key] if np.abs(wanted).max() > FARTHEST else []
        elif np.abs(values[mesh, key] - wanted).max() > _NOTICED:
            cut.append(f"{key} of {mesh} ({wanted.min():.2f} to {wanted.max():.2f}, slider {low:g} to {high:g})")
    notes = []
    if gone:
        notes.append(f"These shape keys are no longer there: {_listed(gone)}. Match the rig again.")
    if cut:
        notes.append(f"Held within their sliders: {_listed(cut)}. Widen the sliders' ranges if more should show.")
    if far:
        notes.append(f"Held at {FARTHEST:g}, where Blender's sliders end: {_listed(far)}.")
    return values, notes


def jaw_angles(take: Take, mapping: RigMapping) -> Floats:
    """How far the jaw bone is open (T,), radians.

    ARKit closes the lips over an open jaw with `mouthClose`. On a face without lips of its own for that, the jaw itself
    must close, or /p b m/ would stay open.
    """
    opening = track(take, "jawOpen")
    if not any(parts.get("mouthClose", 0) > 0 for parts in mapping.face.values()):
        opening = np.maximum(opening - track(take, "mouthClose"), 0)
    return opening * (mapping.jaw or 0.0)


def lips_sealed(take: Take) -> NDArray[np.bool_]:
    """(T,) whether the lips touch: ARKit's `mouthClose` makes up for all of `jawOpen`, as in /p b m/ or in silence."""
    return np.asarray(track(take, "jawOpen") - track(take, "mouthClose") < _SEALED)


def track(take: Take, name: str) -> Floats:
    """A face channel (T,) of a take; 0 if it has not that."""
    if name not in take.face_names:
        return np.zeros(len(take))
    return take.face[:, take.face_names.index(name)].astype(np.float64)


def _listed(things: list[str]) -> str:
    return ", ".join(things[:5]) + (f" and {len(things) - 5} more" if len(things) > 5 else "")
