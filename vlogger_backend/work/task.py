"""A task: one piece of work for a worker process, what the worker tells while it works, and how it can end."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..camera import Camera
from ..painting import Painting
from ..request import Body, Request


@dataclass(frozen=True)
class Animate:
    """Perform `request` into `folder/take.npz`, then make `folder/take<suffix>` for each of `products`.

    `name` is what to call the files instead of `take`: an animation in a file is called as the file is. `sound` is
    where the sound is now; the take remembers `request.audio`, the name that the user knows it by.
    With `pieces`, each window of curves is also written to `folder/pieces/` as soon as it is there.
    """

    folder: Path
    request: Request
    sound: Path
    products: tuple[str, ...] = ()
    pieces: bool = False
    name: str = "take"


@dataclass(frozen=True)
class MakeProducts:
    """Make `folder/NAME<suffix>` for each of `products` of the take at `take`; `sound` is where its sound is now."""

    folder: Path
    take: Path
    sound: Path
    products: tuple[str, ...]
    name: str = "take"


@dataclass(frozen=True)
class Render:
    """Draw the frames [`first`, `last`] of the take at `take`, seen by `camera`, as `folder/frames/000000.png` and on.

    The pictures have alpha; they are numbered by the take's frames. `last` None is the take's last frame.
    """

    folder: Path
    take: Path
    camera: Camera
    body: Body | str | None = None
    first: int = 0
    last: int | None = None


@dataclass(frozen=True)
class MakeCharacter:
    """Build the avatar with these sliders, or the model of this name, as `folder/character.npz` for the add-on."""

    folder: Path
    body: Body | str


@dataclass(frozen=True)
class MakePortrait:
    """Fit the photo, to whose use its user has affirmed consent, into `folder/portrait.portrait` and `folder/fit.png`.

    `face` says which face is meant, from 1 and from the left; `name` what the portrait is called.
    """

    folder: Path
    photo: Path
    face: int | None = None
    name: str = ""


@dataclass(frozen=True)
class PaintShot:
    """Paint the take as the portrait performs it, as `folder/frames/000000.png` and on, by the take's numbers.

    With `video`, `folder/shot.mp4` too, with `sound`, or else the take's own if it is where it was.
    """

    folder: Path
    take: Path
    portrait: Path
    painting: Painting
    video: bool = False
    sound: Path | None = None


Task = Animate | MakeProducts | Render | MakeCharacter | MakePortrait | PaintShot


@dataclass(frozen=True)
class Advanced:
    """How far a stage is, 0 to 1."""

    stage: str
    done: float


@dataclass(frozen=True)
class FileDone:
    """The file `name` of the task's folder is complete."""

    name: str


@dataclass(frozen=True)
class CurvesDone:
    """Piece number `piece` of the curves is complete; `frames` frames of the take are there by now."""

    piece: int
    frames: int


@dataclass(frozen=True)
class FrameDone:
    """The picture of this frame is complete."""

    frame: int


@dataclass(frozen=True)
class PreviewDone:
    """`folder/preview.jpg`, a small picture of what is being made, is new."""


Event = Advanced | FileDone | CurvesDone | FrameDone | PreviewDone


@dataclass(frozen=True)
class Done:
    """The task was done; `result` are its figures, for the user."""

    result: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Failed:
    """The task could not be done. `mendable` says that it was due to what the user gave."""

    sentence: str
    mendable: bool
    trace: str = ""


@dataclass(frozen=True)
class Cancelled:
    """The task was cancelled."""


@dataclass(frozen=True)
class Died:
    """The worker's process ended under the task, or hung and was ended; `sentence` says what is known of why."""

    sentence: str


Outcome = Done | Failed | Cancelled | Died
