"""A photo becomes a portrait."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from ..errors import InputError
from ..progress import Progress, no_progress
from .finding import find_faces
from .fitting import fit_face
from .judging import choose_face
from .matte import colours_of, matte_of
from .photos import read_photo
from .plate import plate_of
from .portrait import Consent, Portrait

AFFIRMED = "The person in this photo is me, or has agreed that their picture is animated with this program."
"""What a user affirms, once for each portrait."""

_WORST_FIT = 0.1
"""Mean error, in distances between the eyes, of what is no face of a person."""


def affirmed_now() -> Consent:
    """The consent of a user who affirms it at this moment."""
    return Consent(AFFIRMED, datetime.now(UTC).isoformat(timespec="seconds"))


def make_portrait(
    path: Path, consent: Consent, number: int | None = None, progress: Progress = no_progress
) -> Portrait:
    """The portrait of the person in a photo; `number` says which, from 1 and from the left, where there are several.

    The same photo gives the same portrait on the same machine. Takes some ten seconds. Raises InputError if the photo
    can't be read, or its face not be used.
    """
    progress("Reading the photo", 0.0)
    photo = read_photo(path)
    picture = photo.pixels
    height, width = picture.shape[:2]
    progress("Finding the face", 0.0)
    faces = find_faces(picture)
    face = choose_face(picture, faces, number)
    progress("Fitting the head", 0.0)
    fit = fit_face((width, height), face.landmarks, photo.lens)
    if fit.error.mean > _WORST_FIT * fit.error.between_eyes:
        raise InputError(
            f"The face can't be fitted: its parts are {fit.error.mean:.0f} pixels off; give a photo in which it is "
            "seen well."
        )
    progress("Cutting out the person", 0.0)
    matte, people = matte_of(picture, face, [other for other in faces if other is not face])
    progress("Filling the background", 0.0)
    foreground, background = colours_of(picture, matte, plate_of(picture, matte, people))
    progress("Filling the background", 1.0)
    return Portrait(photo.name, picture, matte, foreground, background, fit, consent, photo.source)
