"""Beat gestures: which accents get one, with which hand, of what shape, and where the hands rest between.

A gesture unit leaves rest, makes one or more strokes and returns (Kendon 2004): preparation, stroke, a short hold,
and retraction. The apex of a stroke falls on a pitch accent (Loehr 2004), the hand's peak speed shortly before the
peak of the pitch (Pouw & Dixon 2019): here the apex leads the accent by 0 to 0.1 s. Places and shapes are those of
the left hand; the right hand's are their mirror image.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from ..motion.speech import Accent, Speech
from ..request import Style
from .easing import Glides, moves
from .fingers import SHAPES
from .phrases import phrases

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Stroke:
    """One beat: its hands (0 left, 1 right), times in seconds, and the accent that it belongs to."""

    hands: tuple[int, ...]
    start: float
    apex: float
    accent: float
    kind: str


@dataclass(frozen=True)
class Hand:
    """One hand's plan.

    place   : (x outwards, y up, z forward) of the wrist from the shoulder, arm lengths
    wrist   : (supination from palm-down-in-T-pose, extension, elbow's outward swing), radians
    fingers : the hand's shape, see `fingers.CHANNELS`
    """

    place: Glides
    wrist: Glides
    fingers: Glides


@dataclass(frozen=True)
class Gestures:
    """The whole plan: both hands, and the strokes in order."""

    hands: tuple[Hand, Hand]
    strokes: tuple[Stroke, ...]


@dataclass(frozen=True)
class _Kind:
    """A stroke's form: where it ends, the way it goes to get there (arm lengths), the hand before and at its apex."""

    name: str
    weight: float
    end: tuple[float, float, float]
    way: tuple[float, float, float]
    wrist: tuple[tuple[float, float, float], tuple[float, float, float]]  # degrees, before and at the apex
    shapes: tuple[str, str]
    both: float  # how gladly with two hands


_KINDS = (
    _Kind("chop", 1.0, (0.02, -0.52, 0.61), (0.00, -0.23, 0.10), ((15, 22, 10), (15, -4, 8)), ("flat", "flat"), 1.0),
    _Kind("offer", 1.5, (0.10, -0.54, 0.63), (0.17, -0.08, 0.21), ((25, -8, 6), (72, 12, 4)), ("cupped", "open"), 1.4),
    _Kind("press", 0.8, (0.04, -0.56, 0.59), (0.06, -0.21, 0.04), ((-40, 4, 18), (-52, 26, 20)), ("cupped", "open"),
          0.9),
    _Kind("sweep", 0.8, (0.27, -0.48, 0.56), (0.36, 0.00, 0.04), ((30, -14, 12), (10, 14, 14)), ("cupped", "open"), 0.8),
    _Kind("pinch", 0.7, (0.00, -0.42, 0.61), (-0.02, -0.17, 0.13), ((5, 20, 10), (12, 0, 10)), ("pinch", "pinch"), 0.3),
    _Kind("drop", 0.9, (0.08, -0.63, 0.54), (0.06, -0.19, 0.10), ((35, 10, 5), (48, -6, 5)), ("relaxed", "cupped"), 1.1),
    _Kind("point", 0.35, (0.06, -0.46, 0.69), (0.02, -0.13, 0.23), ((-10, 12, 8), (-5, 0, 6)), ("loose", "point"), 0.0),
    _Kind("self", 0.3, (-0.06, -0.44, 0.45), (-0.08, -0.10, -0.15), ((30, 4, 10), (38, -8, 12)), ("cupped", "flat"),
          0.4),
)  # fmt: skip

_HANG = (0.21, -0.96, 0.09)
_HANG_WRIST = (-12.0, 2.0, 0.0)
_FRONT = (0.01, -0.61, 0.45)
_FRONT_WRIST = (22.0, -4.0, 6.0)

# one hand's gesture space, from its shoulder in arm lengths: never across the middle nor beyond the arm's reach
_LOWEST = np.array((-0.14, -0.75, 0.36))
_HIGHEST = np.array((0.63, -0.06, 0.84))
_REACH = 0.945


@dataclass
class _Track:
    """Keys of one hand as they are planned."""

    first: tuple[Floats, Floats, Floats]
    starts: list[float] = field(default_factory=list)
    lengths: list[float] = field(default_factory=list)
    keys: list[tuple[Floats, Floats, Floats]] = field(default_factory=list)

    @property
    def last(self) -> tuple[Floats, Floats, Floats]:
        return self.keys[-1] if self.keys else self.first

    def go(self, start: float, end: float, key: tuple[Floats, Floats, Floats]) -> None:
        start = max(start, self.starts[-1] + 0.01) if self.starts else start
        self.starts.append(start)
        self.lengths.append(max(end - start, 0.12))
        self.keys.append(key)

    def hand(self) -> Hand:
        def curve(part: int, lag: float) -> Glides:
            starts = np.asarray(self.starts) + lag
            return moves(starts, self.lengths, [key[part] for key in self.keys], self.first[part])

        # the wrist trails the arm a little, the fingers trail the wrist
        return Hand(curve(0, 0.0), curve(1, 0.03), curve(2, 0.045))


def plan_gestures(speech: Speech, style: Style, rng: np.random.Generator) -> Gestures:
    """Gestures for the whole speech; `style.gesture` scales how many, `style.energy` how large."""
    manner = _Manner.draw(style, rng)
    tracks = [_Track(manner.rest(front, rng)) for front in [rng.random() < manner.front] * 2]
    strokes: list[Stroke] = []
    units = _units(speech, style, rng)
    ends = [p.end for p in phrases(speech)]
    for i, unit in enumerate(units):
        hands = manner.hands(rng)
        kind = manner.kind(len(hands), rng)
        home = rng.normal(0.0, (0.06, 0.07, 0.04))
        before = -1.0
        for accent in unit:
            apex = accent.time - float(np.clip(rng.normal(0.045, 0.025), 0.0, 0.1))
            repeat = before > 0 and apex - before < 1.1 and rng.random() < 0.55
            if not repeat and before > 0:
                home = 0.5 * home + rng.normal(0.0, (0.07, 0.06, 0.04))
                if rng.random() < 0.4:
                    kind = manner.kind(len(hands), rng)
            size = manner.size * (0.5 + 0.8 * accent.strength) * float(rng.lognormal(0.0, 0.2))
            size = float(np.clip(size * (0.65 if repeat else 1.0), 0.3, 1.7))
            hold = rng.uniform(0.1, 0.3) if before < 0 and rng.random() < 0.25 else 0.0
            for hand in hands:
                late = rng.uniform(-0.02, 0.03) if hand != hands[0] else 0.0
                uneven = rng.normal(0.0, 0.025, 3)
                start = _beat(tracks[hand], kind, apex + late, max(before + late, 0.0), home + uneven, size, hold, rng)
            strokes.append(Stroke(hands, start, apex, accent.time, kind.name))
            before = apex
        _retract(tracks, hands, manner, before, ends, _next_start(units, i), rng)
    return Gestures((tracks[0].hand(), tracks[1].hand()), tuple(strokes))


@dataclass(frozen=True)
class _Manner:
    """What one performance is fond of."""

    size: float
    dominant: int
    both: float
    front: float
    weights: Floats

    @staticmethod
    def draw(style: Style, rng: np.random.Generator) -> _Manner:
        weights = np.array([k.weight for k in _KINDS]) * rng.gamma(2.0, 0.5, len(_KINDS))
        return _Manner(
            size=(0.35 + 0.65 * min(style.energy, 2.0)) * (0.8 + 0.2 * min(style.gesture, 2.0)),
            dominant=1 if rng.random() < 0.8 else 0,
            both=rng.uniform(0.25, 0.65),
            front=rng.uniform(0.1, 0.8),
            weights=weights,
        )

    def hands(self, rng: np.random.Generator) -> tuple[int, ...]:
        if rng.random() < self.both:
            return (self.dominant, 1 - self.dominant)
        return (self.dominant,) if rng.random() < 0.75 else (1 - self.dominant,)

    def kind(self, hands: int, rng: np.random.Generator) -> _Kind:
        weights = self.weights * [k.both if hands == 2 else 1.0 for k in _KINDS]
        return _KINDS[int(rng.choice(len(_KINDS), p=weights / weights.sum()))]

    def rest(self, front: bool, rng: np.random.Generator) -> tuple[Floats, Floats, Floats]:
        place = np.array(_FRONT if front else _HANG) + rng.normal(0.0, (0.016, 0.01, 0.02))
        wrist = np.array(_FRONT_WRIST if front else _HANG_WRIST) + rng.normal(0.0, (6.0, 3.0, 2.0))
        shape = np.array(SHAPES["relaxed"]) * rng.uniform(0.8, 1.15) + rng.normal(0.0, 0.02, 7)
        return place, np.radians(wrist), shape


def _units(speech: Speech, style: Style, rng: np.random.Generator) -> list[list[Accent]]:
    """Accents that get a stroke, about one per 1.9 s at style.gesture 1, grouped where no rest comes between."""
    if style.gesture <= 0:
        return []
    gap = 1.9 / style.gesture
    chosen: list[Accent] = []
    time = -0.5 * gap
    candidates = [a for a in speech.accents if a.time > 0.6]
    i = 0
    while i < len(candidates):
        near, far = time + max(0.55 * gap, 0.45), time + 1.5 * gap
        while i < len(candidates) and candidates[i].time < near:
            i += 1
        if i == len(candidates):
            break
        within = [a for a in candidates[i:i + 40] if a.time <= far] or [candidates[i]]  # fmt: skip
        best = max(within, key=lambda a: a.strength + rng.uniform(0.0, 0.5))
        chosen.append(best)
        time = best.time
    units: list[list[Accent]] = []
    spoken = phrases(speech)
    starts = np.array([p.start for p in spoken if p.pause > 0.9])
    for accent in chosen:
        if units:
            last = units[-1][-1].time
            parted = np.any((starts > last) & (starts <= accent.time))
            apart = accent.time - last
            if not (apart > 2.6 or (apart > 1.7 and (parted or rng.random() < 0.2))):
                units[-1].append(accent)
                continue
        units.append([accent])
    return units


def _next_start(units: list[list[Accent]], i: int) -> float:
    return units[i + 1][0].time - 1.0 if i + 1 < len(units) else np.inf


def _beat(
    track: _Track, kind: _Kind, apex: float, free: float, home: Floats, size: float, hold: float,
    rng: np.random.Generator,
) -> float:  # fmt: skip
    """Preparation, stroke and rebound of one hand, after `free`; returns when the stroke begins."""
    way = np.array(kind.way) * size * rng.uniform(0.85, 1.15, 3) + rng.normal(0.0, 0.016, 3)
    end = _within(np.array(kind.end) + home + 0.25 * (size - 1.0) * np.array((0.04, 0.12, 0.12)))
    begin = _within(end - way)
    way = end - begin
    loose = rng.normal(0.0, (6.0, 4.0, 3.0))
    wrists = [np.radians(np.array(w) * (min(size, 1.2), min(size, 1.2), 1.0) + loose) for w in kind.wrist]
    wrists = [np.clip(w, np.radians((-65, -35, -10)), np.radians((80, 40, 35))) for w in wrists]
    shapes = [np.array(SHAPES[s]) * rng.uniform(0.85, 1.15) + rng.normal(0.0, 0.02, 7) for s in kind.shapes]
    length = float(np.clip(0.15 + 0.43 * np.linalg.norm(way), 0.18, 0.32))
    far = float(np.linalg.norm(begin - track.last[0]))
    lift = float(np.clip((0.3 + 0.38 * far) * rng.uniform(0.9, 1.25), 0.32, 0.9))
    start = apex - length
    ready = start + 0.3 * length  # preparation flows into the stroke
    prepare = max(ready - lift - hold, free + 0.03)
    track.go(prepare, max(ready - hold, prepare + 0.15), (begin, wrists[0], shapes[0]))
    track.go(start, apex, (end, wrists[1], shapes[1]))
    back = (
        _within(end - 0.2 * way),
        wrists[1] + 0.2 * (wrists[0] - wrists[1]),
        0.7 * shapes[1] + 0.3 * shapes[0],
    )
    track.go(apex + 0.03, apex + 0.03 + rng.uniform(0.3, 0.5), back)
    return start


def _retract(
    tracks: list[_Track], hands: tuple[int, ...], manner: _Manner, apex: float, ends: list[float], following: float,
    rng: np.random.Generator,
) -> None:  # fmt: skip
    """Back to rest after a hold, about when the phrase ends if that is soon; not if the next unit is upon us."""
    leave = apex + rng.uniform(0.35, 0.9)
    soon = [end for end in ends if apex + 0.3 < end < apex + 1.6]
    if soon:
        leave = soon[0] + rng.uniform(-0.1, 0.35)
    leave = max(min(leave, following - 0.5), apex + 0.35)
    front = rng.random() < manner.front
    for hand in hands:
        late = rng.uniform(0.0, 0.08)
        key = manner.rest(front, rng)
        far = float(np.linalg.norm(key[0] - tracks[hand].last[0]))
        tracks[hand].go(leave + late, leave + late + (0.55 + 0.38 * far) * rng.uniform(0.9, 1.3), key)


def _within(place: Floats) -> Floats:
    """The nearest place inside the gesture space."""
    place = np.clip(place, _LOWEST, _HIGHEST)
    return place * min(1.0, _REACH / float(np.linalg.norm(place)))
