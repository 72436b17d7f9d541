"""The face of a licensed model, as far as a take must know it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class ModelFace:
    """Whose expression a take has: what the model does for each ARKit shape at weight 1, to which all of it is linear.

    So whoever changes the weights, as the dials in Blender do, can change the expression with them.

    model       : the user's name of it
    expressions : (52, E) its components
    jaws        : (52, 3) its jaw's axis-angle, radians
    """

    model: str
    expressions: NDArray[np.float64]
    jaws: NDArray[np.float64]
