"""Visemes from ARKit weights, for faces that have mouth shapes of whole sounds instead of muscles.

The names are those of Oculus (the 15 visemes of its lip sync, after MPEG-4), which VRChat, Ready Player Me and others
use. Each viseme is a place in the space of what the mouth does; a frame is the mixture of visemes that comes nearest,
all weights positive, by the multiplicative rule of Lee and Seung (2001). Of mixtures that come as near, the one of
visemes that look like the frame themselves is wanted, as in locality-constrained coding (Wang et al. 2010): /e/ lies
between /i/ and /a/, but has a mouth of its own. Where lips touch, all that opens them is gone.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .take import Take

Floats = NDArray[np.float64]

FEATURES: tuple[str, ...] = ("open", "pucker", "funnel", "spread", "teeth", "tongue")
POSES: dict[str, tuple[float, ...]] = {
    "viseme_TH": (0.09, 0.00, 0.00, 0.00, 0.10, 0.28),
    "viseme_DD": (0.10, 0.00, 0.00, 0.00, 0.08, 0.06),
    "viseme_kk": (0.13, 0.00, 0.00, 0.00, 0.03, 0.00),
    "viseme_CH": (0.06, 0.22, 0.50, 0.00, 0.16, 0.00),
    "viseme_SS": (0.05, 0.00, 0.00, 0.18, 0.34, 0.00),
    "viseme_RR": (0.09, 0.34, 0.16, 0.00, 0.00, 0.00),
    "viseme_aa": (0.45, 0.00, 0.00, 0.03, 0.02, 0.00),
    "viseme_E": (0.22, 0.00, 0.00, 0.16, 0.04, 0.00),
    "viseme_I": (0.12, 0.00, 0.00, 0.24, 0.05, 0.00),
    "viseme_O": (0.24, 0.45, 0.24, 0.00, 0.00, 0.00),
    "viseme_U": (0.09, 0.85, 0.16, 0.00, 0.00, 0.00),
}
"""The visemes by their `FEATURES`, in ARKit weights as a speaker uses them, after the targets of the performer."""
MILLIMETRES: tuple[float, ...] = (35.0, 9.0, 10.0, 17.0, 9.0, 12.0)
"""How much a unit of each feature shows: about as far the built-in face's lips or tongue move."""
_STEPS, _PIECE = 60, 4096
_UNLIKE = 0.4
"""What a viseme is charged that looks unlike the frame, as a part of its own size,"""
_TOO_SMALL, _TOO_LARGE = 0.3, 0.1
"""... and for being smaller or larger than it (squared logarithm of the ratio)."""

VISEMES: tuple[str, ...] = ("viseme_sil", "viseme_PP", "viseme_FF", *POSES, "viseme_nn")


def viseme_weights(take: Take) -> dict[str, Floats]:
    """The weights (T,), 0 to 1, of `VISEMES`. Sounds that look alike share one: `nn` is in `DD`, and stays 0."""
    seal, bite = _contacts(take)
    jaw, close = _track(take, "jawOpen"), _track(take, "mouthClose")
    features = np.stack([
        np.maximum(jaw - close, 0),
        _track(take, "mouthPucker"),
        _track(take, "mouthFunnel"),
        _track(take, "mouthStretchLeft", "mouthStretchRight"),
        _track(take, "mouthLowerDownLeft", "mouthLowerDownRight"),
        _track(take, "tongueOut"),
    ])  # fmt: skip
    poses = np.array(list(POSES.values())).T
    pieces = np.array_split(np.maximum(features, 0), len(take) // _PIECE + 1, axis=1)  # what fits a processor's cache
    mixture = np.concatenate([_mix(piece, poses) for piece in pieces], axis=1) * (1 - np.maximum(seal, bite))
    weights = dict(zip(POSES, np.clip(mixture, 0, 1), strict=True))
    talking = np.clip(sum(weights.values()) + seal + bite, 0, 1)
    nothing = np.zeros(len(take))
    return {"viseme_sil": 1 - talking, "viseme_PP": seal, "viseme_FF": bite, **weights, "viseme_nn": nothing}


def _contacts(take: Take) -> tuple[Floats, Floats]:
    """How far the lips are sealed, and the lower lip is under the teeth, (T,) each, 0 to 1.

    ARKit's `mouthClose` equal to `jawOpen` makes the lips touch; a lower lip rolled in under a raised upper one bites.
    """
    seal = np.clip(_track(take, "mouthClose") / np.maximum(_track(take, "jawOpen"), 0.02), 0, 1)
    raised = np.clip(_track(take, "mouthUpperUpLeft", "mouthUpperUpRight") / 0.3, 0, 1)
    bite = np.clip(_track(take, "mouthRollLower") / 0.35, 0, 1) * raised * (1 - seal)
    return seal, bite


def _track(take: Take, *names: str) -> Floats:
    """The mean (T,) of these weights; 0 for those that the take has not."""
    columns = [take.face[:, take.face_names.index(name)] for name in names if name in take.face_names]
    return np.mean(columns, axis=0, dtype=np.float64) if columns else np.zeros(len(take))


def _mix(features: Floats, poses: Floats) -> Floats:
    """Weights (K, T) >= 0 with `poses` (F, K) @ weights near `features` (F, T), of poses that are like the features."""
    reach = np.array(MILLIMETRES)[:, None]
    features, poses = ((values * reach).astype(np.float32) for values in (features, poses))  # half the work
    pull, push = poses.T @ features, poses.T @ poses
    size = np.linalg.norm(features, axis=0) + 1e-9
    own = np.linalg.norm(poses, axis=0)[:, None]
    alike = pull / (size * own)
    larger = np.log(size / own)
    unlike = 1 - alike + np.where(larger > 0, _TOO_SMALL, _TOO_LARGE) * larger**2
    charge = _UNLIKE * own**2 * unlike * np.minimum(1, size / own) + 1e-9
    weights = 0.5 * alike**8 + 1e-3
    for _ in range(_STEPS):
        weights *= pull / (push @ weights + charge)
    return np.asarray(weights, np.float64)
