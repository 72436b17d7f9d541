"""Head movement: nods and turns on accents, posture by phrase, a little restlessness.

Head movement follows prosody (Hadar et al. 1983; McClave 2000; Munhall et al. 2004 find most of it explained by
pitch and loudness): quick movements of a few degrees peak with accents, slower ones mark phrases, and a listening or
waiting head is much stiller. The plan is for the head's turn in the room, since people hold their heads steady
while the trunk moves under them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from ..motion.speech import Speech
from ..request import Style
from .easing import Glides, moves, pulses
from .gaze import Gaze
from .noise import Noise, new_noise
from .phrases import activity, phrases, rises

Floats = NDArray[np.float64]

_LIMIT = np.radians((28.0, 22.0, 16.0))  # of yaw, pitch and roll; approached softly


@dataclass(frozen=True)
class Head:
    """The plan, in radians of (yaw to the character's left, pitch down, roll to the character's right)."""

    posture: Glides
    beats: Glides
    slow: Noise
    quick: Noise
    active: Glides
    gaze: Gaze
    amount: float

    def at(self, times: Floats) -> Rotation:
        """(T,) seconds -> the head's rotation in the room."""
        lively = self.active.at(times)
        slow = self.slow.at(times) * np.radians((1.1, 0.7, 0.7)) * (0.45 + 0.55 * lively)
        quick = self.quick.at(times) * np.radians((0.6, 0.75, 0.4)) * lively
        angles = self.amount * (self.posture.at(times) + slow + quick) + self.beats.at(times)
        look = self.gaze.head_share(times) * min(self.amount, 1.3)
        angles = angles + np.stack([look[:, 0], -look[:, 1], -0.15 * look[:, 0]], axis=1)
        return turned(_LIMIT * np.tanh(angles / _LIMIT))


def plan_head(speech: Speech, style: Style, rng: np.random.Generator, gaze: Gaze) -> Head:
    """Head movement for the whole speech; `style.head` scales it all, `style.energy` the beats a little."""
    return Head(
        posture=_posture(speech, rng),
        beats=_beats(speech, style.head * (0.6 + 0.4 * style.energy), rng),
        slow=new_noise(rng, 1.7, 3),
        quick=new_noise(rng, 0.42, 3),
        active=activity(speech),
        gaze=gaze,
        amount=style.head,
    )


def _posture(speech: Speech, rng: np.random.Generator) -> Glides:
    """Where the head is held: a new place for every phrase and every few seconds of a long one."""
    liking = rng.normal(0.0, (2.0, 1.0, 1.2))  # this performance's own way to hold the head
    starts: list[float] = []
    places: list[Floats] = []

    def shift(time: float, calm: float) -> None:
        yaw, pitch, roll = rng.normal(0.0, (3.8, 1.8, 1.8)) * calm
        starts.append(time)
        places.append(liking + np.array((yaw, pitch, roll - 0.25 * yaw)))

    quiet = 0.0
    for phrase in phrases(speech):
        for time in np.arange(quiet + rng.uniform(1.5, 3.0), phrase.start - 1.5, 3.7):
            shift(float(time + rng.uniform(0.0, 1.5)), 0.6)
        shift(phrase.start - 0.25 * min(phrase.pause, 1.0), 1.0)
        time = phrase.start + rng.uniform(1.2, 2.6)
        while time < phrase.end - 0.6:
            shift(time, 0.8)
            time += rng.uniform(1.2, 3.0)
        if rises(speech, phrase):  # a question looks up and aside
            starts.append(phrase.end - 0.4)
            places.append(liking + np.array((rng.normal(0.0, 2.0), rng.uniform(-4.0, -1.0), rng.normal(0.0, 3.0))))
        quiet = phrase.end
    for time in np.arange(quiet + rng.uniform(0.5, 2.0), speech.duration - 0.5, 4.1):
        shift(float(time + rng.uniform(0.0, 1.8)), 0.6)
    order = np.argsort(starts, kind="stable")
    begin = np.asarray(starts)[order]
    return moves(begin, rng.uniform(0.5, 1.1, len(begin)), np.radians(np.asarray(places).reshape(-1, 3)[order]),
                 np.radians(liking))  # fmt: skip


def _beats(speech: Speech, amount: float, rng: np.random.Generator) -> Glides:
    """Quick movements that peak at accents: nods for the most part, some upward jerks, turns and tilts."""
    rows: list[tuple[float, float, float, float]] = []
    sizes: list[Floats] = []
    side = rng.choice([-1.0, 1.0])
    last = -1.0
    for accent in speech.accents:
        if accent.time < last + 0.28 or rng.random() > 0.4 + 0.55 * accent.strength:
            continue
        peak = accent.time + rng.normal(0.015, 0.03)
        size = (2.2 + 4.8 * accent.strength) * float(rng.lognormal(0.0, 0.28)) * amount
        kind = rng.choice(4, p=(0.58, 0.14, 0.16, 0.12))
        if kind == 0:  # nod
            main = np.array([rng.normal(0, 0.15), 1.0, rng.normal(0, 0.12)])
        elif kind == 1:  # up
            main = np.array([rng.normal(0, 0.15), -0.75, rng.normal(0, 0.12)])
        elif kind == 2:  # turn
            main = np.array([1.0 * side, 0.35, -0.3 * side])
            side = -side
        else:  # tilt
            main = np.array([0.25 * side, 0.35, 0.6 * side])
            side = -side
        rise, fall = rng.uniform(0.16, 0.26), rng.uniform(0.28, 0.5)
        if rng.random() < 0.45:  # a small wind-up the other way
            rows.append((peak - rise - 0.22, peak - rise, peak - rise, peak))
            sizes.append(main * size * -0.22)
        rows.append((peak - rise, peak, peak + rng.uniform(0.0, 0.08), peak + fall))
        sizes.append(main * size)
        last = peak
    return pulses(rows, np.radians(np.asarray(sizes).reshape(-1, 3)), 3)


def turned(angles: Floats) -> Rotation:
    """(T, 3) yaw, pitch (down), roll (to the right) in radians -> rotations, the yaw outermost."""
    return Rotation.from_euler("YXZ", angles)


def split(turn: Rotation, share: float) -> tuple[Rotation, Rotation]:
    """Two rotations that make `turn`, one after the other, the first of them its `share`: for neck and head."""
    first = Rotation.from_rotvec(turn.as_rotvec() * share)
    return first, first.inv() * turn
