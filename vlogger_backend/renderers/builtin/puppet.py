"""The puppet: a portrait cut into sheets that a performance moves, drawn frame by frame."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from ...avatars.avatar import Avatar, Floats
from ...avatars.posing import joint_transforms
from ...camera import Doubles, Pinhole
from ...motion.names import ARKIT_INDEX, JOINT_INDEX
from ...portraits.portrait import Portrait
from ..stage import projection_matrix
from ..surfaces import Canvas, Look, Picture, Surface
from .eyes import eyes
from .filling import without_openings
from .flesh import InPhoto
from .mouth import mouth
from .organs import Organ
from .patches import PATCH, Patch, mouth_and_eyes, projected_patches
from .sheet import Sheet, build_sheet

PARTS = ("nothing", "skin", "eye", "mouth", "tongue", "teeth")
"""What a pixel of a patch can show; their numbers are those of `Frame.parts`."""
_LIT = {"mouth": 0.85, "tongue": 1.05, "teeth": 1.05}
"""How bright what is in the mouth is in full light, beside its own colour."""
_THROWN_BACK = 0.6
_SLICES = 5
"""Across the opening between the lips, for the light that comes in there."""
_GAMMA = 2.2
_STRETCH = (1.35, 2.4)
"""Skin that is so many times as long as in the photo begins to be, and wholly is, shown without the photo's detail."""
_LOOKS = {
    side: [
        ARKIT_INDEX[f"eye{way}{side}"] for way in ("LookUp", "LookDown", "LookIn", "LookOut", "Blink", "Wide", "Squint")
    ]
    for side in ("Left", "Right")
}
_MOUTH = [index for name, index in ARKIT_INDEX.items() if name.startswith(("mouth", "jaw", "tongue"))]
_MOVED = 0.35
"""The change of a weight at which an eye or a mouth is wholly another than in the photo."""


@dataclass(frozen=True, eq=False)
class Frame:
    """One frame before it is painted.

    picture : (H, W, 4) sRGB times alpha, and alpha
    patches : mouth, left eye, right eye: where they are in the picture
    parts   : (3, PATCH, PATCH) what each pixel of these patches shows, numbers of `PARTS`
    worn    : (3, PATCH, PATCH) how little the photo knows of it, 0 to 255
    eyes_moved : (3,) for each patch how far the eye looks from where it does in the photo, 0 to 1
    """

    picture: Picture
    patches: tuple[Patch, ...]
    parts: NDArray[np.uint8]
    worn: NDArray[np.uint8]
    eyes_moved: Floats


class Puppet:
    """To be closed after use. Raises InputError if no OpenGL can be opened."""

    def __init__(self, person: Avatar, portrait: Portrait, size: tuple[int, int]) -> None:
        """`person` is as in `Figure`; `size` is that of the pictures, by which the photo's fineness is chosen."""
        fit = portrait.fit
        self._avatar = person
        self._size = size
        self._arkit = fit.arkit.astype(np.float32)
        landmarks = fit.landmarks.astype(np.float64)
        photo = (portrait.picture / 255).astype(np.float32)
        shown = InPhoto.of(self._avatar, fit.camera, self._arkit)
        sheet = build_sheet(shown, portrait.matte, landmarks)
        self._organs = [*eyes(shown, photo, landmarks), *mouth(shown, photo, landmarks)]
        self._unseen = [False, *(o.part in _LIT and bool(o.worn.all()) for o in self._organs)]
        self._flesh = [sheet.flesh, *(organ.flesh for organ in self._organs)]
        self._wear = _Wear(sheet, self._arkit)
        self._anchors = mouth_and_eyes(self._avatar)
        self._view = shown.view
        self._canvas = Canvas([_skin(sheet, portrait, size), *(_organ_surface(o) for o in self._organs)])

    def close(self) -> None:
        self._canvas.close()

    def patches_in_photo(self) -> tuple[Patch, ...]:
        """Where mouth, left eye and right eye are in the photo, in its own pixels, whatever the pictures' size is."""
        return projected_patches(self._anchors, np.eye(4)[:3], self._view)

    def frame(self, poses: Floats, trans: Floats, arkit: Floats, pose: Doubles, field: float) -> Frame:
        """Draw one frame, seen by a camera at `pose` (4, 4) with the vertical field of view `field`."""
        transforms = joint_transforms(self._avatar.joints, poses, trans)
        transforms[:, :, 3] -= np.einsum("jab,jb->ja", transforms[:, :, :3], self._avatar.joints)
        arkit = arkit.astype(np.float32)
        shaped = [flesh.shaped(arkit) for flesh in self._flesh]
        places = [flesh.skinned(shape, transforms) for flesh, shape in zip(self._flesh, shaped, strict=True)]
        view = Pinhole(pose, field, self._size)
        projection = _projection(view, places)
        patches = projected_patches(self._anchors, transforms[JOINT_INDEX["head"]], view)
        looks = [Look(places[0], np.ones(len(places[0]), np.float32), self._wear(shaped[0]), PARTS.index("skin"))]
        for organ, place in zip(self._organs, places[1:], strict=True):
            looks.append(self._look(organ, place, arkit))
        numbers = [self._canvas.draw_numbers((PATCH, PATCH), p.crop(self._size) @ projection, looks) for p in patches]
        lips = transforms[JOINT_INDEX["head"]] @ (*self._anchors[0].centre, 1.0)
        looks = _lit(looks, self._unseen, numbers[0][..., 0], patches[0], view, float(view.seen(lips[None])[1][0]))
        picture = self._canvas.draw(self._size, projection, looks)
        parts, worn = (np.stack([number[..., channel] for number in numbers]) for channel in (0, 1))
        return Frame(picture, patches, parts, worn, self._eyes_moved(arkit))

    def _look(self, organ: Organ, place: Floats, arkit: Floats) -> Look:
        light, number = np.ones(len(place), np.float32), PARTS.index(organ.part)
        if not organ.fades:
            return Look(place, light, organ.worn, number)
        faded = min(1.0, float(np.abs(arkit - self._arkit)[_MOUTH].max()) / _MOVED)
        return Look(place, light, np.full(len(place), faded, np.float32), number if faded < 1 else 0)

    def _eyes_moved(self, arkit: Floats) -> Floats:
        change = np.abs(arkit - self._arkit)
        sides = [change[_LOOKS[side]].max() for side in ("Left", "Right")]
        return np.asarray([0.0, *np.clip(np.array(sides) / _MOVED, 0, 1)], np.float32)


class _Wear:
    """How worn the sheet's picture is at each vertex: where it is stretched, or was never in the photo."""

    def __init__(self, sheet: Sheet, arkit: Floats) -> None:
        edges = np.unique(np.sort(sheet.faces[:, [0, 1, 1, 2, 2, 0]].reshape(-1, 2), axis=1), axis=0)
        moved = np.asarray(np.abs(sheet.flesh.morphs).sum(axis=1)).reshape(-1, 3).max(axis=1) > 0
        self._edges = edges[moved[edges].any(axis=1)]
        self._hidden = sheet.hidden
        self._photo = self._lengths(sheet.flesh.shaped(arkit))
        ends = self._edges.ravel()
        order = np.argsort(ends, kind="stable")
        self._order = order // 2
        self._vertices, self._starts = np.unique(ends[order], return_index=True)
        between = sparse.coo_matrix((np.ones(len(ends)), (ends, self._edges[:, ::-1].ravel())), shape=[len(moved)] * 2)
        self._mean = (between + 2 * sparse.eye(len(moved))).tocsr()
        self._mean = sparse.diags(1 / np.asarray(self._mean.sum(axis=1)).ravel()) @ self._mean

    def _lengths(self, shaped: Floats) -> Floats:
        across = shaped[self._edges[:, 0]] - shaped[self._edges[:, 1]]
        return np.asarray(np.sqrt(np.einsum("ei,ei->e", across, across)) + 1e-4, np.float32)

    def __call__(self, shaped: Floats) -> Floats:
        stretch = self._lengths(shaped) / self._photo
        worn = np.zeros(len(self._hidden), np.float32)
        worn[self._vertices] = np.maximum.reduceat(stretch[self._order], self._starts)
        low, high = _STRETCH
        worn = np.clip((worn - low) / (high - low), 0, 1)
        worn[self._hidden] = 1
        return np.asarray(self._mean @ worn, np.float32)


def _skin(sheet: Sheet, portrait: Portrait, size: tuple[int, int]) -> Surface:
    height, width = portrait.matte.shape
    scale = min(1.0, size[0] / width, size[1] / height)
    matte = portrait.matte[..., None] / np.float32(255)
    colour = portrait.foreground / np.float32(255)
    bare = without_openings(colour, portrait.fit.landmarks.astype(np.float64))
    depths = sheet.depths[:, None]
    uv = np.hstack([sheet.pixels / (width, height) * depths, depths]).astype(np.float32)
    return Surface(sheet.faces, uv, _texture(colour * matte, matte, scale), _texture(bare * matte, matte, scale))


def _texture(colour: Floats, alpha: Floats, scale: float) -> Picture:
    """Bytes of colours times alpha, and alpha, no finer than the pictures that it is for."""
    import cv2

    texture = np.dstack([colour, alpha])
    if scale < 1:
        height, width = texture.shape[:2]
        reduced = max(1, round(width * scale)), max(1, round(height * scale))
        texture = np.asarray(cv2.resize(texture, reduced, interpolation=cv2.INTER_AREA), np.float32)
    return np.asarray(np.rint(np.clip(texture, 0, 1) * 255), np.uint8)


def _organ_surface(organ: Organ) -> Surface:
    colour, alpha = organ.picture[..., :3], organ.picture[..., 3:]
    under = np.zeros((2, 2, 4), np.uint8) if organ.fades else None
    return Surface(organ.faces, organ.uv, _texture(colour * alpha, alpha, 1.0), under)


def _lit(
    looks: Sequence[Look], unseen: Sequence[bool], parts: NDArray[np.uint8], patch: Patch, view: Pinhole, depth: float
) -> list[Look]:
    """With what is in the mouth as bright as it sees of the light that comes in between the lips, at `depth` metres."""
    inside = np.argwhere(parts >= PARTS.index("mouth"))
    if not len(inside):
        return list(looks)
    slices = [part.mean(axis=0) + 0.5 for part in np.array_split(inside[inside[:, 1].argsort()], _SLICES) if len(part)]
    pixels = np.stack([patch.matrix @ (x, y, 1.0) for y, x in slices])
    centres = view.unseen(pixels, np.full(len(pixels), depth))
    area = len(inside) * patch.area * (depth / view.focal) ** 2
    return [_lit_through(look, centres, area) if own else look for look, own in zip(looks, unseen, strict=True)]


def _lit_through(look: Look, centres: Doubles, area: float) -> Look:
    """With the light that comes through an opening of `area` square metres, and what flesh throws back of it.

    centres : (n, 3) of the n equal slices that the opening is cut into
    """
    away = ((look.places[:, None] - centres) ** 2).sum(axis=2)
    slice_ = area / len(centres)
    direct = np.minimum((slice_ / (slice_ + np.pi * away)).sum(axis=1), 1)  # the form factors of discs of that area
    light = _LIT[PARTS[look.number]] * (direct / (1 - _THROWN_BACK * (1 - direct))) ** (1 / _GAMMA)
    return replace(look, light=light.astype(np.float32))


def _projection(view: Pinhole, places: Sequence[Floats]) -> Doubles:
    to_camera = np.linalg.inv(view.pose)
    depths = np.concatenate([-(place[::7] @ to_camera[2, :3] + to_camera[2, 3]) for place in places])
    near, far = max(0.01, 0.9 * float(depths.min())), 1.1 * float(depths.max()) + 0.1
    return projection_matrix(view.field, view.size[0] / view.size[1], near, far) @ to_camera
