"""Portrait: one photo of a person, fitted. Data only; `making` makes one, `storage` keeps one.

Everything is in the avatar's coordinates (SMPL-X's: metres, Y up, the avatar faces +Z): the fitted head stays in its
rest pose, and the camera stands where the photo shows it so. A head that is turned in the photo is a camera that
stands to its side. A performance then moves head and face from there: all zeros are the photo's own head pose.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..camera import Camera

Floats = NDArray[np.float32]
Bytes = NDArray[np.uint8]


@dataclass(frozen=True)
class Consent:
    """That the person in the photo agreed to be animated, as the user affirmed when the portrait was made.

    `statement` is the sentence that was affirmed, `when` the time in ISO 8601, UTC.
    """

    statement: str
    when: str


@dataclass(frozen=True)
class FitError:
    """How far the fitted head's landmarks are from those found in the photo, in the photo's pixels."""

    mean: float
    worst: float
    between_eyes: float
    """The pixels between the two irises' centres, to judge the errors by."""


@dataclass(frozen=True, eq=False, repr=False)
class Fit:
    """A face in a picture, in the avatar's terms. The avatar is the default built-in one, with V vertices.

    camera    : still, of the picture's size
    vertices  : (V, 3) the avatar's vertices in rest pose and with no expression, shaped like the person
    arkit     : (52,) the expression in the picture, 0 to 1, in the order of `ARKIT_NAMES`
    landmarks : (478, 2) MediaPipe's face mesh and irises as found, in pixels from the picture's top left
    error     : of the fit
    """

    camera: Camera
    vertices: Floats
    arkit: Floats
    landmarks: Floats
    error: FitError


@dataclass(frozen=True, eq=False, repr=False)
class Portrait:
    """A fitted photo.

    name       : for people to read
    picture    : (H, W, 3) the photo, sRGB, upright
    matte      : (H, W) how much of a pixel is the person: 0 none, 255 all
    foreground : (H, W, 3) the person's own colours: the picture's where the matte is 255, without what shines through
                 hair and edges elsewhere. foreground x matte + background x (1 - matte) is the picture
    background : (H, W, 3) what is behind the person, filled where the photo can't show it
    fit        : of the face
    consent    : as affirmed by the user
    source     : SHA-256 of the photo's file
    """

    name: str
    picture: Bytes
    matte: Bytes
    foreground: Bytes
    background: Bytes
    fit: Fit
    consent: Consent
    source: str
