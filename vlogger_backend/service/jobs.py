"""Jobs as data: what can be asked for, and what is known of each."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Annotated, Any, Literal

from annotated_types import Ge, MaxLen

from ..camera import Camera
from ..errors import InputError
from ..painting import Painting
from ..request import Body, Request

Product = Literal["fbx", "glb", "mp4", "png"]


@dataclass(frozen=True)
class AnimateJob:
    """Perform a request; then make the products.

    `request.audio` is `upload:ID`, or a path on this machine if the service is on loopback.
    """

    request: Request
    products: tuple[Product, ...] = ()
    kind: Literal["animate"] = "animate"


@dataclass(frozen=True)
class RenderJob:
    """Draw frames of a take, seen by a camera, with alpha. `take` is `job:ID`, `upload:ID`, or a path as above."""

    take: str
    camera: Camera
    body: Body | str | None = None
    first: int = 0
    last: int | None = None
    kind: Literal["render"] = "render"


@dataclass(frozen=True)
class CharacterJob:
    """Build the built-in avatar with these sliders, or the model of this name, as a file that the add-on reads."""

    body: Body | str = field(default_factory=Body)
    kind: Literal["character"] = "character"


@dataclass(frozen=True)
class PortraitJob:
    """Fit a photo of a person, so that they can perform takes: `portrait.portrait`, and `fit.png`, which shows the fit.

    `photo` is `upload:ID`, or a path as above. `consent` affirms that the person in the photo is the user, or has
    agreed that their picture is animated with this program; without it the job is refused. `face` says which face is
    meant, counted from the left and from 1. `name` is for people to read.
    """

    photo: str
    consent: bool
    face: Annotated[int, Ge(1)] | None = None
    name: Annotated[str, MaxLen(200)] = ""
    kind: Literal["portrait"] = "portrait"

    def __post_init__(self) -> None:
        if not self.consent:
            from ..portraits.making import AFFIRMED

            raise InputError(f'No portrait is made without consent; send "consent": true to affirm this. {AFFIRMED}')


@dataclass(frozen=True)
class ShotJob:
    """Paint frames of a take performed by a portrait, as pictures, and with `video` as `shot.mp4` with its sound too.

    `take` and `portrait` are `job:ID`, `upload:ID`, or a path as above; so are `sound`, by default the take's own if it
    is where it was, and the painting's background, if it is a file.
    """

    take: str
    portrait: str
    painting: Painting = field(default_factory=Painting)
    video: bool = False
    sound: str | None = None
    kind: Literal["shot"] = "shot"


Submission = AnimateJob | RenderJob | CharacterJob | PortraitJob | ShotJob


class State(StrEnum):
    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


ENDED = (State.DONE, State.FAILED, State.CANCELLED)


@dataclass(frozen=True)
class Job:
    """A snapshot of one job.

    number   : its place in the order of submission; no two jobs ever have the same
    priority : -100 to 100; higher ones run first, equal ones in the order of submission
    revision : rises with every change that a client could want to know of
    attempt  : 1 for the first run; an interrupted job is run a second time by itself
    done     : the part of `stage` that is done, 0 to 1; `left` the estimated seconds until the stage is done
    pieces   : how many pieces of curves can be fetched; `curve_frames` how many frames they hold together.
               They are there while the job runs; when it is done, the take is there instead.
    frames   : how many pictures can be fetched
    files    : names and sizes in bytes of the files that are complete; more come while it runs
    error    : for failed and cancelled, the reason in one sentence
    removed  : the files of this job were removed to make room, or are no longer there
    created, started, ended : seconds since 1970 by the clock on the wall; never used to order anything
    """

    id: str
    number: int
    submission: Submission
    state: State = State.QUEUED
    priority: int = 0
    label: str = ""
    revision: int = 0
    attempt: int = 0
    stage: str = ""
    done: float = 0.0
    left: float | None = None
    pieces: int = 0
    curve_frames: int = 0
    frames: int = 0
    preview: bool = False
    files: tuple[tuple[str, int], ...] = ()
    result: dict[str, Any] = field(default_factory=dict)
    error: str | None = None
    removed: bool = False
    created: float = 0.0
    started: float | None = None
    ended: float | None = None
