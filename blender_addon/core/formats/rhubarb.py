"""Rhubarb Lip Sync: the JSON of mouth cues (A to H and X, Preston Blair's shapes), as smooth lip motion."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import AddonError
from ..names import JOINT_NAMES
from ..take import FULL_JAW, Take

_LARGEST = 64 << 20
_LONGEST = 24 * 3600.0
_RAMP = 0.09
"""Seconds from one mouth to the next, less where the cues are short: about the time that lips take."""

_BOTH = ("mouthStretch", "mouthUpperUp", "mouthLowerDown", "mouthPress")
# Our own table: what each of Rhubarb's mouths looks like (its README describes them) in ARKit's shapes
MOUTHS: dict[str, dict[str, float]] = {
    "A": {"jawOpen": 0.04, "mouthClose": 0.04, "mouthPress": 0.15, "mouthRollLower": 0.08, "mouthRollUpper": 0.06},
    "B": {"jawOpen": 0.06, "mouthStretch": 0.16, "mouthUpperUp": 0.14, "mouthLowerDown": 0.18},
    "C": {"jawOpen": 0.20, "mouthStretch": 0.10, "mouthUpperUp": 0.05, "mouthLowerDown": 0.08},
    "D": {"jawOpen": 0.36, "mouthStretch": 0.06, "mouthUpperUp": 0.05, "mouthLowerDown": 0.10},
    "E": {"jawOpen": 0.20, "mouthFunnel": 0.26, "mouthPucker": 0.22},
    "F": {"jawOpen": 0.07, "mouthPucker": 0.75, "mouthFunnel": 0.15},
    "G": {"jawOpen": 0.05, "mouthRollLower": 0.40, "mouthUpperUp": 0.50, "mouthPress": 0.06},
    "H": {"jawOpen": 0.16, "mouthUpperUp": 0.06, "mouthLowerDown": 0.10, "tongueOut": 0.06},
    "X": {},
}


@dataclass(frozen=True)
class _Cue:
    start: float
    end: float
    mouth: str


def read_rhubarb(path: Path, fps: float) -> Take:
    """Read Rhubarb's cues as a take at `fps`: the face alone, 14 of ARKit's shapes, the body at rest.

    Each mouth is reached at the latest in the middle of its cue, and a closed one (A) on the frames around it, so that
    no closure falls between two frames.

    Raises AddonError if there is no such file, or if it is not one, with the reason.
    """
    try:
        if path.stat().st_size > _LARGEST:
            raise ValueError("it is larger than 64 MB")
        cues = _cues(json.loads(path.read_text("utf-8-sig")))
    except FileNotFoundError as error:
        raise AddonError(f"There are no mouth cues at {path}. Choose another file.") from error
    except (OSError, ValueError, RecursionError) as error:
        raise AddonError(
            f"{path} is not Rhubarb's JSON ({error}). Make it with: rhubarb -f json -o cues.json SOUND"
        ) from error
    frames = int(np.ceil(cues[-1].end * fps)) + 1
    names, curves = _curves(cues, np.arange(frames) / fps, fps)
    rest = np.zeros((frames, len(JOINT_NAMES), 3), np.float32)
    jaw = FULL_JAW * curves[:, names.index("jawOpen")]
    rest[:, JOINT_NAMES.index("jaw"), 0] = jaw
    return Take(fps, rest, np.zeros((frames, 3), np.float32), curves.astype(np.float32), names)


def _cues(data: Any) -> list[_Cue]:
    try:
        cues = [_Cue(float(cue["start"]), float(cue["end"]), str(cue["value"])) for cue in data["mouthCues"]]
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError("it has no list of mouth cues, each with a start, an end and a value") from error
    if not cues:
        raise ValueError("it has no mouth cues")
    last = 0.0
    for cue in cues:
        if cue.mouth not in MOUTHS:
            raise ValueError(f"it has a mouth {cue.mouth!r}, which Rhubarb has not")
        if not 0 <= cue.start <= cue.end < _LONGEST or cue.start < last - 1e-6:
            raise ValueError(f"its cue at {cue.start} s is out of order")
        last = cue.end
    return cues


def _curves(cues: list[_Cue], times: NDArray[Any], fps: float) -> tuple[tuple[str, ...], NDArray[np.float64]]:
    """The shapes' names, and their weights (T, n) at `times`."""
    shapes = {mouth: _spelt(weights) for mouth, weights in MOUTHS.items()}
    names = tuple(dict.fromkeys(name for weights in shapes.values() for name in weights))
    table = {mouth: np.array([weights.get(name, 0.0) for name in names]) for mouth, weights in shapes.items()}
    knots, levels = [0.0], [table["X"]]
    for cue in cues:
        middle, ramp = (cue.start + cue.end) / 2, min(_RAMP, cue.end - cue.start) / 2
        first, last = cue.start + ramp, cue.end - ramp
        if cue.mouth == "A":
            first, last = min(first, np.floor(middle * fps) / fps), max(last, np.ceil(middle * fps) / fps)
        for time in (first, last):
            if time > knots[-1]:
                knots.append(time)
                levels.append(table[cue.mouth])
            elif cue.mouth == "A":  # a closure wins over the mouth before it
                levels[-1] = table["A"]
    place = np.clip(np.searchsorted(knots, times, side="right") - 1, 0, max(len(knots) - 2, 0))
    after = np.minimum(place + 1, len(knots) - 1)
    at, heights = np.asarray(knots), np.stack(levels)
    part = np.clip((times - at[place]) / np.maximum(at[after] - at[place], 1e-9), 0, 1)
    mix = (part * part * (3 - 2 * part))[:, None]
    return names, np.asarray((1 - mix) * heights[place] + mix * heights[after])


def _spelt(weights: dict[str, float]) -> dict[str, float]:
    """Shapes that ARKit has on both sides, by their full names."""
    out = {}
    for name, weight in weights.items():
        for spelt in (f"{name}Left", f"{name}Right") if name in _BOTH else (name,):
            out[spelt] = weight
    return out
