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
from .easing import Glides, moves, pulses
from .fingers import SHAPES
from .forms import FORMS, HANGING, IN_FRONT, Form, within
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
    echo    : small beats (x, y, z, extension) of a raised hand on the accents that get no stroke of their own
    """

    place: Glides
    wrist: Glides
    fingers: Glides
    echo: Glides


@dataclass(frozen=True)
class Gestures:
    """The whole plan: both hands, and the strokes in order."""

    hands: tuple[Hand, Hand]
    strokes: tuple[Stroke, ...]


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

    def hand(self, echo: Glides) -> Hand:
        def curve(part: int, lag: float) -> Glides:
            starts = np.asarray(self.starts) + lag
            return moves(starts, self.lengths, [key[part] for key in self.keys], self.first[part])

        # the wrist trails the arm a little, the fingers trail the wrist
        return Hand(curve(0, 0.0), curve(1, 0.03), curve(2, 0.045), echo)


def plan_gestures(speech: Speech, style: Style, rng: np.random.Generator) -> Gestures:
    """Gestures for the whole speech; `style.gesture` scales how many, `style.energy` how large."""
    manner = _Manner.draw(style, rng)
    front = bool(rng.random() < manner.front)
    tracks = [_Track(manner.rest(front, rng)) for _ in range(2)]
    strokes: list[Stroke] = []
    units = _units(speech, style, rng)
    ends = [p.end for p in phrases(speech)]
    lifted: tuple[int, ...] = ()
    for i, unit in enumerate(units):
        hands = manner.hands(rng)
        lifted = tuple(hand for hand in lifted if hand not in hands)
        _relax(tracks, lifted, unit[0].time - 0.7, manner, rng)
        used = (*hands, *lifted)
        kind = manner.kind(len(hands), rng)
        home = rng.normal(0.0, (0.06, 0.07, 0.04))
        before = -1.0
        for accent in unit:
            apex = accent.time - float(np.clip(rng.normal(0.065, 0.018), 0.02, 0.1))
            repeat = before > 0 and apex - before < 1.1 and rng.random() < 0.55
            if not repeat and before > 0:
                home = 0.5 * home + rng.normal(0.0, (0.07, 0.06, 0.04))
                if rng.random() < 0.55:
                    kind = manner.kind(len(hands), rng, kind)
                if rng.random() < 0.3 and apex - before > 0.9:  # the other hand joins in, or leaves it to one
                    if len(hands) == 2:
                        _relax(tracks, hands[1:], before + rng.uniform(0.2, 0.4), manner, rng)
                    hands = (hands[0], 1 - hands[0]) if len(hands) == 1 else hands[:1]
                    used = tuple(dict.fromkeys((*used, *hands)))
                    if len(hands) == 2 and kind.both < 0.5:
                        kind = manner.kind(2, rng, kind)
            size = manner.size * (0.5 + 0.8 * accent.strength) * float(rng.lognormal(0.0, 0.2))
            size = float(np.clip(size * (0.65 if repeat else 1.0), 0.3, 1.7))
            hold = rng.uniform(0.1, 0.3) if before < 0 and rng.random() < 0.25 else 0.0
            if before > 0 and apex - before > 1.2:
                _relax(tracks, hands, before + rng.uniform(0.28, 0.5), manner, rng)
            lesser = rng.uniform(0.5, 0.8) if rng.random() < 0.35 else 1.0
            for hand in hands:
                first = hand == hands[0]
                late = 0.0 if first else rng.uniform(-0.02, 0.03)
                uneven = home + rng.normal(0.0, 0.025, 3)
                much = size if first else lesser * size
                start = _beat(tracks[hand], kind, apex + late, max(before + late, 0.0), uneven, much, hold, rng)
            strokes.append(Stroke(hands, start, apex, accent.time, kind.name))
            before = apex
        upcoming = units[i + 1][0].time - 1.2 if i + 1 < len(units) else speech.duration
        leave = _leave(before, ends, rng)
        if leave > upcoming:
            lifted = used  # no time to rest: the next unit starts from where this one ended
            continue
        lifted = ()
        front = _rest(tracks, used, manner, front, leave, rng)
        # hands that wait for long change their place now and then
        while (leave := leave + rng.uniform(4.0, 9.0)) < upcoming - 2.0:
            front = _rest(tracks, (0, 1), manner, bool(rng.random() < 0.6 * manner.front), leave, rng)
    echoes = [_echo(speech, strokes, manner, style, rng) for _ in range(2)]
    return Gestures((tracks[0].hand(echoes[0]), tracks[1].hand(echoes[1])), tuple(strokes))


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
        weights = np.array([k.weight for k in FORMS]) * rng.gamma(3.0, 1 / 3, len(FORMS))
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

    def kind(self, hands: int, rng: np.random.Generator, other_than: Form | None = None) -> Form:
        fit = [0.0 if k is other_than else k.both if hands == 2 else 1.0 for k in FORMS]
        weights = self.weights * fit
        return FORMS[int(rng.choice(len(FORMS), p=weights / weights.sum()))]

    def rest(self, front: bool, rng: np.random.Generator) -> tuple[Floats, Floats, Floats]:
        where, turn = IN_FRONT if front else HANGING
        place = np.array(where) + rng.normal(0.0, (0.016, 0.01, 0.02))
        wrist = np.array(turn) + rng.normal(0.0, (6.0, 3.0, 2.0))
        shape = np.array(SHAPES["relaxed"]) * rng.uniform(0.8, 1.15) + rng.normal(0.0, 0.02, 7)
        return place, np.radians(wrist), shape


def _units(speech: Speech, style: Style, rng: np.random.Generator) -> list[list[Accent]]:
    """Accents that get a stroke, about one per 1.8 s at style.gesture 1, grouped where no rest comes between."""
    if style.gesture <= 0:
        return []
    gap = 1.8 / style.gesture
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


def _beat(
    track: _Track, kind: Form, apex: float, free: float, home: Floats, size: float, hold: float,
    rng: np.random.Generator,
) -> float:  # fmt: skip
    """Preparation, stroke and rebound of one hand, after `free`; returns when the stroke begins."""
    way = np.array(kind.way) * size * rng.uniform(0.85, 1.15, 3) + rng.normal(0.0, 0.016, 3)
    end = within(np.array(kind.end) + home + 0.25 * (size - 1.0) * np.array((0.04, 0.12, 0.12)))
    begin = within(end - way)
    way = end - begin
    loose = rng.normal(0.0, (6.0, 4.0, 3.0))
    wrists = [np.radians(np.array(w) * (min(size, 1.2), min(size, 1.2), 1.0) + loose) for w in kind.wrists]
    wrists = [np.clip(w, np.radians((-65, -35, -10)), np.radians((80, 40, 35))) for w in wrists]
    shapes = [np.array(SHAPES[s]) * rng.uniform(0.85, 1.15) + rng.normal(0.0, 0.02, 7) for s in kind.shapes]
    length = float(np.clip(0.15 + 0.43 * np.linalg.norm(way), 0.18, 0.32))
    far = float(np.linalg.norm(begin - track.last[0]))
    lift = float(np.clip((0.3 + 0.38 * far) * rng.uniform(0.9, 1.45), 0.32, 0.95))
    start = apex - length
    ready = start + 0.3 * length  # preparation flows into the stroke
    prepare = max(ready - lift - hold, free + 0.03)
    track.go(prepare, max(ready - hold, prepare + 0.15), (begin, wrists[0], shapes[0]))
    track.go(start, apex, (end, wrists[1], shapes[1]))
    back = (
        within(end - 0.2 * way),
        wrists[1] + 0.2 * (wrists[0] - wrists[1]),
        0.7 * shapes[1] + 0.3 * shapes[0],
    )
    track.go(apex + 0.01, apex + rng.uniform(0.32, 0.5), back)
    return start


def _relax(
    tracks: list[_Track], hands: tuple[int, ...], start: float, manner: _Manner, rng: np.random.Generator
) -> None:
    """Hands that wait for their next stroke don't stay in the air: they sink part of the way to rest."""
    part = rng.uniform(0.35, 0.75)
    for hand in hands:
        now, home = tracks[hand].last, manner.rest(True, rng)
        late = 0.0 if hand == hands[0] else rng.uniform(0.0, 0.1)
        key = (now[0] + part * (home[0] - now[0]), now[1] + part * (home[1] - now[1]), 0.4 * now[2] + 0.6 * home[2])
        tracks[hand].go(start + late, start + late + rng.uniform(0.55, 0.95), key)


def _leave(apex: float, ends: list[float], rng: np.random.Generator) -> float:
    """When the hands retract: after a hold, about when the phrase ends if that is soon."""
    leave = apex + rng.uniform(0.35, 0.9)
    soon = [end for end in ends if apex + 0.3 < end < apex + 1.6]
    if soon:
        leave = soon[0] + rng.uniform(-0.1, 0.35)
    return float(max(leave, apex + 0.35))


def _rest(
    tracks: list[_Track], hands: tuple[int, ...], manner: _Manner, other: bool, leave: float, rng: np.random.Generator
) -> bool:
    """Hands go back to rest: both hanging or both in front, mostly. Tells whether it is in front."""
    front = bool(rng.random() < manner.front)
    if len(hands) == 1 and front != other:
        if rng.random() < 0.6:
            front = other
        elif rng.random() < 0.8:
            hands = (hands[0], 1 - hands[0])
    for hand in hands:
        late = 0.0 if hand == hands[0] else rng.uniform(0.0, 0.12)
        key = manner.rest(front, rng)
        far = float(np.linalg.norm(key[0] - tracks[hand].last[0]))
        tracks[hand].go(leave + late, leave + late + (0.55 + 0.38 * far) * rng.uniform(0.9, 1.3), key)
    return front


def _echo(speech: Speech, strokes: list[Stroke], manner: _Manner, style: Style, rng: np.random.Generator) -> Glides:
    """Hands and voice are coupled at the scale of syllables (Pouw, Trujillo & Dixon 2020)."""
    taken = np.array([s.accent for s in strokes])
    rows: list[tuple[float, float, float, float]] = []
    sizes: list[Floats] = []
    for accent in speech.accents:
        if np.any(np.abs(taken - accent.time) < 0.3) or rng.random() < 0.15:
            continue
        apex = accent.time - rng.uniform(0.02, 0.08)
        size = (0.4 + 0.8 * accent.strength) * manner.size * min(style.gesture, 1.5) * rng.lognormal(0.0, 0.3)
        rows.append((apex - rng.uniform(0.16, 0.24), apex, apex + 0.03, apex + rng.uniform(0.3, 0.45)))
        sizes.append(size * np.array((*rng.normal((0.01, -0.06, 0.02), (0.02, 0.02, 0.015)), -rng.uniform(0.0, 0.15))))
    return pulses(rows, sizes, 4)
