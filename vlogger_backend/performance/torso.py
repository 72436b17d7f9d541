"""Trunk and breath: leaning into phrases, shifting weight, breathing between phrases, swaying.

Speakers breathe 12 to 18 times a minute: in quickly, at pauses, deeper before longer phrases, and out slowly while
they speak (Winkworth et al. 1995). Standing people shift their weight every few seconds to minutes and sway by
millimetres all the time (Duarte & Zatsiorsky 1999).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from ..motion.speech import Speech
from ..request import Style
from .easing import Glides, glides, moves, pulses
from .head import turned
from .noise import Noise, new_noise
from .phrases import activity, phrases

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class TorsoPose:
    """Sampled trunk: rotations in the room, and places in metres."""

    shift: Floats
    """(T, 2) the pelvis's way to the side (x) and forwards (z) from over the feet."""
    pelvis: Rotation
    chest: Rotation
    breath: Floats
    """(T,) 0 is empty, 1 is full."""
    shrug: Floats
    """(T,) how far the shoulders are lifted, radians of the collar bones."""


@dataclass(frozen=True)
class Torso:
    """The plan. `weight` is (x, z, yaw, roll) of the pelvis, `lean` (yaw, pitch, roll) of the chest against it."""

    weight: Glides
    lean: Glides
    beats: Glides
    breathing: Glides
    sway: Noise
    twist: Noise
    active: Glides
    carriage: Floats

    def at(self, times: Floats) -> TorsoPose:
        """(T,) seconds -> the trunk."""
        weight = self.weight.at(times)
        sway = self.sway.at(times)
        breath = self.breathing.at(times)[:, 0]
        lively = 0.5 + 0.5 * self.active.at(times)
        twist = self.twist.at(times) * np.radians((1.3, 0.65, 0.45)) * lively
        beats = self.beats.at(times)
        pelvis = np.stack([weight[:, 2], np.radians(0.5) * lively[:, 0] * sway[:, 2], weight[:, 3]], axis=1)
        # the trunk stays upright over a tilted pelvis
        lean = self.carriage + self.lean.at(times) + twist + beats[:, :3]
        lean = lean + np.stack([0.35 * weight[:, 2], -np.radians(1.1) * breath, -0.15 * weight[:, 3]], axis=1)
        return TorsoPose(
            shift=weight[:, :2] + 0.0042 * lively * sway[:, :2],
            pelvis=turned(pelvis),
            chest=turned(lean),
            breath=breath,
            shrug=np.radians(1.6) * breath + beats[:, 3],
        )


def plan_torso(speech: Speech, style: Style, rng: np.random.Generator) -> Torso:
    """Trunk movement for the whole speech; `style.energy` scales leaning, turning and weight shifts."""
    energy = min(style.energy, 2.0)
    return Torso(
        weight=_weight(speech, 0.4 + 0.6 * min(energy, 1.5), rng),
        lean=_lean(speech, energy, rng),
        beats=_beats(speech, energy, rng),
        breathing=_breathing(speech, rng),
        sway=new_noise(rng, 1.5, 3),
        twist=new_noise(rng, 1.0, 3),
        active=activity(speech),
        carriage=np.radians(rng.normal((0.0, 0.5, 0.0), (1.5, 0.8, 0.5))),
    )


def _weight(speech: Speech, amount: float, rng: np.random.Generator) -> Glides:
    """Weight from one leg to the other every 5 to 12 s."""
    side = rng.choice([-1.0, 1.0])

    def stance() -> Floats:
        x = side * rng.uniform(0.006, 0.024)
        z = rng.normal(0.0, 0.005)
        yaw = np.radians(rng.normal(0.0, 2.0) - 40.0 * x)
        # the hip over the standing leg is the higher one
        roll = np.radians(60.0 * x + rng.normal(0.0, 0.3))
        return np.array([x, np.clip(z, -0.012, 0.012), np.clip(yaw, -0.09, 0.09), roll]) * amount

    first = stance()
    starts: list[float] = []
    places: list[Floats] = []
    time = rng.uniform(2.0, 8.0)
    while time < speech.duration:
        side = -side if rng.random() < 0.75 else side
        starts.append(time)
        places.append(stance())
        time += rng.uniform(5.0, 12.0)
    return moves(starts, rng.uniform(1.1, 2.0, len(starts)), np.asarray(places).reshape(-1, 4), first)


def _lean(speech: Speech, energy: float, rng: np.random.Generator) -> Glides:
    """A lean and turn of the chest for every phrase and now and then within one; none in longer silence."""
    starts: list[float] = []
    places: list[Floats] = []
    spoken = phrases(speech)
    for i, phrase in enumerate(spoken):
        time = phrase.start - 0.3 * min(phrase.pause, 1.0)
        while time < phrase.end - 0.5:
            yaw, pitch, roll = rng.normal((0.0, 1.2, 0.0), (3.6, 1.5, 1.1))
            starts.append(time)
            places.append(np.radians((yaw, pitch, roll - 0.15 * yaw)) * energy)
            time += rng.uniform(2.2, 5.0)
        if i + 1 == len(spoken) or spoken[i + 1].pause > 1.2:
            starts.append(max(phrase.end + 0.1, time - 2.0))
            places.append(np.zeros(3))
    order = np.argsort(starts, kind="stable")
    begin = np.asarray(starts)[order]
    goals = np.asarray(places).reshape(-1, 3)[order]
    return moves(begin, rng.uniform(0.8, 1.5, len(begin)), goals.clip(-0.2, 0.2), np.zeros(3))


def _beats(speech: Speech, energy: float, rng: np.random.Generator) -> Glides:
    """The stronger accents go through the chest and shoulders, as a small (yaw, pitch, roll, shrug)."""
    rows: list[tuple[float, float, float, float]] = []
    sizes: list[Floats] = []
    for accent in speech.accents:
        if rng.random() > 0.4 + 0.5 * accent.strength:
            continue
        peak = accent.time + rng.normal(0.0, 0.03)
        size = (0.4 + 1.1 * accent.strength) * energy * rng.lognormal(0.0, 0.3)
        rows.append((peak - rng.uniform(0.2, 0.3), peak, peak + 0.05, peak + rng.uniform(0.35, 0.6)))
        sizes.append(size * np.array([rng.normal(0, 0.6), rng.uniform(0.3, 1.0), rng.normal(0, 0.25),
                                      rng.choice([0.0, 0.0, 1.2])]))  # fmt: skip
    return pulses(rows, np.radians(np.asarray(sizes).reshape(-1, 4)), 4)


def _breathing(speech: Speech, rng: np.random.Generator) -> Glides:
    """Breaths in before phrases, about 4 s apart, deeper before longer ones; evenly where nothing is said."""
    inhales: list[tuple[float, float]] = []  # start, length
    last = -rng.uniform(2.0, 4.0)

    def quiet_until(end: float) -> None:
        nonlocal last
        while last + 4.6 < end - 1.2:
            start = last + rng.uniform(3.6, 4.6)
            inhales.append((start, rng.uniform(1.0, 1.5)))
            last = start

    for phrase in phrases(speech):
        quiet_until(phrase.start)
        length = float(np.clip(0.8 * phrase.pause, 0.3, 0.7))
        start = phrase.start - length
        if start > last + 2.2:
            inhales.append((start, length))
            last = start
        while phrase.end - last > 7.0:  # even a fluent speaker snatches a breath
            start = last + rng.uniform(4.0, 6.0)
            inhales.append((start, 0.35))
            last = start
    quiet_until(speech.duration)
    if not inhales:
        return glides([], [], np.zeros((0, 1)), [0.3])
    starts, lengths = np.asarray(inhales).T
    nexts = np.append(starts[1:], starts[-1] + 4.5)
    depth = np.clip(0.45 + 0.12 * (nexts - starts - lengths), 0.5, 1.1) * rng.lognormal(0.0, 0.12, len(starts))
    depth = np.clip(depth, 0.3, 1.3)
    out = np.clip(nexts - starts - lengths, 0.6, 6.0)
    return glides(
        np.concatenate([starts, starts + lengths]),
        np.concatenate([lengths, out]),
        np.concatenate([depth, -depth]),
        [0.0],
    )
