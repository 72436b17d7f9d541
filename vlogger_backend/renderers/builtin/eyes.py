"""The eyeballs, with the irises of the photo.

What the photo shows of an eye is taken from it. The rest is filled: the iris is as it is elsewhere at the same distance
from its pupil, and the white of the eye goes on smoothly.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from ...avatars.avatar import Floats, Ints
from ...camera import Doubles
from ...portraits.landmarks import LEFT_EYE, LEFT_IRIS, LEFT_PUPIL, RIGHT_EYE, RIGHT_IRIS, RIGHT_PUPIL
from .filling import polygon, smoothly
from .flesh import InPhoto, avatar_flesh, bone
from .organs import Organ, flat, opaque, sampled, vertex_uv
from .triangles import numbered, shares_in

EYES = ((LEFT_EYE, LEFT_PUPIL, LEFT_IRIS), (RIGHT_EYE, RIGHT_PUPIL, RIGHT_IRIS))
"""Landmarks of each eye: its opening, its pupil, its iris' edge."""

_TEXELS = 160
_USUAL_IRIS = 0.11
"""The iris' radius on the eye's texture."""
_IRIS_EDGE = (0.98, 1.12)
"""Of the iris' radius: between these it goes over into the white."""


def eyes(shown: InPhoto, photo: Floats, landmarks: Doubles) -> list[Organ]:
    """Both eyeballs, and what is dark behind them. `photo` (H, W, 3) is sRGB 0 to 1, `landmarks` (478, 2) pixels."""
    avatar = shown.avatar
    material = [m.name for m in avatar.materials].index("eyes")
    chosen = avatar.face_material == material
    left = avatar.vertices[avatar.faces[:, 0], 0] > 0
    balls = [
        _eyeball(shown, chosen & side, photo, landmarks, marks) for side, marks in zip((left, ~left), EYES, strict=True)
    ]
    return [*balls, *(_socket(ball) for ball in balls)]


def _eyeball(
    shown: InPhoto,
    chosen: NDArray[np.bool_],
    photo: Floats,
    landmarks: Doubles,
    marks: tuple[tuple[int, ...], int, tuple[int, ...]],
) -> Organ:
    outline, pupil, iris = marks
    used, numbered_faces = np.unique(shown.avatar.faces[chosen], return_inverse=True)
    uv = vertex_uv(shown.avatar, chosen, used)
    pixels = shown.pixels[used]
    rows, columns = np.mgrid[:_TEXELS, :_TEXELS]
    texels = (np.stack([columns, rows], axis=-1) + 0.5) / _TEXELS
    faces = numbered_faces.reshape(-1, 3).astype(np.int32)
    numbers = numbered(uv[faces] * _TEXELS, (_TEXELS, _TEXELS))
    there, at = numbers >= 0, faces[numbers]
    shares = shares_in(texels.reshape(-1, 2), uv[at].reshape(-1, 3, 2)).reshape(*at.shape)
    places = np.where(there[..., None], np.einsum("yxk,yxkc->yxc", shares, pixels[at]), 0)
    opening = polygon(landmarks[list(outline)], photo.shape[:2])
    known = there & (sampled(opening[..., None], places)[..., 0] > 0.98)
    texel = _below(landmarks[[pupil, *iris]], pixels[faces], shown.depths[used][faces], uv[faces] * _TEXELS)
    centre, rim = texel[0], texel[1:]
    if not np.isfinite(centre).all():
        centre = np.full(2, _TEXELS / 2)
    radii = np.linalg.norm(rim - centre, axis=1)
    radius = float(np.nanmean(radii)) if np.isfinite(radii).any() else _USUAL_IRIS * _TEXELS
    ball = opaque(_whole(sampled(photo, places), known, centre, radius))
    flesh = avatar_flesh(shown.avatar, used.astype(np.int32))
    return Organ("eye", flesh, faces, flat(uv), ball, np.zeros(len(used), np.float32))


def _below(points: Doubles, corners: Doubles, depths: Doubles, values: Doubles) -> Doubles:
    """The `values` (F, 3, c) at the corners of triangles, at the nearest triangle (F, 3, 2) under each of `points`
    (n, 2), as (n, c); not a number where there is none. `depths` (F, 3) are the corners'."""
    found = np.full((len(points), values.shape[2]), np.nan)
    for index, point in enumerate(points):
        shares = shares_in(np.broadcast_to(point, (len(corners), 2)), corners)
        missed = np.linalg.norm(np.einsum("fk,fkc->fc", shares, corners) - point, axis=1) > 1e-3
        depth = np.where(missed, np.inf, (shares * depths).sum(axis=1))
        nearest = int(depth.argmin())
        if np.isfinite(depth[nearest]):
            found[index] = shares[nearest] @ values[nearest]
    return found


def _whole(colour: Doubles, known: NDArray[np.bool_], centre: Doubles, radius: float) -> Doubles:
    """The texture (h, w, 3) completed from its `known` texels (h, w); the iris is round `centre` (x, y)."""
    if not known.any():
        return np.full_like(colour, 0.5)
    rows, columns = np.mgrid[: len(colour), : len(colour)] + 0.5
    distance = np.hypot(columns - centre[0], rows - centre[1])
    # What is near the lids is in their shadow and of their lashes: what is further in counts more.
    inwards = ndimage.distance_transform_edt(known)
    trust = np.clip(inwards / 4, 0.02, 1) * known
    low, high = (edge * radius for edge in _IRIS_EDGE)
    white = smoothly(colour, trust * (distance > high) + 1e-6 * trust)
    iris = _by_rings(colour, trust, distance, int(high) + 1)
    outside = np.clip((distance - low) / (high - low), 0, 1)[..., None]
    filled = iris * (1 - outside) + white * outside
    keep = np.clip(inwards / 2.5, 0, 1)[..., None]
    return np.asarray(colour * keep + filled * (1 - keep))


def _by_rings(colour: Doubles, trust: Doubles, distance: Doubles, rings: int) -> Doubles:
    """Each texel as those are on average that are as far from the pupil."""
    ring = np.rint(distance).astype(int)
    weights = np.bincount(ring.ravel(), trust.ravel())
    sums = np.stack([np.bincount(ring.ravel(), (trust * c).ravel()) for c in np.moveaxis(colour, -1, 0)], axis=-1)
    smooth = ndimage.gaussian_filter1d(np.hstack([sums, weights[:, None]])[: rings + 1], 0.8, axis=0)
    found = np.flatnonzero(smooth[:, 3] > 1e-3)
    if not len(found):
        return smoothly(colour, trust)
    means = smooth[found, :3] / smooth[found, 3:]
    every = np.stack([np.interp(np.arange(len(smooth)), found, mean) for mean in means.T], axis=-1)
    return np.asarray(every[np.minimum(ring, rings)])


def _socket(ball: Organ) -> Organ:
    """A dark disc behind the eyeball, so that no gap beside it shows what is behind the person."""
    rest = ball.flesh.rest
    radius = np.ptp(rest[:, 0]) / 2
    middle = (rest.min(axis=0) + rest.max(axis=0)) / 2 - np.array([0, 0, 0.35 * radius])
    turns = np.linspace(0, 2 * np.pi, 12, endpoint=False)
    rim = middle + 1.15 * radius * np.column_stack([np.cos(turns), np.sin(turns), np.zeros(12)])
    places = np.vstack([middle, rim]).astype(np.float32)
    around = np.arange(12)
    faces: Ints = np.column_stack([np.zeros(12), 1 + around, 1 + (around + 1) % 12]).astype(np.int32)
    dark = 0.45 * ball.picture[..., :3].mean(axis=(0, 1)) * (1.0, 0.8, 0.8)
    picture = opaque(np.broadcast_to(dark, (4, 4, 3)))
    return Organ("eye", bone(places), faces, flat(np.full((13, 2), 0.5)), picture, np.ones(13, np.float32))
