"""The forms that beat gestures and resting hands take: places, ways and hand shapes of the left hand.

Places are (x outwards, y up, z forward) from the shoulder in arm lengths, wrists (supination from the T-pose's palm,
extension, the elbow's outward swing) in degrees. The right hand's are their mirror images.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Triple = tuple[float, float, float]


@dataclass(frozen=True)
class Form:
    """A stroke: how common it is, and how gladly with both hands; where it ends and the way it goes to get there;
    wrist and hand shape before it and at its apex."""

    name: str
    weight: float
    both: float
    end: Triple
    way: Triple
    wrists: tuple[Triple, Triple]
    shapes: tuple[str, str]


FORMS = (
    Form("chop", 1.0, 1.0, (-0.05, -0.45, 0.61), (0.00, -0.23, 0.10), ((15, 22, 10), (15, -4, 8)), ("flat", "flat")),
    Form("offer", 1.5, 1.4, (0.05, -0.47, 0.63), (0.17, -0.08, 0.21), ((25, -8, 6), (72, 12, 4)), ("cupped", "open")),
    Form("press", 0.8, 0.9, (-0.02, -0.48, 0.60), (0.06, -0.2, 0.0), ((-40, 4, 18), (-52, 26, 20)), ("cupped", "open")),
    Form("sweep", 0.8, 0.8, (0.26, -0.43, 0.58), (0.36, 0.00, 0.04), ((30, -14, 12), (10, 14, 14)), ("cupped", "open")),
    Form("pinch", 0.7, 0.3, (-0.07, -0.37, 0.61), (-0.02, -0.17, 0.13), ((5, 20, 10), (12, 0, 10)), ("pinch", "pinch")),
    Form("drop", 0.9, 1.1, (0.04, -0.56, 0.56), (0.06, -0.19, 0.10), ((35, 10, 5), (48, -6, 5)), ("relaxed", "cupped")),
    Form("point", 0.35, 0.0, (-0.02, -0.40, 0.70), (0.02, -0.13, 0.23), ((-10, 12, 8), (-5, 0, 6)), ("loose", "point")),
    Form("self", 0.3, 0.4, (-0.08, -0.40, 0.45), (-0.08, -0.1, -0.15), ((30, 4, 10), (38, -8, 12)), ("cupped", "flat")),
)  # fmt: skip

HANGING: tuple[Triple, Triple] = (0.185, -0.955, 0.09), (-10.0, 2.0, 0.0)
"""Place and wrist of a hand beside the thigh."""
IN_FRONT: tuple[Triple, Triple] = (-0.09, -0.60, 0.45), (22.0, -4.0, 6.0)
"""Place and wrist of a hand held before the belly."""

# one hand's gesture space: never across the middle nor beyond the arm's reach
_LOWEST = np.array((-0.14, -0.75, 0.36))
_HIGHEST = np.array((0.63, -0.06, 0.84))
_REACH = 0.945


def within(place: Floats) -> Floats:
    """The nearest place inside the gesture space."""
    place = np.clip(place, _LOWEST, _HIGHEST)
    return place * min(1.0, _REACH / float(np.linalg.norm(place)))
