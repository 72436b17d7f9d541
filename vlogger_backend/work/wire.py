"""What a worker and its parent say to each other: one JSON object a line.

The parent says `{"run": 3, "task": {…}}` and `{"cancel": 3}`; the worker answers `{"run": 3, "kind": "Advanced", …}`,
one line for each event, the last one for the outcome. The number tells the talk about one task from that of another.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Any, get_type_hints

from ..camera import camera_from_dict
from ..painting import painting_from_dict
from ..request import Body, body_from, request_from_dict
from .task import (
    Advanced,
    Animate,
    Cancelled,
    CurvesDone,
    Done,
    Event,
    Failed,
    FileDone,
    FrameDone,
    MakeCharacter,
    MakePortrait,
    MakeProducts,
    PaintShot,
    PreviewDone,
    Render,
    Task,
)

LONGEST_LINE = 1 << 20
"""Bytes of one line of the worker; a longer one is nonsense."""


@dataclass(frozen=True)
class Begun:
    """The worker has taken the task up."""


Message = Begun | Event | Done | Failed | Cancelled

_KINDS = (Begun, Advanced, FileDone, CurvesDone, FrameDone, PreviewDone, Done, Failed, Cancelled)
_JSON_TYPES: dict[object, Any] = {float: (int, float), dict[str, Any]: dict}
_MESSAGES: dict[str, tuple[type[Message], dict[str, Any]]] = {
    kind.__name__: (kind, {name: _JSON_TYPES.get(hint, hint) for name, hint in get_type_hints(kind).items()})
    for kind in _KINDS
}
"""What each kind of message is, and the types of its fields."""


def run_line(run: int, task: Task) -> bytes:
    """The line that asks the worker for a task."""
    return _line({"run": run, "task": {"kind": type(task).__name__, **vars(task)}})


def cancel_line(run: int) -> bytes:
    """The line that asks the worker to leave a task."""
    return _line({"cancel": run})


def message_line(run: int, message: Message) -> bytes:
    """The line by which the worker tells a message."""
    return _line({"run": run, "kind": type(message).__name__, **vars(message)})


def read_command(line: bytes) -> tuple[int, Task | None]:
    """What the parent says: the number of a run, and its task; None asks to cancel it."""
    data = json.loads(line)
    return (data["cancel"], None) if "cancel" in data else (data["run"], _task(data["task"]))


def read_message(line: bytes) -> tuple[int, Message] | None:
    """What the worker says, or None if the line is nonsense."""
    try:
        data = json.loads(line)
        run, (kind, types) = data.pop("run"), _MESSAGES[data.pop("kind")]
        fits = isinstance(run, int) and all(isinstance(data[name], types[name]) for name in types)
        if not fits or len(data) != len(types) or not math.isfinite(data.get("done", 0.0)):
            return None
        return run, kind(**data)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None


def _task(data: dict[str, Any]) -> Task:
    kind = data.pop("kind")
    data["folder"] = Path(data["folder"])
    if kind == Animate.__name__:
        request, sound = request_from_dict(data["request"]), Path(data["sound"])
        return Animate(**{**data, "request": request, "sound": sound, "products": tuple(data["products"])})
    if kind == MakeProducts.__name__:
        take, sound = Path(data["take"]), Path(data["sound"])
        return MakeProducts(**{**data, "take": take, "sound": sound, "products": tuple(data["products"])})
    if kind == MakePortrait.__name__:
        return MakePortrait(**{**data, "photo": Path(data["photo"])})
    if kind == PaintShot.__name__:
        files = {name: Path(data[name]) for name in ("take", "portrait")}
        heard = None if data["sound"] is None else Path(data["sound"])
        return PaintShot(**{**data, **files, "painting": painting_from_dict(data["painting"]), "sound": heard})
    body = None if data["body"] is None else body_from(data["body"])
    if kind == Render.__name__:
        camera = camera_from_dict(data["camera"])
        return Render(**{**data, "take": Path(data["take"]), "camera": camera, "body": body})
    return MakeCharacter(data["folder"], body or Body())


def _line(data: dict[str, Any]) -> bytes:
    return json.dumps(data, separators=(",", ":"), default=_plain).encode() + b"\n"


def _plain(value: object) -> object:
    return str(value) if isinstance(value, PurePath) else vars(value)
