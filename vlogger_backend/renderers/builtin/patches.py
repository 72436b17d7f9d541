"""Patches: the squares of a frame round mouth and eyes, which go with the head and always show the same piece of it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ...avatars.avatar import Avatar
from ...camera import Doubles, Pinhole

PATCH = 96
"""Pixels of a patch each way."""
_MOUTH, _EYE = 0.088, 0.048
"""Metres of head that a patch shows each way."""


@dataclass(frozen=True, eq=False)
class Anchor:
    """Where a patch is on the head in rest pose: its centre (3,), and half its side in metres."""

    centre: Doubles
    half: float


@dataclass(frozen=True, eq=False)
class Patch:
    """Where a patch is in a picture: `matrix` (2, 3) takes pixels of the patch to pixels of the picture."""

    matrix: Doubles

    @property
    def area(self) -> float:
        """How many pixels of the picture one of the patch covers."""
        return float(abs(np.linalg.det(self.matrix[:, :2])))

    def crop(self, size: tuple[int, int]) -> Doubles:
        """The matrix (4, 4) that takes the clip space of a picture of `size` to the patch's."""
        to_pixels = np.array([[size[0] / 2, 0, size[0] / 2], [0, -size[1] / 2, size[1] / 2], [0, 0, 1]])
        from_pixels = np.array([[2 / PATCH, 0, -1], [0, -2 / PATCH, 1], [0, 0, 1]])
        flat = from_pixels @ np.linalg.inv(np.vstack([self.matrix, [0, 0, 1]])) @ to_pixels
        crop = np.eye(4)
        crop[:2, :2], crop[:2, 3] = flat[:2, :2], flat[:2, 2]
        return crop


def mouth_and_eyes(avatar: Avatar) -> tuple[Anchor, Anchor, Anchor]:
    """Mouth, left eye, right eye. The mouth's patch leaves room below for the jaw."""
    teeth = avatar.vertices[np.unique(avatar.faces_of("teeth"))]
    eyes = avatar.vertices[np.unique(avatar.faces_of("eyes"))]
    centre = np.array([0.0, teeth[:, 1].mean() - 0.008, teeth[:, 2].max()])
    anchors = [Anchor(centre, _MOUTH / 2)]
    for side in (eyes[eyes[:, 0] > 0], eyes[eyes[:, 0] < 0]):
        middle = (side.min(0) + side.max(0)) / 2
        anchors.append(Anchor(np.array([middle[0], middle[1], side[:, 2].max()]), _EYE / 2))
    return anchors[0], anchors[1], anchors[2]


def projected_patches(anchors: tuple[Anchor, ...], head: Doubles, view: Pinhole) -> tuple[Patch, ...]:
    """The anchors in a camera's picture, when the head's transform from rest is `head` (3, 4)."""
    patches = []
    for anchor in anchors:
        corners = anchor.centre + anchor.half * np.array([[0, 0, 0], [1, 0, 0], [0, -1, 0]])
        pixels, _ = view.seen(corners @ head[:, :3].T + head[:, 3])
        # A patch shows the head's own upright square, foreshortened by no more than the camera's view of it.
        across, down = (pixels[1] - pixels[0]) * 2 / PATCH, (pixels[2] - pixels[0]) * 2 / PATCH
        origin = pixels[0] - (across + down) * PATCH / 2
        patches.append(Patch(np.column_stack([across, down, origin])))
    return tuple(patches)


def cut(picture: NDArray[np.uint8], patches: tuple[Patch, ...]) -> NDArray[np.uint8]:
    """The patches (n, PATCH, PATCH, c) of a picture (H, W, c)."""
    import cv2

    cut_out = []
    for patch in patches:
        finer = np.sqrt(patch.area)
        # A warp takes four pixels alone.
        source = cv2.GaussianBlur(picture, (0, 0), 0.4 * finer) if finer > 1.25 else picture
        cut_out.append(
            cv2.warpAffine(
                source,
                _between_centres(patch.matrix),
                (PATCH, PATCH),
                flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
                borderMode=cv2.BORDER_REPLICATE,
            )
        )
    return np.stack(cut_out)


def put(patch: NDArray[np.float32], place: Patch, shape: tuple[int, ...]) -> tuple[slice, slice, NDArray[np.float32]]:
    """A patch (PATCH, PATCH, c) as it lies in a picture of `shape` (H, W): rows, columns, and what is there."""
    import cv2

    corners = place.matrix @ [[0, PATCH, 0, PATCH], [0, 0, PATCH, PATCH], [1, 1, 1, 1]]
    low = np.clip(np.floor(corners.min(axis=1)).astype(int) - 1, 0, shape[::-1])
    high = np.clip(np.ceil(corners.max(axis=1)).astype(int) + 1, low, shape[::-1])
    if (high <= low).any():
        return slice(0, 0), slice(0, 0), np.zeros((0, 0, patch.shape[2]), np.float32)
    matrix = _between_centres(place.matrix) - [[0, 0, low[0]], [0, 0, low[1]]]
    placed = cv2.warpAffine(patch, matrix, tuple(int(side) for side in high - low), flags=cv2.INTER_LINEAR)
    return slice(low[1], high[1]), slice(low[0], high[0]), np.asarray(placed, np.float32)


def _between_centres(matrix: Doubles) -> Doubles:
    """The map from patch to picture where whole numbers are the centres of pixels, not their corners, as for OpenCV."""
    shift = matrix[:, :2].sum(axis=1) / 2 - 0.5
    return np.column_stack([matrix[:, :2], matrix[:, 2] + shift])
