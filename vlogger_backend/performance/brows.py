"""Brows, cheeks and nose: accents raise the brows, thinking lowers them, and a face is never quite still or even.

Brow raises accompany accents more often than chance and peak with them (Flecha-Garcia 2010).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..motion.speech import Speech
from ..request import Style
from .easing import Glides, pulses
from .noise import Noise, new_noise
from .phrases import phrases, rises

Floats = NDArray[np.float64]

_NAMES = (
    "browInnerUp", "browOuterUpLeft", "browOuterUpRight", "browDownLeft", "browDownRight",
    "eyeSquintLeft", "eyeSquintRight", "cheekSquintLeft", "cheekSquintRight", "noseSneerLeft", "noseSneerRight",
    "eyeWideLeft", "eyeWideRight",
)  # fmt: skip
_RAISE = np.array([0.6, 0.9, 0.9, 0, 0, 0, 0, 0, 0, 0, 0, 0.22, 0.22])
_RAISE_LEFT = np.array([0.25, 1.0, 0.25, 0, 0.1, 0, 0, 0, 0, 0, 0, 0.15, 0.05])
_RAISE_RIGHT = np.array([0.25, 0.25, 1.0, 0.1, 0, 0, 0, 0, 0, 0, 0, 0.05, 0.15])
_WORRY = np.array([0.8, 0.2, 0.2, 0.2, 0.2, 0.1, 0.1, 0, 0, 0, 0, 0, 0])
_FROWN = np.array([0, 0, 0, 0.8, 0.8, 0.35, 0.35, 0.15, 0.15, 0.15, 0.15, 0, 0])
_SQUINT = np.array([0, 0, 0, 0.1, 0.1, 0.6, 0.6, 0.6, 0.6, 0.1, 0.1, 0, 0])
_KINDS = np.stack([_RAISE, _RAISE_LEFT, _RAISE_RIGHT, _WORRY, _FROWN, _SQUINT])


@dataclass(frozen=True)
class Brows:
    """The plan: what comes and goes, what is always there, and how that wavers."""

    moves: Glides
    base: Floats
    waver: Noise
    amount: float

    def at(self, times: Floats) -> dict[str, Floats]:
        """(T,) seconds -> ARKit weights of brows, cheeks and nose, each (T,); not yet clipped."""
        waver = self.waver.at(times)
        weights = self.base + self.moves.at(times)
        frown, lift, cheer = waver.T
        weights[:, 0:3] += self.amount * 0.035 * lift[:, None]
        weights[:, 3:5] += self.amount * 0.035 * frown[:, None]
        weights[:, 5:9] += self.amount * 0.025 * cheer[:, None]
        return dict(zip(_NAMES, np.clip(weights, 0.0, 1.0).T, strict=True))


def plan_brows(speech: Speech, style: Style, rng: np.random.Generator) -> Brows:
    """Brow and cheek movements for the whole speech; `style.energy` scales them."""
    leaning = rng.dirichlet(np.array([6.0, 1.4, 1.4, 0.7, 1.3, 1.4]))  # which kinds this performance is fond of
    kinds = 0.5 * leaning + 0.5 * np.array([0.58, 0.1, 0.1, 0.04, 0.08, 0.1])
    tilt = 1.0 + rng.normal(0.0, 0.06)
    even = np.where(np.arange(len(_NAMES)) % 2 == 1, tilt, 2.0 - tilt)
    rows: list[tuple[float, float, float, float]] = []
    sizes: list[Floats] = []

    def add(start: float, peak: float, release: float, end: float, kind: int, size: float) -> None:
        rows.append((start, peak, release, end))
        sizes.append(_KINDS[kind] * size * even * rng.normal(1.0, 0.04, len(_NAMES)))

    last = -1.0
    for accent in speech.accents:
        if accent.time < last + 0.35 or rng.random() > 0.15 + 0.5 * accent.strength:
            continue
        peak = accent.time + rng.normal(0.0, 0.035)
        hold = rng.uniform(0.02, 0.18) + (rng.uniform(0.2, 0.7) if rng.random() < 0.2 else 0.0)
        size = (0.12 + 0.36 * accent.strength) * rng.lognormal(0.0, 0.25)
        kind = int(rng.choice(len(_KINDS), p=kinds))
        fall = rng.uniform(0.25, 0.5)
        add(peak - rng.uniform(0.13, 0.22), peak, peak + hold, peak + hold + fall, kind, size)
        last = peak + hold
    for phrase in phrases(speech):
        length = phrase.end - phrase.start
        if rises(speech, phrase):
            add(phrase.end - 0.45, phrase.end - 0.1, phrase.end + 0.35, phrase.end + 0.9, 0, rng.uniform(0.25, 0.5))
        if length > 1.0 and rng.random() < 0.3:  # a lasting set of the brows over part of a phrase
            start = phrase.start - 0.15
            kind = int(rng.choice([0, 3, 4, 5], p=[0.45, 0.12, 0.2, 0.23]))
            stay = min(length, rng.uniform(0.8, 2.5))
            add(start, start + 0.35, start + stay, start + stay + 0.6, kind, rng.uniform(0.1, 0.25))
    amount = float(style.energy)
    friendly = rng.uniform(0.02, 0.09)
    base = np.array([0.02, 0.02, 0.02, 0.03, 0.03, 0.04, 0.04, friendly, friendly, 0.01, 0.01, 0.0, 0.0])
    base = base * rng.normal(1.0, 0.06, len(base))
    heights = np.asarray(sizes).reshape(-1, len(_NAMES)) * min(amount, 2.0)
    return Brows(pulses(rows, heights, len(_NAMES)), base, new_noise(rng, 1.1, 3), min(amount, 2.0))
