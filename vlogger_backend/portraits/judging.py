"""Judge the faces that were found: which one is meant, and whether it can be used. One sentence says why not."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError
from .finding import EARS, Face, find_faces
from .landmarks import INNER_LIPS, LEFT_EYE, LEFT_PUPIL, OUTER_LIPS, RIGHT_EYE, RIGHT_PUPIL
from .portrait import Bytes, Floats

MOST_TURNED = 40.0
"""Degrees to a side that a face may be turned."""
LEAST_WIDTH = 60.0
"""Pixels from ear to ear."""
LEAST_BETWEEN_EYES = 24.0
"""Pixels from pupil to pupil."""

_MAIN = 1.5
"""How many times larger than any other a face must be to be the one that is meant."""
_TOLERANCE = 3.0
"""Degrees by which the turn that is measured may be wrong."""
_MOST_NODDED = 35.0
_MOST_TILTED = 60.0
_MOST_CUT = 0.05
"""The part of the face that may be outside the photo."""
_CLOSED = 0.12
"""Height to width of an eye that is closed; 0.2 is nearly closed, 0.3 usual."""
_HIDDEN = (0.15, 0.5)
"""In the skin's lightness: where an eye shows less contrast and less light than this, there is dark glass before it."""
_COVERED = (0.05, 0.1)
"""Colours without their brightness: what is round the mouth differs so much from the skin, and the lips from it by no
more than this part of that, where there is cloth before both. In bare faces and bearded ones the part is 0.3 and more.
"""
_FLAT = 0.25
"""The part of a face without shade or grain from which on it is a drawing. Photos, heavily compressed ones too, have
0.05 at most, drawings and posterised photos 0.4 and more."""

_ON_ITS_SIDE = "The face in the photo is on its side or upside down; rotate the photo, save it and give that."
_CHEEKS = (50, 280, 205, 425, 117, 346)
_BETWEEN_EYES = (8, 168, 193, 417, 122, 351, 55, 285)
"""Skin that neither a mask nor most glasses cover."""
_LIDS = (
    ((33, 133), (159, 145), (158, 153), (160, 144)),
    ((362, 263), (386, 374), (385, 380), (387, 373)),
)
"""Of each eye: its corners, and pairs on the upper and lower lid."""


class SeveralPeopleError(InputError):
    """The photo shows several people, and which one is meant was not said."""


def choose_face(picture: Bytes, faces: list[Face], number: int | None = None) -> Face:
    """The face that is meant: number `number` (from 1, as `find_faces` counts), else the only one that can be used, or
    by far the largest of them.

    Raises InputError if there is none or it can't be used, SeveralPeopleError if it can't be told which is meant.
    """
    if not faces:
        raise InputError(_nobody(picture))
    if number is not None:
        if not 1 <= number <= len(faces):
            raise InputError(f"There is no face {number} in the photo; it shows {_listed(faces, picture)}.")
        chosen = faces[number - 1]
    else:
        usable = [face for face in faces if not problem_of(picture, face)] or faces
        *others, chosen = sorted(usable, key=lambda face: face.size)
        if others and chosen.size < _MAIN * others[-1].size:
            raise SeveralPeopleError(
                f"The photo shows {_listed(faces, picture)}; say which one is meant by its number."
            )
    if problem := problem_of(picture, chosen):
        raise InputError(problem)
    return chosen


def problem_of(picture: Bytes, face: Face) -> str:
    """One sentence that says why a face can't be used, and the remedy; empty if it can."""
    points = face.landmarks
    width = float(np.linalg.norm(points[EARS[0], :2] - points[EARS[1], :2]))
    eyes = float(np.linalg.norm(points[LEFT_PUPIL, :2] - points[RIGHT_PUPIL, :2]))
    yaw, pitch, tilt = face.turned
    if face.size < LEAST_WIDTH:
        return (
            f"The face is only {math.floor(face.size)} pixels wide and at least {LEAST_WIDTH:.0f} are needed; give a "
            "photo taken from nearer, or if this one is very large, cut the person out of it."
        )
    if face.upside_down or abs(tilt) > _MOST_TILTED:
        return _ON_ITS_SIDE
    if abs(yaw) > MOST_TURNED + _TOLERANCE:
        return (
            f"The face is turned {abs(yaw):.0f} degrees to the side and at most {MOST_TURNED:.0f} can be used; give a "
            "photo in which both eyes are seen well."
        )
    if abs(pitch) > _MOST_NODDED:
        return (
            f"The face looks {abs(pitch):.0f} degrees {'up' if pitch > 0 else 'down'}, which is too far; give a photo "
            "taken from the height of the eyes."
        )
    if min(width / LEAST_WIDTH, eyes / LEAST_BETWEEN_EYES) < 1:
        return (
            f"The face is too small: {math.floor(width)} pixels wide and {math.floor(eyes)} between the eyes, where "
            f"{LEAST_WIDTH:.0f} and {LEAST_BETWEEN_EYES:.0f} are needed; give a photo taken from nearer."
        )
    if side := _cut(picture, face):
        return f"The face is cut off by the {side} edge of the photo; give one that shows it whole."
    if max(_openness(points)) < _CLOSED:
        return "The eyes are closed in the photo; give one in which they are open."
    if _hidden_eyes(picture, face):
        return "The eyes can't be seen behind the dark glasses; give a photo without them."
    if _covered_mouth(picture, face):
        return "The mouth is covered in the photo; give one without a mask, scarf or hand before it."
    if _flatness(picture, face) > _FLAT:
        return "The face is drawn, or a photo with its shades taken away; give an unprocessed photo of a real person."
    return ""


def _nobody(picture: Bytes) -> str:
    for turns in (1, 3, 2):
        turned = np.ascontiguousarray(np.rot90(picture, turns))
        if any(not problem_of(turned, face) for face in find_faces(turned)):
            return _ON_ITS_SIDE
    return (
        "No face is found in the photo; give one in which a person looks towards the camera and the face is seen well."
    )


def _listed(faces: list[Face], picture: Bytes) -> str:
    """The faces in words, for a message."""
    height, width = picture.shape[:2]
    if len(faces) == 1:
        return "one face, number 1"
    places = []
    for number, face in enumerate(faces[:9], 1):
        left, top, right, bottom = face.box
        across = "left" if left + right < 0.7 * width else "right" if left + right > 1.3 * width else "middle"
        down = "top " if top + bottom < 0.5 * height else "bottom " if top + bottom > 1.5 * height else ""
        places.append(f"{number} ({down}{across}, {face.size:.0f} pixels wide)")
    more = f" and {len(faces) - 9} more" if len(faces) > 9 else ""
    return f"{len(faces)} faces, counted from the left: {', '.join(places)}{more}"


def _cut(picture: Bytes, face: Face) -> str:
    """The edge that cuts the face off, if one does."""
    height, width = picture.shape[:2]
    left, top, right, bottom = face.box
    outside = {"left": -left, "top": -top, "right": right - width, "bottom": bottom - height}
    side = max(outside, key=outside.__getitem__)
    return side if outside[side] > _MOST_CUT * max(right - left, bottom - top) else ""


def _openness(points: Floats) -> list[float]:
    """Height to width of both eyes."""
    return [
        float(
            np.mean([np.linalg.norm(points[upper, :2] - points[lower, :2]) for upper, lower in pairs])
            / np.linalg.norm(points[corners[0], :2] - points[corners[1], :2])
        )
        for corners, *pairs in _LIDS
    ]


def _hidden_eyes(picture: Bytes, face: Face) -> bool:
    """Are both eyes behind dark glass? No contrast between iris and white is seen, and all is darker than the skin."""
    import cv2

    grey, points = _scaled_grey(picture, face, 128.0)
    corners = points[list(_CHEEKS), :2].astype(int).clip(0, np.array(grey.shape[::-1]) - 1)
    skin = max(float(np.mean(grey[corners[:, 1], corners[:, 0]])), 1.0)
    for ring in (LEFT_EYE, RIGHT_EYE):
        inside = np.zeros(grey.shape, np.uint8)
        cv2.fillPoly(inside, [points[list(ring), :2].round().astype(np.int32)], (1,))
        seen = grey[inside > 0]
        if not len(seen):
            continue
        dark, light, lightest = np.percentile(seen, (5, 90, 95))
        if lightest - dark > _HIDDEN[0] * skin or light > _HIDDEN[1] * skin:
            return False
    return True


def _covered_mouth(picture: Bytes, face: Face) -> bool:
    """Are the lips of the same colour as what is round them, and that of another than the skin?"""
    import cv2

    points = face.landmarks[:, :2]
    outline = points[list(OUTER_LIPS)]
    middle = outline.mean(axis=0)

    def filled(ring: Floats) -> NDArray[np.bool_]:
        mask = np.zeros(picture.shape[:2], np.uint8)
        return np.asarray(cv2.fillPoly(mask, [ring.round().astype(np.int32)], (1,))) > 0

    lips = filled(outline) & ~filled(points[list(INNER_LIPS)])
    around = filled(middle + 1.6 * (outline - middle)) & ~filled(middle + 1.25 * (outline - middle))
    if not (lips.any() and around.any()):
        return False
    columns, rows = points[list(_BETWEEN_EYES)].astype(int).clip(0, np.array(picture.shape[1::-1]) - 1).T
    skin, near, own = _hue(picture[rows, columns]), _hue(picture[around]), _hue(picture[lips])
    apart = float(np.linalg.norm(near - skin))
    return bool(apart > _COVERED[0] and np.linalg.norm(own - near) < _COVERED[1] * apart)


def _hue(pixels: Bytes) -> NDArray[np.float64]:
    """The usual shares of red, green and blue in the light of pixels (n, 3)."""
    light = pixels.astype(np.float64) + 3  # so that black is grey
    return np.asarray(np.median(light / light.sum(axis=1, keepdims=True), axis=0), np.float64)


def _flatness(picture: Bytes, face: Face) -> float:
    """The part of the face in which neighbouring pixels are equal, what is overexposed or black left out."""
    import cv2

    grey, points = _scaled_grey(picture, face, 96.0)
    inside = np.zeros(grey.shape, np.uint8)
    cv2.fillConvexPoly(inside, cv2.convexHull(points[:468, :2].round().astype(np.int32)).astype(np.int32), (1,))
    chosen = (cv2.erode(inside, np.ones((9, 9))) > 0) & (grey > 4) & (grey < 250)
    around = np.ones((3, 3))
    spread = cv2.dilate(grey, around).astype(int) - cv2.erode(grey, around)
    return float((spread[chosen] <= 1).mean()) if chosen.any() else 0.0


def _scaled_grey(picture: Bytes, face: Face, width: float) -> tuple[Bytes, NDArray[np.float32]]:
    """The photo round the face in grey with `width` pixels from ear to ear, and the landmarks in it."""
    import cv2

    left, top, right, bottom = face.box
    x, y = int(max(left, 0)), int(max(top, 0))
    part = picture[y : int(max(bottom, y + 1)) + 1, x : int(max(right, x + 1)) + 1]
    scale = width / float(np.linalg.norm(face.landmarks[EARS[0], :2] - face.landmarks[EARS[1], :2]))
    grey = cv2.cvtColor(part, cv2.COLOR_RGB2GRAY)
    size = (max(round(part.shape[1] * scale), 1), max(round(part.shape[0] * scale), 1))
    grey = cv2.resize(grey, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)
    return np.asarray(grey, np.uint8), (face.landmarks - np.array([x, y, 0], np.float32)) * np.float32(scale)
