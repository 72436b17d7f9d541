"""The inside of the mouth: flesh, tongue, the avatar's teeth in the light of the photo, and the teeth that it shows."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from ...avatars.avatar import Avatar, Floats, Ints
from ...avatars.mouth import evenly_lit, lower_teeth
from ...camera import Doubles
from ...portraits.head import load_head
from ...portraits.landmarks import INNER_LIPS, OUTER_LIPS, UPPER_LIP
from .colour import linear, srgb
from .eyes import EYES
from .filling import polygon, smoothly
from .flesh import Flesh, InPhoto, avatar_flesh, bone
from .organs import Organ, flat, opaque, vertex_uv

_FLESH = {"mouth": (0.36, 0.13, 0.12), "tongue": (0.50, 0.22, 0.21)}
"""How much light the inside of a mouth and a tongue throw back."""
_WHITE_OF_THE_EYE = 0.62
"""How much light that throws back."""
_DISPLAY = 0.0026
"""Metres of the upper teeth that show below the upper lip."""
_SHALLOWER = 0.3
"""How deep the mouth is behind the teeth, beside the avatar's."""
_GRID = (24, 16)
"""Points of the sheet of the teeth in the photo, across and down."""
_LEAST_GAP = (3.0, 0.06)
"""Between the lips for them to be open: in pixels, and in widths of the mouth."""
_LEAST_TEETH = 0.15
"""Of what is between the lips."""
_BEFORE_TEETH, _BEHIND_LIPS = 0.0012, 0.003
"""Metres before the avatar's teeth at which those of the photo are, and all of the mouth as in the photo."""


def mouth(shown: InPhoto, photo: Floats, landmarks: Doubles) -> list[Organ]:
    """All that is in a mouth. `photo` (H, W, 3) is sRGB 0 to 1, `landmarks` (478, 2) pixels."""
    light = _light(photo, landmarks)
    organs = [_own(name, shown.avatar, light) for name in ("mouth", "tongue", "teeth")]
    inner, outer = landmarks[list(INNER_LIPS)], landmarks[list(OUTER_LIPS)]
    gap = np.ptp(inner[:, 1])
    if gap < max(_LEAST_GAP[0], _LEAST_GAP[1] * np.ptp(inner[:, 0])):
        return organs
    inside, lips = (polygon(points, photo.shape[:2]) for points in (inner, outer))
    likeness = _tooth_likeness(photo, inside, (lips > 0.9) & (inside < 0.1))
    if (likeness * inside).sum() > _LEAST_TEETH * inside.sum():
        organs.append(_teeth_in_photo(shown, photo, inner, inside, likeness))
    return [*organs, _as_in_photo(shown, photo, inner, inside)]


def _own(name: str, avatar: Avatar, light: Doubles) -> Organ:
    """One of the avatar's own, in this light."""
    chosen = avatar.face_material == [m.name for m in avatar.materials].index(name)
    used, numbered = np.unique(avatar.faces[chosen], return_inverse=True)
    flesh = avatar_flesh(avatar, used.astype(np.int32))
    flesh = _peeping(flesh, used, avatar) if name == "teeth" else _shallow(flesh, avatar)
    colour = np.full((8, 8, 3), _FLESH[name]) if name in _FLESH else _tooth_texture(avatar)
    faces = numbered.reshape(-1, 3).astype(np.int32)
    picture = opaque(srgb(colour * light))
    return Organ(name, flesh, faces, flat(vertex_uv(avatar, chosen, used)), picture, np.ones(len(used), np.float32))


def _peeping(teeth: Flesh, used: Ints, avatar: Avatar) -> Flesh:
    """The teeth, vertices `used` (n,) of the avatar, with the upper ones low enough to be seen when the lips part.

    At rest, with parted lips, 2 to 3 mm of them show (Vig and Brundo, "The kinetics of anterior tooth display", 1978).
    """
    lip = float((load_head().landmarks[[UPPER_LIP]] @ avatar.vertices)[0, 1])
    upper = ~np.isin(used, lower_teeth(avatar))
    rest = teeth.rest.copy()
    rest[upper, 1] += min(0.0, lip - _DISPLAY - float(rest[upper, 1].min()))
    return replace(teeth, rest=rest)


def _shallow(flesh: Flesh, avatar: Avatar) -> Flesh:
    """The flesh behind the teeth nearer to them: the avatar's goes back so far that it would come out of the cheeks of
    the photo's surface, which has no back of the head, when the head turns."""
    last = float(avatar.vertices[np.unique(avatar.faces_of("teeth")), 2].min())
    rest = flesh.rest.copy()
    rest[:, 2] = last + np.where(rest[:, 2] < last, _SHALLOWER, 1) * (rest[:, 2] - last)
    return replace(flesh, rest=rest)


def _tooth_texture(avatar: Avatar) -> Doubles:
    """How much light the teeth throw back, (h, w, 3)."""
    material = next(m for m in avatar.materials if m.name == "teeth")
    return linear(evenly_lit(material.pixels() / np.float32(255)))


def _light(photo: Floats, landmarks: Doubles) -> Doubles:
    """The light (3,) that falls on the face: that on the whites of the eyes, or, if they can't be seen, on the lips."""
    found = []
    for outline, pupil, iris in EYES:
        rows, columns = np.nonzero(polygon(landmarks[list(outline)], photo.shape[:2]) > 0.99)
        radius = np.linalg.norm(landmarks[list(iris)] - landmarks[pupil], axis=1).mean()
        away = np.hypot(columns + 0.5 - landmarks[pupil][0], rows + 0.5 - landmarks[pupil][1])
        found.append(photo[rows[away > 1.2 * radius], columns[away > 1.2 * radius]])
    whites = linear(np.vstack(found))
    if len(whites) >= 8:
        bright = whites[np.argsort(whites.sum(axis=1))[int(0.6 * len(whites)) :]]
        return np.asarray(bright.mean(axis=0) / _WHITE_OF_THE_EYE)
    lips = photo[polygon(landmarks[list(OUTER_LIPS)], photo.shape[:2]) > 0.9]
    return np.full(3, 3 * linear(lips).mean() if len(lips) else 1.0)


def _teeth_in_photo(shown: InPhoto, photo: Floats, inner: Doubles, inside: Doubles, likeness: Doubles) -> Organ:
    """The teeth between the lips of the photo as a sheet that stays with the skull."""
    gap = np.ptp(inner[:, 1])
    sure = (likeness > 0.5) & (inside > 0.9)
    colour = np.where(sure[..., None], photo, smoothly(photo, sure.astype(np.float64)))
    picture = np.dstack([colour, _behind_the_lip(likeness, inside)]).astype(np.float32)
    low, high = inner.min(axis=0) - np.array([0, gap]), inner.max(axis=0) + np.array([0, 0.3 * gap])
    return _card(shown, low, high, picture, _BEFORE_TEETH, fades=False)


def _as_in_photo(shown: InPhoto, photo: Floats, inner: Doubles, inside: Doubles) -> Organ:
    """All that is between the lips in the photo, just as it is, for as long as they are as they are there."""
    cover = ndimage.grey_dilation(inside, 3)
    picture = np.dstack([photo, cover]).astype(np.float32)
    return _card(shown, inner.min(axis=0) - 2, inner.max(axis=0) + 2, picture, _BEHIND_LIPS, fades=True)


def _card(shown: InPhoto, low: Doubles, high: Doubles, picture: Floats, before: float, fades: bool) -> Organ:
    """A sheet `before` metres before the teeth's arch that shows the photo's rectangle from `low` to `high` (2,)."""
    columns, rows = np.meshgrid(np.linspace(low[0], high[0], _GRID[0]), np.linspace(low[1], high[1], _GRID[1]))
    pixels = np.column_stack([columns.ravel(), rows.ravel()])
    places, depths = _on_the_arch(shown, pixels, before)
    index = np.arange(len(pixels)).reshape(rows.shape)
    a, b, c, d = (p.ravel() for p in (index[:-1, :-1], index[:-1, 1:], index[1:, :-1], index[1:, 1:]))
    faces = np.vstack([np.column_stack([a, c, b]), np.column_stack([b, c, d])]).astype(np.int32)
    uv = np.hstack([pixels / picture.shape[1::-1] * depths[:, None], depths[:, None]]).astype(np.float32)
    return Organ("teeth", bone(places), faces, uv, picture, np.zeros(len(pixels), np.float32), fades)


def _on_the_arch(shown: InPhoto, pixels: Doubles, before: float) -> tuple[Floats, Doubles]:
    """Places (n, 3) and depths (n,) of the photo's pixels (n, 2), so many metres before the front teeth's arch."""
    teeth = shown.avatar.vertices[np.unique(shown.avatar.faces_of("teeth"))]
    front = teeth[teeth[:, 2] > np.quantile(teeth[:, 2], 0.3)]
    foremost = front[:, 2].max()
    middle = np.array([[0, front[:, 1].mean(), foremost]], np.float32)
    flat_depth = shown.view.seen(middle)[1][0]
    across = shown.view.unseen(pixels, np.full(len(pixels), flat_depth))[:, 0]
    widest = np.abs(front[:, 0]).max()
    arch = np.polyval(np.polyfit(front[:, 0], front[:, 2], 2), np.clip(across, -widest, widest))
    depths = flat_depth + foremost - np.clip(arch, front[:, 2].min(), foremost) - before
    return shown.view.unseen(pixels, depths).astype(np.float32), depths


def _tooth_likeness(photo: Floats, inside: Doubles, lips: NDArray[np.bool_]) -> Doubles:
    """How much of each pixel (H, W) is tooth, 0 to 1: bright beside the lips, and less red than they are."""
    light = linear(photo).mean(axis=2)
    redness = photo[..., 0] - photo[..., 1:].mean(axis=2)
    dark, red = (float(np.median(values[lips])) if lips.any() else 0.3 for values in (light, redness))
    bright = np.clip((light / max(dark, 1e-3) - 0.65) / 0.4, 0, 1)
    pale = np.clip((red - redness) / max(0.4 * red, 0.02), 0, 1)
    return np.asarray(ndimage.gaussian_filter(bright * pale, 0.5) * (inside > 0))


def _behind_the_lip(likeness: Doubles, inside: Doubles) -> Doubles:
    """The teeth's cover (H, W), going on upwards from where the upper lip's edge cuts it."""
    cover = likeness * (inside > 0.5)
    for column in np.flatnonzero((inside > 0.5).any(axis=0)):
        rows = np.flatnonzero(inside[:, column] > 0.5)
        top = rows[0]
        above = slice(max(0, top - len(rows)), top + 1)
        cover[above, column] = np.maximum(cover[above, column], cover[top : top + 2, column].max())
    return np.asarray(ndimage.gaussian_filter(cover, 0.6))
