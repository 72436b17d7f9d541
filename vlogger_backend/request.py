"""The whole request, as one tree of dataclasses. Command line, service and add-on build the same one.

A take stores it, so any take can be made again. The limits of a value stand twice: as its type, which the service's
description shows to machines, and where it is checked, in words.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any

from annotated_types import Ge, Interval, MinLen

from .errors import InputError

Dial = Annotated[float, Interval(ge=0, le=2)]
Slider = Annotated[float, Interval(ge=0, le=1)]


@dataclass(frozen=True)
class Style:
    """How the character performs. Every dial is a factor: 0 is none, 1 is an ordinary speaker, 2 is a lot."""

    energy: Dial = 1.0
    gesture: Dial = 1.0
    head: Dial = 1.0
    gaze: Dial = 1.0
    blink: Dial = 1.0

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if not 0 <= value <= 2:
                raise InputError(f"The dial {name} is {value}; it must be between 0 (none) and 2 (a lot).")


@dataclass(frozen=True)
class Body:
    """The shape of the built-in avatar: Anny's phenotype sliders, each 0 to 1.

    `gender` 0 is male, 1 female. `age` 0 is a baby, 1/3 a child, 2/3 a young adult, 1 old. `height`, `weight` and
    `muscle` go from least to most, 0.5 is average. `proportions` 0 is an artist's ideal. The last three are
    MakeHuman's ancestral face and body types; only their ratio counts, and they don't set the skin colour: `skin`
    does, 0 the lightest and 1 the darkest.
    """

    gender: Slider = 0.0
    age: Slider = 0.7
    muscle: Slider = 0.5
    weight: Slider = 0.5
    height: Slider = 0.34
    proportions: Slider = 0.25
    cupsize: Slider = 0.5
    firmness: Slider = 0.5
    african: Slider = 1 / 3
    asian: Slider = 1 / 3
    caucasian: Slider = 1 / 3
    skin: Slider = 0.35

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if not 0 <= value <= 1:
                raise InputError(f"The body slider {name} is {value}; it must be between 0 and 1.")


@dataclass(frozen=True)
class Request:
    """One line of dialogue to be performed.

    `audio` is a path. `text` is what is said in it, if known. `language` is an espeak-ng language code. `fps` is the
    frame rate of the curves, 1 to 240. `body` performs: the built-in avatar with these sliders, or the model of
    the user's with this name (`vlogger models list`).

    The same request gives the same take, byte for byte, on the same machine.
    """

    audio: Annotated[str, MinLen(1)]
    text: str | None = None
    language: str = "en"
    fps: Annotated[float, Interval(ge=1, le=240)] = 30.0
    seed: Annotated[int, Ge(0)] = 0
    style: Style = field(default_factory=Style)
    body: Body | str = field(default_factory=Body)

    def __post_init__(self) -> None:
        if not 1 <= self.fps <= 240:
            raise InputError(f"The frame rate is {self.fps}; it must be between 1 and 240 frames per second.")
        if self.seed < 0:
            raise InputError(f"The seed is {self.seed}; it must be 0 or a larger whole number.")


def request_from_dict(data: Mapping[str, Any]) -> Request:
    """The inverse of `dataclasses.asdict`. Raises TypeError for a field that this version doesn't know."""
    return Request(**{**data, "style": Style(**data.get("style", {})), "body": body_from(data.get("body", {}))})


def body_from(data: Mapping[str, Any] | str) -> Body | str:
    """Sliders as `dataclasses.asdict` gives them, or a model's name, which stays one."""
    return data if isinstance(data, str) else Body(**data)
