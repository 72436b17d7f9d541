"""Which pictures of a take are wanted, read from the scene; and the take as these pictures show it."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, floor
from pathlib import Path
from typing import Any

import numpy as np

from ..core.dials import Dials, turn_dials
from ..core.errors import AddonError
from ..core.formats.reading import read_performance
from ..core.portrait import PortraitFile
from ..core.shown import sampled
from ..core.take import Take
from ..scene.character import Body, body_of
from ..scene.pictures import Span, picture
from ..scene.sound import rate_of
from .mapping import descriptions
from .portraits import PHOTO, portrait_of
from .takes import dials_of, safe_name, take_file, takes_folder


@dataclass(frozen=True)
class Person:
    """Who is painted, instead of the character being drawn: the portrait, by what, and before what background.

    `body` is the model as which the photo moves, "" for the built-in avatar.
    """

    path: Path
    portrait: PortraitFile
    renderer: str
    background: str
    body: str


@dataclass(frozen=True)
class Wish:
    """What is wanted, read from the scene when the button was pressed.

    whole       : the scene's frames that the take spans; the pictures are numbered from its first
    first, last : those of them that are wanted
    start, end  : the scene's frames on which the take's first and last frame fall
    person      : who is painted; None where the character is drawn
    """

    scene: str
    armature: str
    name: str
    file: Path
    folder: Path
    dials: Dials
    rate: float
    whole: range
    first: int
    last: int
    start: float
    end: float
    body: Body | None
    strip: bool
    person: Person | None

    @property
    def title(self) -> str:
        """What the pictures are called."""
        return self.name if self.person is None else f"{self.name} photo"

    @property
    def slot(self) -> str:
        """The take's property that holds their image."""
        return slot_of(self.person is not None)

    @property
    def span(self) -> Span:
        return Span(self.first - self.whole.start, self.last - self.whole.start, self.first)

    def picture(self, number: int) -> Path:
        return picture(self.folder / "frames", number)


def slot_of(painted: bool) -> str:
    """The property of a take that holds the image of its frames: those of the photo, or of the character."""
    return "painted" if painted else "image"


def shown_image(scene: Any, take: Any) -> Any:
    """The image of a take's frames, of the kind that the panel says; None if there are none yet."""
    return getattr(take, slot_of(scene.vlogger.frames.painter == PHOTO))


def wish_of(scene: Any, armature: Any, take: Any) -> Wish:
    """What Render Frames would make. Raises AddonError if that is nothing."""
    file = take_file(take)
    if file is None:
        raise AddonError(f"The file of {take.name} is gone, so no pictures can be made of it. Make the take again.")
    start, end = frames_of(take)
    whole, wanted = range(ceil(start - 0.001), floor(end + 0.001) + 1), wanted_frames(scene, take)
    body, person = body_of(armature), person_of(scene, armature)
    kind = "pictures" if person is None else "photo"
    return Wish(
        scene=scene.name,
        armature=armature.name,
        name=take.name,
        file=file,
        folder=takes_folder() / safe_name(f"{armature.name} {take.name} {kind}"),
        dials=dials_of(take),
        rate=rate_of(scene),
        whole=whole,
        first=wanted.start,
        last=wanted.stop - 1,
        start=start,
        end=end,
        body=body[0] if body is not None else None,
        strip=scene.vlogger.frames.strip,
        person=person,
    )


def person_of(scene: Any, armature: Any) -> Person | None:
    """Who is painted, None where the character is drawn. Raises AddonError if the rig's portrait can't be used."""
    settings = scene.vlogger.frames
    if settings.painter != PHOTO:
        return None
    path, portrait = portrait_of(armature)
    return Person(path, portrait, settings.renderer, settings.background, settings.body)


def wanted_frames(scene: Any, take: Any) -> range:
    """The scene's frames, as far as the take has them. Raises AddonError if that is none."""
    start, end = frames_of(take)
    first, last = max(ceil(start - 0.001), scene.frame_start), min(floor(end + 0.001), scene.frame_end)
    if first > last:
        raise AddonError(f"{take.name} lies outside of the scene's frames. Set Start and End so that it is inside.")
    return range(first, last + 1)


def frames_of(take: Any) -> tuple[float, float]:
    """The scene's frames on which a take begins and ends."""
    action = take.action or (take.faces[0].action if len(take.faces) else None)
    if action is None:
        raise AddonError(f"{take.name} has no Action any more. Make the take again.")
    start, end = (action.frame_start, action.frame_end) if action.use_frame_range else action.frame_range
    return float(start), float(end)


def read_shown(wish: Wish) -> Take:
    """The take on the scene's frames, with its dials."""
    take = turn_dials(read_performance(wish.file, wish.rate, descriptions()).of_weights(), wish.dials)
    step = (wish.end - wish.start) / max(len(take) - 1, 1)
    places = (np.arange(wish.whole.start, wish.whole.stop) - wish.start) / max(step, 1e-6)
    return sampled(take, places, min(max(wish.rate, 1.0), 240.0))
