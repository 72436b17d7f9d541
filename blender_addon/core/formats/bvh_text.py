"""The text of a BVH file: joints, channels and numbers, checked."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..errors import AddonError

Floats = NDArray[np.float64]

_LARGEST = 256 << 20
"""Bytes: over an hour of 60 joints at 30 frames a second."""
_MOST_JOINTS = 2000
_CHANNEL = re.compile(r"([xyz])(position|rotation)", re.IGNORECASE)
_FRAMES = re.compile(r"frames\s*:?\s*(\d+)", re.IGNORECASE)
_TIME = re.compile(r"frame\s*time\s*:?\s*(\S+)", re.IGNORECASE)
_LINES = 2048
_LARGEST_NUMBER = 1e7
_USUAL = (24.0, 25.0, 30.0, 48.0, 50.0, 60.0, 90.0, 100.0, 120.0, 200.0, 240.0)
_FASTEST, _SLOWEST = 1000.0, 0.5
_SAME, _NEAR = 1e-6, 4e-4


@dataclass(frozen=True)
class Joint:
    """`parent` is its number, -1 for the root.

    offset   : (3,) from its parent
    end      : (3,) where an End Site ends its bone, None without one
    channels : what the columns of its values are, "position" or "rotation" and the axis, 0 to 2
    """

    name: str
    parent: int
    offset: Floats
    end: Floats | None = None
    channels: tuple[tuple[str, int], ...] = ()


@dataclass(frozen=True)
class Text:
    """`values` (T, C): a column for each joint's channels, in turn."""

    fps: float
    joints: tuple[Joint, ...]
    values: Floats


def read_text(path: Path) -> Text:
    """Read a BVH file.

    Raises AddonError if there is no such file, or if it is damaged, with the reason.
    """
    try:
        if path.stat().st_size > _LARGEST:
            raise ValueError(f"it is larger than {_LARGEST >> 20} MB: cut it into parts")
        with open(path, encoding="utf-8-sig", errors="replace") as file:
            joints = _read_hierarchy(_header(file))
            frames, time = _read_counts(file)
            columns = sum(len(joint.channels) for joint in joints)
            return Text(_rate(time), joints, _read_values(file, frames, columns))
    except FileNotFoundError as error:
        raise AddonError(f"There is no BVH file at {path}. Choose another file.") from error
    except (OSError, ValueError, OverflowError) as error:
        raise AddonError(f"{path} is not a BVH file that can be read ({error}). Export it again.") from error


def _header(file: Iterable[str]) -> Iterator[str]:
    """The lines before MOTION, with braces on lines of their own, wherever they were."""
    for line in file:
        for part in re.split(r"([{}])", line.strip()):
            if part.strip().upper() == "MOTION":
                return
            if part.strip():
                yield part.strip()
    raise ValueError("it has no MOTION")


def _read_hierarchy(lines: Iterator[str]) -> tuple[Joint, ...]:
    if next(lines, "").upper() != "HIERARCHY":
        raise ValueError("it doesn't begin with HIERARCHY")
    joints: list[Joint] = []
    open_joints: list[int] = []
    in_end, opening = False, False
    for line in lines:
        word, rest = [*line.split(None, 1), ""][:2]
        word = word.upper()
        if opening != (word == "{"):
            raise ValueError(f"{line[:40]!r} stands where a brace should be, or the other way round")
        if word == "{":
            opening = False
        elif word == "}":
            if in_end:
                in_end = False
            elif open_joints:
                open_joints.pop()
            else:
                raise ValueError("it closes more braces than it opens")
        elif word in ("ROOT", "JOINT"):
            if (word == "ROOT") != (not open_joints) or in_end:
                raise ValueError(f"its {word} {rest[:40]} is in the wrong place")
            if joints and word == "ROOT":
                raise ValueError("it has several roots: export one person at a time")
            if len(joints) == _MOST_JOINTS:
                raise ValueError(f"it has more than {_MOST_JOINTS} joints")
            joints.append(Joint(_free_name(rest or "joint", joints), open_joints[-1] if joints else -1, np.zeros(3)))
            open_joints.append(len(joints) - 1)
            opening = True
        elif not open_joints:
            raise ValueError(f"{line[:40]!r} belongs to no joint")
        elif word == "END":
            in_end = opening = True
        elif word == "OFFSET":
            place = _numbers(rest.split(), 3, "OFFSET")
            i = open_joints[-1]
            joints[i] = replace(joints[i], end=place) if in_end else replace(joints[i], offset=place)
        elif word == "CHANNELS" and not in_end:
            joints[open_joints[-1]] = replace(joints[open_joints[-1]], channels=_read_channels(rest.split()))
        else:
            raise ValueError(f"it has a line {line[:40]!r}, which BVH doesn't know")
    if open_joints or opening or in_end:
        raise ValueError("it opens more braces than it closes")
    if not joints:
        raise ValueError("it has no ROOT")
    return tuple(joints)


def _free_name(name: str, joints: list[Joint]) -> str:
    """`name`, or with a number if a joint has it."""
    taken = {joint.name for joint in joints}
    return name if name not in taken else f"{name}.{len(joints):03}"


def _read_channels(words: list[str]) -> tuple[tuple[str, int], ...]:
    found = [_CHANNEL.fullmatch(word) for word in words[1:]]
    channels = tuple((match[2].lower(), "xyz".index(match[1].lower())) for match in found if match)
    if not words or words[0] != str(len(channels)) or len(channels) != len(found):
        raise ValueError(f"its channels {' '.join(words)[:60]!r} are not a number and as many positions and rotations")
    return channels


def _read_counts(file: Iterable[str]) -> tuple[int, str]:
    """The number of frames, and the time of one as it is written."""
    lines = (line.strip() for line in file if line.strip())
    frames, time = _FRAMES.fullmatch(next(lines, "")), _TIME.fullmatch(next(lines, ""))
    if frames is None or time is None:
        raise ValueError("its MOTION doesn't begin with Frames and Frame Time")
    return int(frames[1]), time[1]


def _read_values(file: Iterable[str], frames: int, columns: int) -> Floats:
    """(frames, columns), from lines of any length."""
    if not frames or not columns:
        raise ValueError("it has no frames" if columns else "it has no channels")
    parts: list[Floats] = []
    count, lines = 0, iter(file)
    while words := " ".join(islice(lines, _LINES)).split():
        count += len(words)
        if count > frames * columns:
            raise ValueError(f"it holds more numbers than {frames} frames of {columns} channels")
        parts.append(_numbers(words, len(words), "MOTION"))
    if count < frames * columns:
        raise ValueError(f"it breaks off on frame {count // columns} of {frames}")
    return np.concatenate(parts).reshape(frames, columns)


def _numbers(words: list[str], count: int, what: str) -> Floats:
    try:
        values = np.array(words, np.float64)
    except ValueError as error:
        raise ValueError(f"its {what} has something else than numbers: {error}") from error
    if len(values) != count:
        raise ValueError(f"its {what} has {len(values)} numbers instead of {count}")
    if not (np.abs(values) < _LARGEST_NUMBER).all():
        raise ValueError(f"its {what} holds numbers that are not finite or absurdly large")
    return values


def _rate(time: str) -> float:
    """Frames a second, from a frame's time as it is written, often with few digits: .0083333 is 120, .033 is 30."""
    seconds = float(time)
    if not 1 / _FASTEST <= seconds <= 1 / _SLOWEST:
        raise ValueError(f"its frame time is {time}")
    rate = 1 / seconds
    whole, television = float(round(rate)), round(rate * 1.001) / 1.001
    if math.isclose(rate, whole, rel_tol=_SAME):
        return whole
    usual = min(_USUAL, key=lambda usual: abs(1 / usual - seconds))
    if abs(1 / usual - seconds) < 10.0 ** -len(time.partition(".")[2]):
        return usual
    return next((near for near in (whole, television) if math.isclose(rate, near, rel_tol=_NEAR)), rate)
