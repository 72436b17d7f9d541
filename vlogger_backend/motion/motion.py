"""Motion: the curves of a performance at one frame rate."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .names import ARKIT_NAMES, JOINT_NAMES

Array = NDArray[np.float32]


@dataclass(frozen=True)
class Motion:
    """Curves sampled at `fps`, in SMPL-X's coordinates (metres, Y up, facing +Z).

    poses      : (T, 55, 3) axis-angle rotations of the SMPL-X joints, each in its parent's frame, radians
    trans      : (T, 3) translation of the pelvis from its rest place, metres
    arkit      : (T, 52) weights in the order of `ARKIT_NAMES`, 0 to 1
    expression : (T, E) FLAME or SMPL-X expression coefficients; E is 0 until such a model is registered
    """

    fps: float
    poses: Array
    trans: Array
    arkit: Array
    expression: Array

    def __post_init__(self) -> None:
        frames = len(self.poses)
        shapes = {
            "poses": (self.poses.shape, (frames, len(JOINT_NAMES), 3)),
            "trans": (self.trans.shape, (frames, 3)),
            "arkit": (self.arkit.shape, (frames, len(ARKIT_NAMES))),
            "expression": (self.expression.shape, (frames, *self.expression.shape[1:2])),
        }
        for name, (found, expected) in shapes.items():
            if found != expected:
                raise ValueError(f"Motion.{name} has shape {found}, expected {expected}")

    def __len__(self) -> int:
        return len(self.poses)

    @property
    def duration(self) -> float:
        """Seconds."""
        return len(self) / self.fps

    def frames(self, start: int, stop: int) -> Motion:
        """The frames `start` to `stop` (exclusive) as a Motion of their own; the arrays are views."""
        part = slice(start, stop)
        return Motion(self.fps, self.poses[part], self.trans[part], self.arkit[part], self.expression[part])
