"""Two-bone limbs: where the elbow or knee goes when wrist or ankle is placed, and the rotations that put it there."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

Floats = NDArray[np.float64]
_STRAIGHTEST = 0.9995  # of the limb's length; a fully straight one has no plane to bend in


@dataclass(frozen=True)
class Limb:
    """Bone vectors at rest (3,), root to middle and middle to end, and which way the middle joint points at rest."""

    upper: Floats
    lower: Floats
    pole: Floats

    @property
    def length(self) -> float:
        """Metres, stretched out."""
        return float(np.linalg.norm(self.upper) + np.linalg.norm(self.lower))

    def reach(self, end: Floats, pole: Floats) -> tuple[Rotation, Rotation]:
        """Rotations (from rest, in the frame of `end`) of both bones that bring the limb's end to `end`.

        end  : (T, 3) from the limb's root, metres; out of reach is brought nearer along its own line
        pole : (T, 3) which way the middle joint should point; must not be along `end`

        The analytic solution (law of cosines); the middle joint is a hinge, so its plane turns the upper bone.
        """
        a, b = np.linalg.norm(self.upper), np.linalg.norm(self.lower)
        distance = np.linalg.norm(end, axis=1)
        along = end / np.maximum(distance, 1e-6)[:, None]
        distance = np.clip(distance, abs(a - b) + 1e-3, (a + b) * _STRAIGHTEST)
        cosine = np.clip((a * a + distance**2 - b * b) / (2 * a * distance), -1.0, 1.0)
        sine = np.sqrt(1.0 - cosine**2)
        out = _unit(pole - np.sum(pole * along, axis=1, keepdims=True) * along)
        upper = cosine[:, None] * along + sine[:, None] * out
        lower = (distance[:, None] * along - a * upper) / b
        hinge = np.cross(out, along)
        return (
            _frame(upper, hinge) * self._rest_frame(self.upper).inv(),
            _frame(lower, hinge) * self._rest_frame(self.lower).inv(),
        )

    def _rest_frame(self, bone: Floats) -> Rotation:
        along = _unit((self.upper + self.lower)[None])
        pole = _unit(self.pole[None] - np.sum(self.pole * along, axis=1, keepdims=True) * along)
        hinge = np.cross(pole, along)
        hinge = _unit(hinge - np.sum(hinge * _unit(bone[None]), axis=1, keepdims=True) * _unit(bone[None]))
        return _frame(_unit(bone[None]), hinge)


def _unit(v: Floats) -> Floats:
    unit: Floats = v / np.maximum(np.linalg.norm(v, axis=-1, keepdims=True), 1e-9)
    return unit


def _frame(along: Floats, hinge: Floats) -> Rotation:
    """The rotation that takes X to `along` and Y to `hinge`, which are square to one another."""
    return Rotation.from_matrix(np.stack([along, hinge, np.cross(along, hinge)], axis=-1))
