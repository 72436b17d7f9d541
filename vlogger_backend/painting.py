"""How a take is to be painted of a portrait, as a dataclass that command line and service build."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from annotated_types import Ge, Interval, MaxLen, MinLen

from .camera import SIZES, Camera, camera_from_dict
from .errors import InputError

Move = Literal["dolly", "orbit", "handheld"]
MOVES: tuple[Move, ...] = ("dolly", "orbit", "handheld")
"""Of the portrait's own camera."""
PHOTO, NOTHING = "photo", "none"
"""Backgrounds: the photo's own, and none, which leaves alpha."""
_COLOUR = re.compile(r"#[0-9a-fA-F]{6}")


@dataclass(frozen=True)
class Painting:
    """What is to be painted.

    renderer   : the name of a renderer, or the path of a TOML file that describes one
    camera     : None is the photo's own, still; a move is made of it; a Camera has its own size, and one pose for all
                 frames or one for each
    longest    : pixels of the longer side, where the camera is the photo's or a move; None is the photo's, 512 to 1024
    background : "photo", "none" (alpha), a colour as #rrggbb, or the path of a picture or video
    seed       : of what is painted, and of the camera's hand
    first, last : frames of the take, both included; None is the take's last
    mark       : whether frames get the invisible mark that says that they were generated; without it, the content
                 credentials say so
    body       : the name of a model or person of the user's, which moves the photo as it can and is what control images
                 draw; None is the built-in avatar, whoever the take was made for

    The same painting of the same take and portrait gives the same pixels on the same machine.
    """

    renderer: Annotated[str, MinLen(1), MaxLen(4096)] = "builtin"
    camera: Camera | Move | None = None
    longest: Annotated[int, Interval(ge=SIZES[0], le=SIZES[1])] | None = None
    background: Annotated[str, MinLen(1), MaxLen(4096)] = PHOTO
    seed: Annotated[int, Interval(ge=0, le=2**63 - 1)] = 0
    first: Annotated[int, Ge(0)] = 0
    last: Annotated[int, Ge(0)] | None = None
    mark: bool = True
    body: Annotated[str, MinLen(1), MaxLen(64)] | None = None

    def __post_init__(self) -> None:
        if isinstance(self.camera, str) and self.camera not in MOVES:
            raise InputError(
                f"There is no camera move {self.camera}; choose from {', '.join(MOVES)}, or give a camera."
            )
        if self.longest is not None and not SIZES[0] <= self.longest <= SIZES[1]:
            raise InputError(
                f"{self.longest} pixels for the longer side can't be painted; give {SIZES[0]} to {SIZES[1]}."
            )
        if self.longest is not None and isinstance(self.camera, Camera):
            raise InputError("The camera has a size of its own; leave the other size out.")
        if not 0 <= self.seed < 2**63:
            raise InputError(f"The seed is {self.seed}; give 0 or a larger whole number of at most 18 digits.")
        if self.first < 0 or (self.last is not None and self.last < self.first):
            raise InputError(f"There are no frames {self.first} to {self.last}; they are counted from 0.")
        if not self.renderer or not self.background:
            raise InputError("A renderer and a background must be named; leave them out for the usual ones.")
        if self.body == "":
            raise InputError("A body must be named; leave it out for the built-in one.")
        if self.background.startswith("#") and colour_of(self.background) is None:
            raise InputError(f"{self.background} is no colour; write #rrggbb, for example #336699.")

    @property
    def background_file(self) -> str:
        """What the background is read from; "" if it is no file."""
        known = self.background in (PHOTO, NOTHING) or _COLOUR.fullmatch(self.background)
        return "" if known else self.background


def painting_from_dict(data: Mapping[str, Any]) -> Painting:
    """The inverse of `dataclasses.asdict`. Raises TypeError for a field that this version doesn't know."""
    camera = data.get("camera")
    return Painting(**{**data, "camera": camera_from_dict(camera) if isinstance(camera, dict) else camera})


def colour_of(background: str) -> tuple[int, int, int] | None:
    """Red, green and blue of #rrggbb, None if it is something else."""
    if not _COLOUR.fullmatch(background):
        return None
    red, green, blue = (int(background[i : i + 2], 16) for i in (1, 3, 5))
    return red, green, blue


def even_size(size: tuple[int, int], longest: int | None) -> tuple[int, int]:
    """A photo's size (width, height) as a shot's: of its shape, the longer side `longest` or 512 to 1024, even."""
    side = longest or min(max(*size, 512), 1024)
    scale = side / max(size)
    width, height = (max(SIZES[0], 2 * math.floor(s * scale / 2 + 0.5)) for s in size)
    return width, height
