"""The picture of a take: frames of the character over the waveform, the phones and the main curves."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..files import writing
from ..motion.motion import Motion
from ..motion.names import ARKIT_INDEX, JOINT_INDEX
from ..motion.speech import SILENCE, TRACK_RATE, Speech
from ..motion.take import Take
from ..progress import Progress, no_progress
from .following import Shot, filmed
from .preview import render_views

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from ..avatars.avatar import Avatar

_LONGEST = 12.0
"""Seconds that one picture can show legibly; of a longer take it shows the first ones with speech."""
_COLUMNS = 9
_VIEWS: tuple[tuple[Shot, tuple[int, int]], ...] = (("body", (300, 380)), ("face", (300, 304)))
_LETTER = 0.0052
"""Width of a letter as part of the picture's width."""
_INK, _FAINT = "#22262b", "#9aa1a9"
_COLOURS = ("#d1495b", "#2e86ab", "#3c9d6d", "#e2a03f")


def write_strip(path: Path, avatar: Avatar, take: Take, sound: Path, progress: Progress = no_progress) -> None:
    """Draw the picture as a PNG.

    Raises InputError if `sound` can't be read, no picture can be rendered, or `path` can't be written.
    """
    logging.getLogger("matplotlib").setLevel(logging.ERROR)  # it tells of its own cache folder
    from matplotlib.figure import Figure

    start, stop = _window(take.speech, take.motion)
    times = start + (np.arange(_COLUMNS) + 0.5) / _COLUMNS * (stop - start)
    figure = Figure(figsize=(16, 11.2), dpi=100, facecolor="white")
    grid = figure.add_gridspec(
        6,
        1,
        height_ratios=(4.9, 1.1, 0.6, 1.5, 1.15, 1.5),
        hspace=0.09,
        left=0.08,
        right=0.985,
        top=0.955,
        bottom=0.05,
    )
    _draw_frames(figure, grid[0], avatar, take.motion, times, progress)
    rows = [figure.add_subplot(grid[i]) for i in range(1, 6)]
    _draw_sound(rows[0], sound, take.speech, start, stop)
    _draw_phones(rows[1], take.speech, start, stop)
    _draw_curves(rows[2], take.motion, _lip_curves(take.motion), "lips")
    _draw_curves(rows[3], take.motion, _eye_curves(take.motion), "eyes, brows")
    _draw_curves(rows[4], take.motion, _body_curves(take.motion, take.speech), "head, hands")
    for row in rows:
        row.set_xlim(start, stop)
        row.yaxis.set_label_coords(-0.025, 0.5)
        row.tick_params(labelbottom=row is rows[-1], length=2, colors=_INK, labelsize=8)
        for side in ("top", "right"):
            row.spines[side].set_visible(False)
        for time in times:
            row.axvline(time, color=_FAINT, lw=0.5, ls=":")
    rows[-1].set_xlabel("seconds", fontsize=9, color=_INK)
    whole = "" if stop - start >= take.motion.duration - 1e-6 else f", {start:.1f} to {stop:.1f} s of it"
    figure.suptitle(
        f"{Path(take.request.audio).name}   {take.motion.duration:.1f} s{whole}, {take.speech.method} speech, "
        f"seed {take.request.seed}   ·   generated animation",
        fontsize=11, color=_INK, x=0.08, ha="left",
    )  # fmt: skip
    with writing(path) as temporary:
        figure.savefig(temporary, format="png", metadata={"Software": "vlogger: generated animation"})


def _window(speech: Speech, motion: Motion) -> tuple[float, float]:
    length = min(motion.duration, _LONGEST)
    if motion.duration <= _LONGEST:
        return 0.0, length
    first = next((p.start for p in speech.phones if p.symbol != SILENCE), 0.0)
    start = min(max(first - 0.3, 0.0), motion.duration - length)
    return start, start + length


def _draw_frames(
    figure: Any, place: Any, avatar: Avatar, motion: Motion, times: NDArray[np.float64], progress: Progress
) -> None:
    """Two rows of rendered frames, the body over the face, at `times`."""
    frames = np.clip((times * motion.fps).round().astype(int), 0, len(motion) - 1)
    chosen = Motion(motion.fps, *(a[frames] for a in (motion.poses, motion.trans, motion.arkit, motion.expression)))
    cells = place.subgridspec(2, _COLUMNS, wspace=0.02, hspace=0.02, height_ratios=[size[1] for _, size in _VIEWS])
    cameras = [filmed(avatar, motion, size, shot).only(frames) for shot, size in _VIEWS]
    for column, pictures in enumerate(render_views(avatar, chosen, cameras)):
        for row, picture in enumerate(pictures):
            axes = figure.add_subplot(cells[row, column])
            axes.imshow(picture, aspect="auto")
            axes.set_axis_off()
        progress("Drawing the picture", (column + 1) / _COLUMNS)


def _draw_sound(axes: Axes, sound: Path, speech: Speech, start: float, stop: float) -> None:
    samples, rate = _heard(sound, start, stop)
    block = max(1, len(samples) // 2400)
    usable = samples[: len(samples) // block * block].reshape(-1, block)
    if len(usable):
        x = start + (np.arange(len(usable)) + 0.5) * block / rate
        axes.fill_between(x, usable.min(axis=1), usable.max(axis=1), color="#5b6570", lw=0)
        axes.set_ylim(*(np.array([-1.05, 1.6]) * max(1e-3, np.abs(usable).max())))
    axes.set_yticks([])
    axes.set_ylabel("sound", fontsize=9, rotation=0, ha="right", va="center")
    low, top = axes.get_ylim()
    row_ends = [start, start]  # words that would touch go to the second row
    for word in speech.words:
        if start <= word.start < stop:
            row = 0 if word.start >= row_ends[0] else 1
            row_ends[row] = word.start + (len(word.text) + 1) * _LETTER * (stop - start)
            axes.text(
                word.start, top - row * 0.11 * (top - low), word.text, fontsize=8, va="top", color=_INK, clip_on=True
            )


def _heard(sound: Path, start: float, stop: float) -> tuple[NDArray[np.float32], int]:
    """The samples from `start` to `stop`, seconds, and their rate; blocks outside are passed over."""
    from ..speech.audio import RATE, open_sound

    first, last, position, parts = round(start * RATE), round(stop * RATE), 0, []
    for block in open_sound(sound).blocks():
        parts.append(block[max(first - position, 0) : max(last - position, 0)])
        position += len(block)
        if position >= last:
            break
    return np.concatenate([np.zeros(0, np.float32), *parts]), RATE


def _draw_phones(axes: Axes, speech: Speech, start: float, stop: float) -> None:
    axes.set_ylim(0, 1)
    axes.set_yticks([])
    axes.set_ylabel("phones", fontsize=9, rotation=0, ha="right", va="center")
    for i, phone in enumerate(speech.phones):
        if phone.symbol == SILENCE or phone.end <= start or phone.start >= stop:
            continue
        shade = "#f4d9dc" if phone.stress else ("#e9edf1" if i % 2 else "#dfe5ea")
        axes.axvspan(phone.start, phone.end, color=shade, lw=0)
        axes.text((phone.start + phone.end) / 2, 0.5 + 0.18 * (-1) ** i, phone.symbol, ha="center", va="center",
                  fontsize=7, color=_INK, clip_on=True)  # fmt: skip


def _draw_curves(axes: Axes, motion: Motion, curves: Sequence[tuple[str, NDArray[Any]]], label: str) -> None:
    times = np.arange(len(motion)) / motion.fps
    for (name, values), colour in zip(curves, _COLOURS, strict=False):
        axes.plot(times, values, lw=1.1, color=colour, label=name)
    axes.set_ylabel(label, fontsize=9, rotation=0, ha="right", va="center")
    axes.legend(loc="upper right", ncols=len(curves), fontsize=7, frameon=False, borderaxespad=0.1)
    low, high = axes.get_ylim()
    axes.set_ylim(low, high + 0.3 * (high - low))  # room for the legend
    axes.yaxis.set_tick_params(labelsize=7)


def _weight(motion: Motion, *names: str) -> NDArray[Any]:
    return np.asarray(motion.arkit[:, [ARKIT_INDEX[name] for name in names]].mean(axis=1))


def _lip_curves(motion: Motion) -> list[tuple[str, NDArray[Any]]]:
    return [
        ("jawOpen", _weight(motion, "jawOpen")),
        ("mouthClose", _weight(motion, "mouthClose")),
        ("mouthPucker", _weight(motion, "mouthPucker")),
        ("mouthStretch", _weight(motion, "mouthStretchLeft", "mouthStretchRight")),
    ]


def _eye_curves(motion: Motion) -> list[tuple[str, NDArray[Any]]]:
    look = _weight(motion, "eyeLookOutLeft", "eyeLookInRight") - _weight(motion, "eyeLookInLeft", "eyeLookOutRight")
    return [
        ("eyeBlink", _weight(motion, "eyeBlinkLeft", "eyeBlinkRight")),
        ("gaze to the left", look),
        ("brows up", _weight(motion, "browInnerUp", "browOuterUpLeft", "browOuterUpRight")),
    ]


def _body_curves(motion: Motion, speech: Speech) -> list[tuple[str, NDArray[Any]]]:
    """Degrees; the emphasis is drawn to the same height as the largest of them."""
    degrees = np.rad2deg(motion.poses)
    head = degrees[:, JOINT_INDEX["neck"]] + degrees[:, JOINT_INDEX["head"]]
    bend = np.linalg.norm(degrees[:, [JOINT_INDEX["left_elbow"], JOINT_INDEX["right_elbow"]]], axis=2).max(axis=1) / 10
    curves = [("head nod °", head[:, 0]), ("head turn °", head[:, 1]), ("elbow bend °/10", bend)]
    if len(speech.emphasis):
        times = np.arange(len(motion)) / motion.fps
        emphasis = np.interp(times, np.arange(len(speech.emphasis)) / TRACK_RATE, speech.emphasis)
        curves.append(("emphasis", emphasis * max(1.0, float(np.abs(head).max()))))
    return curves
