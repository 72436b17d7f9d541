"""What lies behind the openings of the face: the eyeballs with the photo's own irises, and teeth, tongue and mouth.

Their shapes are the avatar's. What of them the photo shows is taken from it; the rest is filled: an iris is as it is elsewhere
at the same distance from its pupil, the white of the eye goes on smoothly, and teeth that nobody has seen are the avatar's in
the light of the photo.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage, sparse
from scipy.interpolate import LinearNDInterpolator

from ...avatars.avatar import Avatar
from ...camera import Camera
from ...motion.names import ARKIT_INDEX, JOINT_INDEX, JOINT_NAMES
from ...portraits.head import load_head
from ...portraits.landmarks import (
    INNER_LIPS,
    LEFT_EYE,
    LEFT_IRIS,
    LEFT_PUPIL,
    OUTER_LIPS,
    RIGHT_EYE,
    RIGHT_IRIS,
    RIGHT_PUPIL,
    UPPER_LIP,
)
from .colour import linear, srgb
from .filling import polygon, smoothly
from .sheet import Flesh, avatar_flesh, seen, unseen

Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]
Ints = NDArray[np.int32]

_TEXELS = 160
_DISPLAY = 0.0026
"""Metres of the upper teeth below the upper lip."""


@dataclass(frozen=True, eq=False)
class Organ:
    """A surface behind an opening.

    part    : "eye", "mouth", "tongue" or "teeth"
    flesh   : of its vertices
    faces   : (F, 3)
    uv      : (n, 2) from the picture's top left, or (n, 3), that times a depth, and the depth
    picture : (h, w, 4) sRGB and straight alpha, 0 to 1
    worn    : (n,) how little the photo knows of it, 0 to 1
    """

    part: str
    flesh: Flesh
    faces: Ints
    uv: Floats
    picture: Floats
    worn: Floats


def eyeballs(avatar: Avatar, camera: Camera, arkit: Floats, photo: Floats, landmarks: Doubles) -> list[Organ]:
    """Both eyes; `photo` (H, W, 3) is sRGB 0 to 1, `landmarks` (478, 2) pixels."""
    faces = avatar.faces_of("eyes")
    left = avatar.vertices[faces[:, 0], 0] > 0
    balls = [
        _eyeball(avatar, faces[left], camera, arkit, photo, landmarks, (LEFT_EYE, LEFT_PUPIL, LEFT_IRIS)),
        _eyeball(avatar, faces[~left], camera, arkit, photo, landmarks, (RIGHT_EYE, RIGHT_PUPIL, RIGHT_IRIS)),
    ]
    return [*balls, *(_socket(ball) for ball in balls)]


def _socket(ball: Organ) -> Organ:
    """A dark disc through the eyeball's middle, so that no gap beside it shows what is behind the person."""
    rest = ball.flesh.rest
    middle, radius = (rest.min(0) + rest.max(0)) / 2, np.ptp(rest[:, 0]) / 2
    turns = np.linspace(0, 2 * np.pi, 13)[:-1]
    rim = np.column_stack([np.cos(turns), np.sin(turns), np.zeros(12)]) * radius * 1.5
    places = np.vstack([middle, middle + rim]).astype(np.float32)
    index = np.arange(12)
    faces = np.column_stack([np.zeros(12), 1 + index, 1 + (index + 1) % 12]).astype(np.int32)
    count = len(places)
    flesh = Flesh(places, sparse.csr_matrix((count * 3, 52), dtype=np.float32), _on_the_head(count))
    dark = _opaque(np.full((4, 4, 3), 0.45 * ball.picture[..., :3].mean(axis=(0, 1)) * (1.0, 0.8, 0.8), np.float32))
    return Organ("eye", flesh, faces, np.full((count, 2), 0.5, np.float32), dark, np.ones(count, np.float32))


def _on_the_head(count: int) -> sparse.csr_matrix:
    weights = np.zeros((count, len(JOINT_NAMES)), np.float32)
    weights[:, JOINT_INDEX["head"]] = 1
    return sparse.csr_matrix(weights)


def _eyeball(avatar, faces, camera, arkit, photo, landmarks, marks) -> Organ:
    outline, pupil, iris = marks
    used, numbered = np.unique(faces, return_inverse=True)
    numbered = numbered.reshape(-1, 3).astype(np.int32)
    flesh = avatar_flesh(avatar, used.astype(np.int32))
    uv = _vertex_uv(avatar, "eyes", faces, numbered, len(used))
    posed = flesh.rest + (flesh.morphs @ arkit).reshape(-1, 3)
    pixels = seen(camera, posed)[0]
    texels, there = _texels(uv, pixels, _TEXELS)
    opening = polygon(landmarks[list(outline)], photo.shape[:2])
    known = there & (_sampled(opening[..., None], texels)[..., 0] > 0.98)
    colour = _sampled(photo, texels)
    to_texel = LinearNDInterpolator(pixels, uv * _TEXELS)
    centre = to_texel(landmarks[pupil])[0] if pupil is not None else np.full(2, np.nan)
    rim = to_texel(landmarks[list(iris)])
    if not np.isfinite(centre).all():
        centre = np.full(2, _TEXELS / 2)
    radius = np.nanmean(np.linalg.norm(rim - centre, axis=1)) if np.isfinite(rim).any() else _TEXELS * 0.11
    ball = _opaque(_whole_eye(colour, known, centre, radius))
    return Organ("eye", flesh, numbered, uv, ball, np.zeros(len(used), np.float32))


def _whole_eye(colour: Doubles, known: NDArray[np.bool_], centre: Doubles, radius: float) -> Floats:
    """The texture completed: by rings inside the iris, smoothly outside it."""
    ys, xs = np.mgrid[: len(colour), : len(colour)] + 0.5
    distance = np.hypot(xs - centre[0], ys - centre[1])
    if not known.any():
        return np.full_like(colour, 0.5).astype(np.float32)
    # What is near the lids is in their shadow and of their lashes: weigh what is further in more.
    inwards = ndimage.distance_transform_edt(known)
    trust = np.clip(inwards / 4, 0.02, 1) * known
    ring = np.rint(distance).astype(int).ravel()
    total = np.bincount(ring, trust.ravel())
    means = np.stack([np.bincount(ring, (trust * colour[..., c]).ravel()) for c in range(3)], axis=-1)
    reach = int(radius * 1.12)
    sums = ndimage.gaussian_filter1d(np.hstack([means, total[:, None]])[: reach + 2], 0.8, axis=0)
    seen_ring = sums[:, 3] > 1e-3
    if not seen_ring.any():
        return smoothly(colour, trust)
    index = np.arange(len(sums))
    rings = np.stack(
        [np.interp(index, index[seen_ring], sums[seen_ring, c] / sums[seen_ring, 3]) for c in range(3)], axis=-1
    )
    disc = rings[np.minimum(np.rint(distance).astype(int), reach + 1)]
    white = distance > radius * 1.12
    ball = smoothly(colour, trust * white)
    blend = np.clip((distance - radius * 0.98) / (radius * 0.16), 0, 1)[..., None]
    filled = disc * (1 - blend) + ball * blend
    keep = np.clip(inwards / 2.5, 0, 1)[..., None]
    return np.asarray(colour * keep + filled * (1 - keep), np.float32)


def _vertex_uv(avatar: Avatar, material: str, faces: Ints, numbered: Ints, count: int) -> Floats:
    """One uv (n, 2) a vertex, from the top left."""
    names = [m.name for m in avatar.materials]
    of_material = avatar.face_material == names.index(material)
    lookup = {
        tuple(face): uv for face, uv in zip(avatar.faces[of_material].tolist(), avatar.uvs[of_material], strict=True)
    }
    uv = np.zeros((count, 2), np.float32)
    for face, corners in zip(faces.tolist(), numbered, strict=True):
        uv[corners] = lookup[tuple(face)]
    uv[:, 1] = 1 - uv[:, 1]
    return uv


def _texels(uv: Floats, pixels: Doubles, size: int) -> tuple[Doubles, NDArray[np.bool_]]:
    """For each texel (size, size) the photo's pixel that shows it, and whether there is one."""
    ys, xs = np.mgrid[:size, :size]
    at = (np.stack([xs, ys], axis=-1) + 0.5) / size
    places = LinearNDInterpolator(uv, pixels)(at)
    there = np.isfinite(places).all(axis=-1)
    return np.where(there[..., None], places, 0), there


def _sampled(picture: Doubles, places: Doubles) -> Doubles:
    """`picture` (H, W, c) at `places` (..., 2), pixels from the top left."""
    flat = places.reshape(-1, 2)
    values = [
        ndimage.map_coordinates(picture[..., c], [flat[:, 1] - 0.5, flat[:, 0] - 0.5], order=1, mode="nearest")
        for c in range(picture.shape[2])
    ]
    return np.stack(values, axis=-1).reshape(*places.shape[:-1], -1)


def mouth(avatar: Avatar, camera: Camera, arkit: Floats, photo: Floats, landmarks: Doubles) -> list[Organ]:
    """Teeth, tongue and the inside of the mouth, and over them the teeth that the photo shows."""
    gain = _light(photo, landmarks)
    organs = [_mouth_part(name, avatar, gain) for name in ("mouth", "tongue", "teeth")]
    shown = _shown_teeth(avatar, camera, photo, landmarks)
    return [*organs, shown] if shown else organs


def _mouth_part(name: str, avatar: Avatar, gain: Doubles) -> Organ:
    faces = avatar.faces_of(name)
    used, numbered = np.unique(faces, return_inverse=True)
    numbered = numbered.reshape(-1, 3).astype(np.int32)
    flesh = avatar_flesh(avatar, used.astype(np.int32))
    if name == "teeth":
        flesh = _peeping(flesh, avatar)
    uv = _vertex_uv(avatar, name, faces, numbered, len(used))
    base = np.full((8, 8, 3), _FLESH[name]) if name in _FLESH else _own_texture(avatar, name)
    picture = srgb(np.clip(base * gain, 0, 1)).astype(np.float32)
    return Organ(name, flesh, numbered, uv, _opaque(picture), np.ones(len(used), np.float32))


_FLESH = {"mouth": (0.36, 0.13, 0.12), "tongue": (0.50, 0.22, 0.21)}
"""How much light the inside of a mouth and a tongue throw back."""


def _peeping(teeth: Flesh, avatar: Avatar) -> Flesh:
    """The teeth with the upper ones low enough to be seen when the lips part.

    At rest, with parted lips, 2 to 3 mm of them show (Vig and Brundo, "The kinetics of anterior tooth display", 1978).
    """
    lip = float((load_head().landmarks[[UPPER_LIP]] @ avatar.vertices)[0, 1])
    moved = np.asarray(np.abs(teeth.morphs[:, [ARKIT_INDEX["jawOpen"]]].toarray()).reshape(-1, 3).max(axis=1))
    upper = moved < 1e-4
    rest = teeth.rest.copy()
    rest[upper, 1] += min(0.0, lip - _DISPLAY - float(rest[upper, 1].min()))
    return replace(teeth, rest=rest)


def _own_texture(avatar: Avatar, name: str) -> Floats:
    import io

    from PIL import Image

    material = next(m for m in avatar.materials if m.name == name)
    if material.texture is None:
        return np.broadcast_to(np.array(material.color[:3], np.float32), (8, 8, 3))
    base = np.asarray(Image.open(io.BytesIO(material.texture)).convert("RGB"), np.float32) / 255
    return linear(base) * np.array(material.color[:3], np.float32)


def _opaque(colour: Floats) -> Floats:
    return np.dstack([colour, np.ones(colour.shape[:2], np.float32)])


def _shown_teeth(avatar: Avatar, camera: Camera, photo: Floats, landmarks: Doubles) -> Organ | None:
    """The teeth between the lips in the photo as a sheet that stays with the skull; None if it shows none."""
    inner, outer = landmarks[list(INNER_LIPS)], landmarks[list(OUTER_LIPS)]
    height = np.ptp(inner[:, 1])
    if height < 3 or height < 0.06 * np.ptp(inner[:, 0]):
        return None
    inside, lips = (polygon(points, photo.shape[:2]) for points in (inner, outer))
    alpha = _tooth_likeness(photo, inside, (lips > 0.9) & (inside < 0.1))
    if (alpha * inside).sum() < 0.15 * inside.sum():
        return None
    trust = (alpha > 0.5) & (inside > 0.9)
    colour = smoothly(photo, trust.astype(np.float64))
    colour = np.where(trust[..., None], photo, colour)
    low, high = inner.min(0) - height, inner.max(0) + 0.3 * height
    xs, ys = np.meshgrid(np.linspace(low[0], high[0], 24), np.linspace(low[1], high[1], 16))
    pixels = np.column_stack([xs.ravel(), ys.ravel()])
    # The arch of the avatar's front teeth, a little before them; it goes on upwards, behind the lip.
    teeth = avatar.vertices[np.unique(avatar.faces_of("teeth"))]
    front = teeth[teeth[:, 2] > np.quantile(teeth[:, 2], 0.3)]
    across = np.polyfit(front[:, 0], front[:, 2], 2)
    flat = seen(camera, np.array([[0, front[:, 1].mean(), front[:, 2].max()]], np.float32))[1]
    places = unseen(camera, pixels, np.full(len(pixels), flat[0]))
    arch = np.clip(np.polyval(across, np.clip(places[:, 0], -0.024, 0.024)), front[:, 2].min(), front[:, 2].max())
    depth = flat[0] + (front[:, 2].max() - arch) - 0.0012
    places = unseen(camera, pixels, depth)
    index = np.arange(len(pixels)).reshape(xs.shape)
    corners = [index[:-1, :-1], index[:-1, 1:], index[1:, :-1], index[1:, 1:]]
    a, b, c, d = (corner.ravel() for corner in corners)
    faces = np.vstack([np.column_stack([a, c, b]), np.column_stack([b, c, d])]).astype(np.int32)
    flesh = Flesh(
        places.astype(np.float32),
        sparse.csr_matrix((len(pixels) * 3, len(avatar.morphs)), dtype=np.float32),
        _on_the_head(len(pixels)),
    )
    size = np.array(photo.shape[1::-1])
    uv = np.hstack([pixels / size * depth[:, None], depth[:, None]]).astype(np.float32)
    cover = _behind_the_lip(alpha, inside)
    return Organ(
        "teeth", flesh, faces, uv, np.dstack([colour, cover]).astype(np.float32), np.zeros(len(pixels), np.float32)
    )


def _tooth_likeness(photo: Floats, inside: Doubles, lips: NDArray[np.bool_]) -> Doubles:
    """How much of each pixel (H, W) is tooth, 0 to 1: bright beside the lips, and less red than they are."""
    light = linear(photo).mean(axis=2)
    redness = photo[..., 0] - photo[..., 1:].mean(axis=2)
    dark, red = (np.median(values[lips]) if lips.any() else 0.3 for values in (light, redness))
    like = np.clip((light / max(dark, 1e-3) - 0.65) / 0.4, 0, 1) * np.clip((red - redness) / max(0.4 * red, 0.02), 0, 1)
    return np.asarray(ndimage.gaussian_filter(like, 0.5) * (inside > 0))


def _behind_the_lip(alpha: Doubles, inside: Doubles) -> Doubles:
    """The teeth's cover, going on upwards from where the upper lip's edge cuts it."""
    cover = alpha * (inside > 0.5)
    columns = np.flatnonzero((inside > 0.5).any(axis=0))
    for x in columns:
        ys = np.flatnonzero(inside[:, x] > 0.5)
        top = ys[0]
        edge = cover[top : top + 2, x].max()
        reach = len(ys)
        cover[max(0, top - reach) : top + 1, x] = np.maximum(cover[max(0, top - reach) : top + 1, x], edge)
    return np.asarray(ndimage.gaussian_filter(cover, 0.6))


def _light(photo: Floats, landmarks: Doubles) -> Doubles:
    """What light (3,) falls on the mouth in the photo: that on the whites of the eyes, which are white."""
    whites = []
    for outline, pupil, iris in ((LEFT_EYE, LEFT_PUPIL, LEFT_IRIS), (RIGHT_EYE, RIGHT_PUPIL, RIGHT_IRIS)):
        inside = polygon(landmarks[list(outline)], photo.shape[:2], 2) > 0.99
        radius = np.linalg.norm(landmarks[list(iris)] - landmarks[pupil], axis=1).mean()
        ys, xs = np.nonzero(inside)
        beside = np.hypot(xs + 0.5 - landmarks[pupil][0], ys + 0.5 - landmarks[pupil][1]) > radius * 1.2
        whites.append(photo[ys[beside], xs[beside]])
    pixels = linear(np.vstack(whites))
    if len(pixels) < 8:
        face = photo[polygon(landmarks[list(INNER_LIPS)], photo.shape[:2], 2) > 0]
        return np.full(3, 1.0) if not len(face) else np.full(3, linear(face).mean() * 3)
    bright = pixels[np.argsort(pixels.sum(axis=1))[int(len(pixels) * 0.6) :]]
    return np.asarray(bright.mean(axis=0) / 0.62)
