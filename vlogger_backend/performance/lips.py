"""Lips, jaw and tongue from phones.

Every sound pulls the mouth towards its viseme with a dominance that rises before it and falls after it (Cohen and
Massaro 1993), jaw and lips apart and as strong as the sound was spoken (JALI, Edwards et al. 2016); lip seals and
labiodental bites are then laid over it, since they must be reached whatever their neighbours want.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..motion.speech import SILENCE, TRACK_RATE, Phone, Speech
from ..request import Style
from .visemes import Viseme, visemes_of

Array = NDArray[np.float64]

_SHAPES = ("jaw", "pucker", "funnel", "spread", "teeth", "tongue")
_RISE = np.array([0.055, 0.110, 0.110, 0.080, 0.065, 0.045])
_FALL = np.array([0.060, 0.100, 0.100, 0.080, 0.065, 0.045])
"""Seconds in which the dominance of a sound rises before it and falls after it, for each of `_SHAPES`.

Lips start rounding about 120 to 150 ms before a rounded vowel; jaw and tongue are quicker (Edwards et al. 2016, after
measured onsets)."""
_PLATEAU = 0.4
"""The part of a sound during which it is fully dominant."""
_REACH = 0.6
"""Seconds beyond which a sound has no influence."""
_DIPHTHONG_SPLIT = 0.55
_SEAL_RAMP = (0.02, 0.110)
"""Shortest and longest time (s) in which lips close before a seal or part after it."""
_TOUCH = 0.6
"""The middle part of a seal's sound in which the lips touch: at its labelled edges they are still meeting or parting.

(Edwards et al. 2016 sustain a sound to three quarters of its length.)"""
_SHORT_PAUSE = 0.16
"""Pauses shorter than this (s) leave the mouth between its neighbours; longer ones shut it."""


@dataclass(frozen=True)
class LipPlan:
    """The mouth of a whole speech, ready to be sampled at any time.

    Row i of the arrays is a segment (a sound, or half a diphthong) in order of time: `centre`, `half` (half the length
    of its plateau) in seconds, (N,); `target` and `dominance` (N, 6) for the channels of `_SHAPES`.
    `seals` and `bites` are (K, 4): start and end of the sounds made with contact, and the ramps before and after.
    """

    centre: Array
    half: Array
    target: Array
    dominance: Array
    seals: Array
    bites: Array
    press: float
    smile: float
    asymmetry: float

    def at(self, times: Array, fps: float) -> dict[str, Array]:
        """ARKit weights of jaw, mouth and tongue at `times` (T,), seconds ascending, 0 to 1 each.

        `fps` is the rate at which the curves will be played: the frames on both sides of the middle of every seal
        are closed, so that no closure falls between two frames.
        """
        shapes = dict(zip(_SHAPES, self._shapes(times).T, strict=True))
        seal = _contact(times, _on_frames(self.seals, fps))
        bite = _contact(times, _on_frames(self.bites, fps)) * (1 - seal)
        return _arkit(shapes, seal, bite, self.press, self.smile, self.asymmetry)

    def _shapes(self, times: Array) -> Array:
        """(T, 6): dominance-weighted mean of the segments' targets."""
        if not len(times) or not len(self.centre):
            return np.zeros((len(times), len(_SHAPES)))
        near = (self.centre + self.half > times[0] - _REACH) & (self.centre - self.half < times[-1] + _REACH)
        after = times[:, None] - self.centre[near]
        distance = np.maximum(np.abs(after) - self.half[near], 0.0)[:, :, None]
        width = np.where(after[:, :, None] < 0, _RISE, _FALL)
        pull = self.dominance[near] * np.exp(-np.square(distance / width)) + 1e-12 * (distance < _REACH)
        weighted: Array = np.einsum("tnp,np->tp", pull, self.target[near])
        return np.asarray(weighted / np.maximum(pull.sum(axis=1), 1e-12))


def plan_lips(speech: Speech, style: Style, rng: np.random.Generator) -> LipPlan:
    """Plan the mouth for a whole speech. `rng` decides how this speaker seals, smiles and is asymmetric."""
    strength = _strength(speech, style)
    centre, half, target, dominance = [], [], [], []
    for i, phone in enumerate(speech.phones):
        for start, end, viseme in _segments(phone):
            centre.append((start + end) / 2)
            half.append((end - start) / 2 * _plateau(phone))
            jaw, lips = strength[i] if viseme.vowel else (0.5 + 0.5 * strength[i][0], 1.0)
            scale = np.array([jaw, lips, lips, lips, 1.0, 1.0])
            target.append(np.clip(np.array([getattr(viseme, shape) for shape in _SHAPES]) * scale, 0, 1))
            dominance.append(_dominance(phone, viseme))
    return LipPlan(
        centre=np.array(centre),
        half=np.array(half),
        target=np.array(target).reshape(-1, len(_SHAPES)),
        dominance=np.array(dominance).reshape(-1, len(_SHAPES)),
        seals=_contacts(speech.phones, "close"),
        bites=_contacts(speech.phones, "bite"),
        press=float(rng.uniform(0.16, 0.30)),
        smile=float(rng.uniform(0.05, 0.11)),
        asymmetry=float(rng.normal(0, 0.04)),
    )


def _segments(phone: Phone) -> list[tuple[float, float, Viseme]]:
    visemes = visemes_of(phone.symbol)
    if len(visemes) == 1:
        return [(phone.start, phone.end, visemes[0])]
    middle = phone.start + _DIPHTHONG_SPLIT * (phone.end - phone.start)
    return [(phone.start, middle, visemes[0]), (middle, phone.end, visemes[1])]


def _plateau(phone: Phone) -> float:
    """A pause holds the mouth shut for all of it but the ramps on both sides."""
    if phone.symbol != SILENCE:
        return _PLATEAU
    length = phone.end - phone.start
    return max(0.0, 1 - 0.16 / length) if length > 0 else 0.0


def _dominance(phone: Phone, viseme: Viseme) -> Array:
    if phone.symbol == SILENCE:
        level = 0.15 if phone.end - phone.start < _SHORT_PAUSE else 1.0
        return np.full(len(_SHAPES), level)
    lips = viseme.lips_dominance
    unstressed = 0.75 if viseme.vowel and phone.stress == 0 else 1.0
    # Only sounds that use the tip of the tongue say where it is.
    tongue = 1.0 if viseme.tongue else 0.3
    return np.array([viseme.jaw_dominance * unstressed, lips, lips, lips, max(lips, 0.3), tongue])


def _strength(speech: Speech, style: Style) -> list[tuple[float, float]]:
    """For each phone how far jaw and lips go, around 1, from how loudly and how high it was said.

    Edwards et al. (2016), tables 1 and 2: jaw from the vowel's intensity, lips from intensity and pitch, both relative
    to the mean and the deviation of the clip.
    """
    loudness = _means(speech, speech.loudness)
    pitch = _means(speech, np.where(speech.pitch > 0, speech.pitch, np.nan))
    vowels = np.array([any(v.vowel for v in visemes_of(p.symbol)) for p in speech.phones], bool)
    loud, high = _z(loudness, vowels), _z(pitch, vowels)
    energy = 0.62 + 0.50 * style.energy
    jaw = energy * np.clip(1.0 + 0.20 * loud, 0.62, 1.40)
    lips = energy**0.5 * np.clip(1.0 + 0.10 * loud + 0.06 * high, 0.75, 1.25)
    return list(zip(jaw.tolist(), lips.tolist(), strict=True))


def _means(speech: Speech, track: NDArray[np.float32]) -> Array:
    """The mean of a track over each phone; NaN where it has no value."""
    out = np.full(len(speech.phones), np.nan)
    for i, phone in enumerate(speech.phones):
        part = track[
            int(phone.start * TRACK_RATE) : max(int(phone.start * TRACK_RATE) + 1, int(phone.end * TRACK_RATE))
        ]
        part = part[np.isfinite(part)]
        if len(part):
            out[i] = part.mean()
    return out


def _z(values: Array, which: NDArray[np.bool_]) -> Array:
    """Deviations from the mean over `which`, 0 where there is nothing to compare."""
    known = values[which & np.isfinite(values)]
    if len(known) < 3 or known.std() < 1e-6:
        return np.zeros(len(values))
    return np.asarray(np.nan_to_num((values - known.mean()) / known.std()))


def _contacts(phones: tuple[Phone, ...], kind: str) -> Array:
    """(K, 4) start, end, ramp before, ramp after of every lip contact of a kind; neighbours are one contact.

    "Pop man" has one long seal (JALI's first rule). The ramps reach no further than the middle of the sound beside it,
    so that a short vowel between two seals still opens.
    """
    rows: list[list[float]] = []
    for i, phone in enumerate(phones):
        if not any(getattr(v, kind) for v in visemes_of(phone.symbol)):
            continue
        before, after = (phones[i - 1] if i else None), (phones[i + 1] if i + 1 < len(phones) else None)
        on = np.clip((before.end - before.start) / 2 if before else 1.0, *_SEAL_RAMP)
        off = np.clip((after.end - after.start) / 2 if after else 1.0, *_SEAL_RAMP)
        if rows and phone.start - rows[-1][1] < 1e-6:
            rows[-1][1], rows[-1][3] = phone.end, off
        else:
            rows.append([phone.start, phone.end, on, off])
    return np.array(rows, float).reshape(-1, 4)


def _on_frames(contacts: Array, fps: float) -> Array:
    """When the lips touch: in the middle part of the sound, and at least in the frames around its middle."""
    start, end, on, off = contacts.T
    middle = (start + end) / 2 * fps
    edge = (1 - _TOUCH) / 2 * (end - start)
    meet = np.minimum(start + edge, np.floor(middle) / fps)
    part = np.maximum(end - edge, np.ceil(middle) / fps)
    return np.stack([meet, part, on, off], axis=1)


def _contact(times: Array, contacts: Array) -> Array:
    """(T,) 0 to 1: how far the nearest contact is made."""
    level = np.zeros(len(times))
    if not len(times):
        return level
    near = contacts[(contacts[:, 1] > times[0] - 0.5) & (contacts[:, 0] < times[-1] + 0.5)]
    for start, end, on, off in near:
        part = slice(*np.searchsorted(times, (start - on, end + off)))
        t = times[part]
        ramp = np.minimum((t - start) / on + 1, (end - t) / off + 1)
        level[part] = np.maximum(level[part], _smooth(np.clip(ramp, 0, 1)))
    return level


def _smooth(x: Array) -> Array:
    return x * x * (3 - 2 * x)


def _arkit(
    shapes: dict[str, Array], seal: Array, bite: Array, press: float, smile: float, asymmetry: float
) -> dict[str, Array]:
    """Articulation -> ARKit weights (the pose table is our own, tuned on the built-in face).

    ARKit's `mouthClose` closes the lips over an open jaw: equal to `jawOpen`, the lips just touch.
    """
    free = 1 - np.maximum(seal, bite)
    rounding = np.maximum(shapes["pucker"], shapes["funnel"])
    jaw = shapes["jaw"] * (1 - 0.45 * seal) * (1 - 0.30 * bite)
    spread = shapes["spread"] * (1 - 0.8 * np.clip(rounding * 1.5, 0, 1))
    teeth = shapes["teeth"] * free
    pucker = shapes["pucker"] * (1 - 0.25 * seal)
    funnel = shapes["funnel"] * (1 - seal) * (1 - 0.6 * bite)
    left, right = 1 + asymmetry, 1 - asymmetry
    both = {
        "mouthStretch": 0.42 * spread,
        "mouthSmile": (0.30 * spread + smile * (1 - np.clip(rounding, 0, 1))) * (1 - 0.4 * seal),
        "mouthDimple": 0.10 * spread,
        "mouthPress": press * seal + 0.08 * bite,
        "mouthUpperUp": 0.34 * teeth + 0.06 * funnel + 0.56 * bite,
        "mouthLowerDown": 0.40 * teeth + 0.10 * funnel,
    }
    weights = {
        "jawOpen": jaw,
        "mouthClose": jaw * seal,
        "mouthPucker": pucker,
        "mouthFunnel": funnel,
        "mouthRollLower": 0.10 * seal + 0.40 * bite,
        "mouthRollUpper": 0.08 * seal,
        "mouthShrugLower": 0.22 * bite,
        "tongueOut": 0.55 * shapes["tongue"] * free,
    }
    for name, values in both.items():
        weights[name + "Left"] = values * left
        weights[name + "Right"] = values * right
    return {name: np.clip(values, 0, 1) for name, values in weights.items()}
