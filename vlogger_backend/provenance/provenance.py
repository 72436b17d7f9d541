"""Provenance: what is known of how pictures came to be; it is put into their pixels and into their files."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from .code import Payload
from .mark import Marker


class Source(StrEnum):
    """Of what pictures were made, as IPTC's list of digital source types names it, which C2PA uses."""

    ANIMATION = "algorithmicMedia"
    """Drawn by rules: the 3D character."""
    PAINTED = "trainedAlgorithmicMedia"
    """Painted by a trained model as a whole."""
    PHOTO_AND_PAINTED = "compositeWithTrainedAlgorithmicMedia"
    """Of a photo's own pixels and such that a trained model painted."""


@dataclass(frozen=True)
class Provenance:
    """How pictures came to be.

    take     : SHA-256 of the take's file, as hex
    seed     : of the renderer
    renderer : its name
    source   : of what the pictures are made
    portrait : SHA-256 of the photo's file, as hex; "" if there is none
    consent  : the sentence that the user affirmed for the person in the photo; "" if there is no photo
    marked   : whether the pictures have the invisible mark; what `mark_frame` does, and what the credentials say
    """

    take: str
    seed: int
    renderer: str
    source: Source
    portrait: str = ""
    consent: str = ""
    marked: bool = True

    def mark_frame(self, picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """The picture (height, width, 3 or 4; sRGB, straight alpha) with the mark, or as it is if there shall be none.

        This is the last thing to be done to a picture. The same picture gives the same bytes; alpha is as it was.
        """
        return _marker(self.take[:8]).mark(picture) if self.marked else picture


@lru_cache(maxsize=8)
def _marker(take: str) -> Marker:
    return Marker(Payload(take))
