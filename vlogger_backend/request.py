"""The whole request, as one tree of dataclasses. Command line, service and add-on build the same one.

A take stores it, so any take can be made again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Style:
    """How the character performs. Every dial is a factor: 0 is none, 1 is an ordinary speaker, 2 is a lot."""

    energy: float = 1.0
    gesture: float = 1.0
    head: float = 1.0
    gaze: float = 1.0
    blink: float = 1.0


@dataclass(frozen=True)
class Request:
    """One line of dialogue to be performed.

    `audio` is a path. `text` is what is said in it, if known. `language` is an espeak-ng language code. `fps` is the
    frame rate of the curves. The same request gives the same take, byte for byte, on the same machine.
    """

    audio: str
    text: str | None = None
    language: str = "en"
    fps: float = 30.0
    seed: int = 0
    style: Style = field(default_factory=Style)


def request_from_dict(data: Mapping[str, Any]) -> Request:
    """The inverse of `dataclasses.asdict`. Raises TypeError for a field that this version doesn't know."""
    style = Style(**data.get("style", {}))
    return Request(**{**data, "style": style})
