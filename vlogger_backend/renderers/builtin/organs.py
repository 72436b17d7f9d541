"""Organs: what lies behind the openings of a face. Their shapes are the avatar's."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from ...avatars.avatar import Avatar, Floats, Ints
from ...camera import Doubles
from .flesh import Flesh


@dataclass(frozen=True, eq=False)
class Organ:
    """A surface behind an opening.

    part    : "eye", "mouth", "tongue" or "teeth"
    flesh   : of its n vertices
    faces   : (F, 3)
    uv      : (n, 3) where each vertex is in the picture, 0 to 1 from its top left, both times a depth, and that depth
    picture : (h, w, 4) sRGB and straight alpha, 0 to 1
    worn    : (n,) how little the photo knows of it, 0 to 1
    fades   : whether it is there only while the mouth is as in the photo
    """

    part: str
    flesh: Flesh
    faces: Ints
    uv: Floats
    picture: Floats
    worn: Floats
    fades: bool = False


def flat(uv: Doubles | Floats) -> Floats:
    """Places in a picture (n, 2) that no camera threw there, as an organ's `uv`."""
    return np.asarray(np.hstack([uv, np.ones((len(uv), 1))]), np.float32)


def opaque(colour: Floats | Doubles) -> Floats:
    """A colour picture (h, w, 3) with alpha 1."""
    return np.dstack([colour, np.ones(colour.shape[:2])]).astype(np.float32)


def vertex_uv(avatar: Avatar, chosen: NDArray[np.bool_], used: Ints) -> Doubles:
    """One uv (n, 2), from the top left, for each of the vertices `used` (n,) of the `chosen` faces (F,)."""
    uv = np.zeros((len(avatar.vertices), 2))
    uv[avatar.faces[chosen].ravel()] = avatar.uvs[chosen].reshape(-1, 2)
    return np.asarray(uv[used] * (1, -1) + (0, 1))


def sampled(picture: Floats | Doubles, places: Doubles) -> Doubles:
    """`picture` (H, W, c) at `places` (..., 2), in pixels from the top left."""
    rows, columns = places[..., 1].ravel() - 0.5, places[..., 0].ravel() - 0.5
    channels = np.moveaxis(picture, -1, 0)
    values = [ndimage.map_coordinates(c, [rows, columns], order=1, mode="nearest") for c in channels]
    return np.asarray(np.stack(values, axis=-1).reshape(*places.shape[:-1], -1), np.float64)
