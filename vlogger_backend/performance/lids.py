"""Blinks, and lids that follow the eyes.

Speakers blink about 26 times a minute, with wide differences (Bentivoglio et al. 1997; 10.5 to 32.5 in conversation,
Doughty 2001), irregularly, gladly at the ends of phrases and together with large gaze shifts. The lid closes in less
than 0.1 s, 40 to 47 % faster than it opens, and lingers in the last part of opening. Blinks that close fully look
the most natural (Trutoiu et al. 2011).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..motion.speech import Speech
from ..request import Style
from .easing import glides
from .phrases import phrases

Floats = NDArray[np.float64]

_MEAN_GAP = 2.9  # seconds, at style.blink 1
_SPREAD = 0.55  # of the gaps' logarithm


@dataclass(frozen=True)
class Lids:
    """The plan: per blink its moment of closure and its shape, arrays (N,) in seconds; `depth` is 0 to 1."""

    closed: Floats
    closing: Floats
    hold: Floats
    opening: Floats
    depth: Floats
    lag: Floats
    """How much later the right lid starts closing, seconds, either sign."""

    def at(self, times: Floats, fps: float) -> Floats:
        """(T,) seconds -> (T, 2) closure of the left and right lid, 0 to 1.

        The moment of closure is moved to the nearest frame, at most half a frame away, so that no blink is lost
        between two frames.
        """
        closed = np.round(self.closed * fps) / fps
        sides = []
        for lag in (0.0, self.lag):
            starts = [closed - self.closing + lag, closed + self.hold, closed + self.hold]
            lengths = [self.closing - lag, self.opening, 1.7 * self.opening]
            changes = [self.depth, -0.8 * self.depth, -0.2 * self.depth]
            curve = glides(np.concatenate(starts), np.concatenate(lengths), np.concatenate(changes), [0.0])
            sides.append(np.clip(curve.at(times)[:, 0], 0.0, 1.0))
        return np.stack(sides, axis=1)


def plan_lids(speech: Speech, style: Style, rng: np.random.Generator, shifts: Floats) -> Lids:
    """Blinks for the whole speech; `style.blink` scales their rate, `shifts` are the large gaze shifts' times."""
    good = np.sort(np.concatenate([[p.end + 0.05 for p in phrases(speech)], np.asarray(shifts) + 0.05]))
    pace = _MEAN_GAP / np.exp(_SPREAD**2 / 2) * rng.uniform(0.9, 1.12)
    times: list[float] = []
    now = float(rng.uniform(-0.5, 0.0)) * _MEAN_GAP / max(style.blink, 1e-3)
    while style.blink > 0:
        gap = float(np.clip(pace * rng.lognormal(0.0, _SPREAD), 0.7, 6.0)) / style.blink
        wish = now + max(gap, 0.45)
        near = good[(good > now + 0.5) & (np.abs(good - wish) < 0.45 * gap)]
        if len(near) and rng.random() < 0.75:
            wish = float(near[np.argmin(np.abs(near - wish))])
        if wish > speech.duration - 0.1:
            break
        now = wish
        if now > 0.12:
            times.append(now)
            if rng.random() < 0.05:
                now += float(rng.uniform(0.38, 0.5))
                times.append(now)
    closed = np.array([t for t in times if t < speech.duration - 0.05])
    n = len(closed)
    partial = rng.random(n) < 0.08
    return Lids(
        closed=closed,
        closing=rng.uniform(0.075, 0.1, n),
        hold=rng.uniform(0.01, 0.05, n),
        opening=rng.uniform(0.15, 0.22, n),
        depth=np.where(partial, rng.uniform(0.75, 0.95, n), 1.0),
        lag=rng.normal(0.0, 0.005, n).clip(-0.01, 0.01),
    )


def lid_weights(blink: Floats, eyes: Floats, relaxed: float) -> dict[str, Floats]:
    """ARKit's lid weights from blinks (T, 2) and the eyes' (yaw, pitch) in the head (T, 2).

    The upper lid rides on the eyeball: it sinks when the eyes look down and lifts when they look up. ARKit's eyeLook
    shapes carry most of that themselves; this is the rest, for rigs whose shapes move it too little. `relaxed` is
    how low it hangs otherwise, as a part of its way.
    """
    down = np.clip(-eyes[:, 1], 0.0, None)
    up = np.clip(eyes[:, 1], 0.0, None)
    weights: dict[str, Floats] = {}
    for side, name in enumerate(("Left", "Right")):
        rest: Floats = np.clip(relaxed + 0.2 * down, 0.0, 0.3)
        weights["eyeBlink" + name] = rest + (1.0 - rest) * blink[:, side]
        weights["eyeWide" + name] = np.clip(0.2 * up, 0.0, 0.1) * (1.0 - blink[:, side])
    return weights
