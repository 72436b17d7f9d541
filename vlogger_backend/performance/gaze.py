"""Where the character looks: at the listener, away at the start of thoughts, and the small saccades between.

Speakers look away as they begin a longer utterance or hesitate and back as it ends (Kendon 1967). Saccades last
about 21 ms + 2.2 ms per degree (Baloh et al. 1975) and are at least 150 ms apart; in larger gaze shifts the head
takes a share, slower and a little later (Guitton & Volle 1987). The listener is straight ahead, far away, at the
height of the eyes.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from ..motion.speech import Speech
from ..request import Style
from .easing import Glides, moves
from .noise import Noise, new_noise
from .phrases import phrases

Floats = NDArray[np.float64]

LARGE = np.radians(6.0)
"""A gaze shift this large moves the head too and likes to bring a blink with it."""
_FURTHEST = np.radians((32.0, 22.0))  # how far the eyes turn in the head, sideways and up or down


@dataclass(frozen=True)
class Gaze:
    """The plan. Directions are (yaw, pitch) in radians: yaw to the character's left, pitch up."""

    line: Glides
    head: Glides
    drift: Noise
    shifts: Floats
    """(N,) seconds at which a large gaze shift begins."""

    def at(self, times: Floats) -> Floats:
        """(T,) seconds -> (T, 2) line of sight in the room."""
        line: Floats = self.line.at(times) + np.radians(0.12) * self.drift.at(times)
        return line

    def head_share(self, times: Floats) -> Floats:
        """(T,) seconds -> (T, 2) the head's part of the gaze shifts."""
        return self.head.at(times)


def plan_gaze(speech: Speech, style: Style, rng: np.random.Generator) -> Gaze:
    """Saccades for the whole speech; `style.gaze` scales how often and how far the eyes leave the listener."""
    away = _aversions(speech, style, rng)
    starts: list[float] = []
    targets: list[tuple[float, float]] = []
    share: list[float] = []
    time, turn = float(rng.uniform(0.1, 0.8)), 0
    reach = min(style.gaze, 1.5)
    while time < speech.duration and style.gaze > 0:
        while turn < len(away) and away[turn][1] < time + 0.3:  # over before it could begin
            turn += 1
        averted = turn < len(away) and away[turn][0] <= time
        if averted:
            there = away[turn][2] + np.radians(rng.normal(0.0, (1.2, 0.8)) * reach)
        else:
            there = np.radians(rng.normal((0.0, -0.4), (0.9, 0.8)) * reach)  # between the listener's eyes and mouth
        starts.append(time)
        targets.append((there[0], there[1]))
        share.append(float(rng.uniform(0.2, 0.45)))
        gap = float(np.clip(rng.lognormal(np.log(0.85), 0.55), 0.25, 3.0)) / np.sqrt(max(style.gaze, 0.25))
        following = time + max(gap, 0.25)
        # an aversion's beginning and end are saccades of their own
        for start, end, _ in away[turn : turn + 2]:
            for edge in (start, end):
                if time + 0.25 < edge < following:
                    following = edge
        time = following
    line = np.asarray(targets).reshape(-1, 2)
    steps = np.linalg.norm(np.diff(line, axis=0, prepend=np.zeros((1, 2))), axis=1)
    durations = np.clip(0.021 + 0.0022 * np.degrees(steps), 0.03, 0.08)
    shifts = np.asarray(starts)[steps > LARGE] if starts else np.zeros(0)
    return Gaze(
        line=moves(starts, durations, line, np.zeros(2)),
        head=_head_share(np.asarray(starts), line, steps, np.asarray(share)),
        drift=new_noise(rng, 0.6, 2),
        shifts=shifts,
    )


def _aversions(speech: Speech, style: Style, rng: np.random.Generator) -> list[tuple[float, float, Floats]]:
    """(start, end, (yaw, pitch)) of the looks away, in order and apart from one another."""
    wanted: list[tuple[float, float]] = []
    side = rng.choice([-1.0, 1.0])  # people have a favourite side
    spoken = phrases(speech)
    for phrase in spoken:
        length = phrase.end - phrase.start
        if length > 0.8 and rng.random() < min(0.25 + 0.3 * phrase.pause, 0.6) * style.gaze:
            start = phrase.start - rng.uniform(0.0, 0.4) * min(phrase.pause, 1.0)
            wanted.append((start, min(rng.lognormal(np.log(0.85), 0.4), 2.2, 0.8 * length + 0.2)))
        time = phrase.start + rng.uniform(2.5, 6.0)
        while time < phrase.end - 1.0 and style.gaze > 0:
            wanted.append((time, rng.lognormal(np.log(0.6), 0.35)))
            time += rng.uniform(3.0, 7.0) / style.gaze
    edges = [0.0, *(e for p in spoken for e in (p.start, p.end)), speech.duration]
    for quiet, end in zip(edges[::2], edges[1::2], strict=True):
        time = quiet + rng.uniform(0.6, 3.0)
        while time < end - 0.8 and style.gaze > 0:
            wanted.append((time, rng.lognormal(np.log(0.8), 0.4)))
            time += rng.uniform(2.0, 6.0) / style.gaze
    looks: list[tuple[float, float, Floats]] = []
    for start, length in sorted(wanted):
        if start < (looks[-1][1] + 0.8 if looks else 0.3):
            continue
        kind = rng.choice(3, p=(0.45, 0.3, 0.25))  # down and aside, aside, up and aside
        aside = rng.uniform((4.0, 8.0, 4.0)[kind], (13.0, 18.0, 12.0)[kind])
        height = rng.uniform((-12.0, -3.0, 4.0)[kind], (-5.0, 3.0, 11.0)[kind])
        if rng.random() < 0.3:
            aside = -aside
        reach = 0.5 + 0.5 * min(style.gaze, 2.0)
        looks.append((start, start + max(length, 0.4), np.radians((side * aside, height)) * reach))
    return looks


def _head_share(starts: Floats, line: Floats, steps: Floats, share: Floats) -> Glides:
    """The head follows the larger shifts part of the way, and comes back when the eyes do."""
    kept = steps > LARGE
    goals = line[kept] * share[kept][:, None] * (np.linalg.norm(line[kept], axis=1) > LARGE / 2)[:, None]
    return moves(starts[kept] + 0.03, 0.3 + 0.6 * steps[kept], goals, np.zeros(2))


def direction(line: Floats) -> Floats:
    """(T, 2) yaw and pitch -> (T, 3) unit vectors."""
    yaw, pitch = line.T
    return np.stack([np.sin(yaw) * np.cos(pitch), np.sin(pitch), np.cos(yaw) * np.cos(pitch)], axis=1)


def in_head(line: Floats, head: Rotation) -> Floats:
    """The eyes' own (yaw, pitch) that keeps the line of sight while the head is turned: the vestibulo-ocular reflex.

    line: (T, 2) in the room; head: (T) rotation of the head in the room. Kept within the eyes' reach.
    """
    seen = head.inv().apply(direction(line))
    angles = np.stack([np.arctan2(seen[:, 0], seen[:, 2]), np.arcsin(np.clip(seen[:, 1], -1, 1))], axis=1)
    eyes: Floats = np.clip(angles, -_FURTHEST, _FURTHEST)
    return eyes


def eye_rotation(eyes: Floats) -> Floats:
    """(T, 2) eyes' (yaw, pitch) in the head -> (T, 3) axis-angle without torsion (Listing's law)."""
    seen = direction(eyes)
    axis = np.cross(np.array([0.0, 0.0, 1.0]), seen)
    sine = np.linalg.norm(axis, axis=1, keepdims=True)
    angle = np.arctan2(sine, seen[:, 2:])
    return np.where(sine > 1e-9, axis / np.maximum(sine, 1e-9) * angle, axis)


FULL_LOOK = np.radians(30.0)
"""How far the eye turns at an eyeLook weight of 1."""


def look_weights(eyes: Floats) -> dict[str, Floats]:
    """(T, 2) eyes' (yaw, pitch) in the head -> ARKit's eyeLook weights, each (T,)."""
    left, right = np.clip(eyes[:, 0] / FULL_LOOK, 0, 1), np.clip(-eyes[:, 0] / FULL_LOOK, 0, 1)
    up, down = np.clip(eyes[:, 1] / FULL_LOOK, 0, 1), np.clip(-eyes[:, 1] / FULL_LOOK, 0, 1)
    return {
        "eyeLookOutLeft": left, "eyeLookInLeft": right, "eyeLookUpLeft": up, "eyeLookDownLeft": down,
        "eyeLookOutRight": right, "eyeLookInRight": left, "eyeLookUpRight": up, "eyeLookDownRight": down,
    }  # fmt: skip
