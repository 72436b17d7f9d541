"""How far off the keys of a simplified take may be, property by property.

The bound is on each bone's own rotation, each bone's place, and the point of the face that a shape key moves the most.
Bones get a share of it, the less the more hangs on them: errors add up along a limb, and a foot must not slide.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .keys import Track

Floats = NDArray[np.float64]

_SHARES = (  # first match wins
    ("pelvis|hip|knee", 0.03),
    ("ankle|foot", 0.15),
    ("spine|neck|collar", 0.14),
    ("shoulder|elbow", 0.4),
    ("wrist", 0.5),
    ("head|jaw|eye", 0.5),
    ("", 0.65),
)
_SEALED = 4.0
"""How much more errors count in the mouth where the lips touch: several shapes together keep them closed."""

_AT_ONCE = 2.0
"""The skin is off by a third of a key's bound, times the root of how many there are: up to four have all of it."""


@dataclass(frozen=True)
class Bound:
    """What a key may be off, at most, on any frame."""

    degrees: float = 0.5
    millimetres: float = 0.5


def rotation_track(values: Floats, mode: str, joint: str, bound: Bound, sealed: NDArray[np.bool_]) -> Track:
    """Rotations (T, n) in one of Blender's rotation modes, of the bone of a joint.

    A quaternion that is off by d turns by 2 d, and an axis by no more than d times the angle. Euler angles turn about
    axes that are square to each other but for the first and the last: the sine of the middle angle says how near these
    are to being one.
    """
    turn = np.radians(bound.degrees) * next(share for part, share in _SHARES if re.search(part, joint))
    scale: Floats | float
    if mode == "QUATERNION":
        scale = turn / 2
    elif mode == "AXIS_ANGLE":
        axis = 1 / max(float(np.abs(values[:, 0]).max()), 1e-3)
        scale = turn / np.sqrt(2) * np.array([1, axis, axis, axis])
    else:
        middle = values[:, "XYZ".index(mode[1])]
        scale = turn / np.sqrt(1 + float(np.abs(np.sin(middle)).max()))
    return Track(values, scale, _care(sealed) if joint == "jaw" else None, turns=mode == "QUATERNION")


def location_track(values: Floats, metre: float, bound: Bound) -> Track:
    """Places (T, 3) in units of which there are `metre` to a metre. Half the bound: feet depend on it."""
    return Track(values, bound.millimetres / 1000 * metre / 2)


def shape_track(
    values: Floats, reach: float, metre: float, bound: Bound, sealed: NDArray[np.bool_], together: int = 1
) -> Track:
    """Values (T, 1) of a shape key that moves some point by `reach` at 1, in units of which `metre` make a metre.

    `together` is how many keys move about the same points, as the components of an expression do: their errors add up
    like noise, with the root of their number.
    """
    scale = bound.millimetres / 1000 * metre / max(reach, 1e-9)
    return Track(values, scale * min(1.0, _AT_ONCE / np.sqrt(together)), _care(sealed))


def _care(sealed: NDArray[np.bool_]) -> Floats:
    return np.where(sealed, _SEALED, 1.0)
