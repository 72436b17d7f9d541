"""The parts of the body that a control image tells apart (VLOGGER's semantic masks), each with a colour of its own.

Left is the person's own left. Numbers and colours are part of the image sequences' format: new ones go to the end.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from ..avatars.avatar import Avatar
from ..motion.names import JOINT_NAMES
from ..portraits.head import load_head
from ..portraits.landmarks import INNER_LIPS, OUTER_LIPS

REGIONS: dict[str, tuple[int, int, int]] = {
    "none": (0, 0, 0),
    "face": (230, 180, 150),
    "upper_lip": (220, 40, 60),
    "lower_lip": (150, 20, 90),
    "mouth": (70, 0, 20),
    "teeth": (255, 255, 255),
    "tongue": (255, 110, 170),
    "left_eye": (0, 200, 255),
    "right_eye": (0, 90, 255),
    "brows": (120, 80, 20),
    "lashes": (60, 60, 60),
    "hair": (160, 110, 40),
    "neck": (250, 220, 90),
    "torso": (60, 160, 75),
    "left_upper_arm": (145, 30, 180),
    "left_forearm": (190, 100, 230),
    "left_hand": (230, 190, 255),
    "right_upper_arm": (245, 130, 48),
    "right_forearm": (255, 170, 100),
    "right_hand": (255, 215, 180),
    "left_thigh": (0, 128, 128),
    "left_shin": (70, 190, 190),
    "left_foot": (170, 255, 240),
    "right_thigh": (128, 128, 0),
    "right_shin": (180, 180, 60),
    "right_foot": (235, 235, 160),
}
"""Name and sRGB colour, in the order of their numbers."""

PALETTE: NDArray[np.uint8] = np.array(list(REGIONS.values()), np.uint8)
"""(n, 3), by number."""

NUMBER = {name: number for number, name in enumerate(REGIONS)}
STRANDS = (NUMBER["brows"], NUMBER["hair"])
"""The first and the last of the regions that are made of strands."""
_MATERIALS = ("mouth", "teeth", "tongue", "brows", "lashes", "hair")
_LIPS = ("upper_lip", "lower_lip")
_EYES = ("eyes", "iris")
_CLOTHES = ("jumper", "trousers", "shoes")
_OF_JOINT = {"hip": "thigh", "knee": "shin", "ankle": "foot", "foot": "foot", "shoulder": "upper_arm",
             "elbow": "forearm"}  # fmt: skip


@lru_cache(maxsize=1)
def built_in_regions() -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """For each face of the built-in avatar two regions (F, 2), and which of them its corners belong to (F, 3): the
    first where that number is above zero, so that the border between them runs through the face.

    A face is what its material is; skin and clothes belong to the joints that move them.
    """
    avatar = load_head().avatar
    regions, first = _by_parts(avatar)
    for lip, chosen in zip(_LIPS, _lips_of_faces(), strict=True):
        regions[chosen], first[chosen] = NUMBER[lip], 1.0
    return regions, first


def regions_of_model(avatar: Avatar, of: sparse.csr_matrix) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """The same for a licensed model's avatar, V vertices, whose head's skin is on the built-in avatar's as `of` (V, B)
    says: its lips are where that one's are.
    """
    regions, first = _by_parts(avatar)
    built_in = load_head().avatar
    faces = built_in.face_material == [m.name for m in built_in.materials].index("face")
    all_of_them = np.bincount(built_in.faces[faces].ravel(), minlength=of.shape[1])
    shares = []
    for chosen in _lips_of_faces():
        lip = np.bincount(built_in.faces[chosen].ravel(), minlength=of.shape[1])
        shares.append((of @ (lip / np.maximum(all_of_them, 1)))[avatar.faces])
    either = np.maximum(*shares)
    skin = avatar.face_material == [m.name for m in avatar.materials].index("face")
    for name, share, other in zip(_LIPS, shares, reversed(shares), strict=True):
        lip = skin & (either.max(axis=1) > 0.5) & (share.sum(axis=1) > other.sum(axis=1))
        regions[lip, 1] = regions[lip, 0]
        regions[lip, 0], first[lip] = NUMBER[name], 2 * share[lip] - 1
    return regions, first


def _by_parts(avatar: Avatar) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """All but the lips."""
    names = np.array([m.name for m in avatar.materials])[avatar.face_material]
    regions, first = _by_joints(avatar, names)
    centres = avatar.vertices[avatar.faces].mean(axis=1)
    whole = {material: (names == material) for material in _MATERIALS}
    whole["left_eye"], whole["right_eye"] = (
        np.isin(names, _EYES) & side for side in (centres[:, 0] > 0, centres[:, 0] <= 0)
    )
    for region, chosen in whole.items():
        regions[chosen], first[chosen] = NUMBER[region], 1.0
    return regions, first


def _by_joints(avatar: Avatar, names: NDArray[np.str_]) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """The two regions whose joints move a face the most, and by how much more the first moves each corner."""
    number = np.array([NUMBER[_joint_region(name)] for name in JOINT_NAMES])
    shares = np.zeros((len(avatar.vertices), len(REGIONS)), np.float32)
    rows = np.arange(len(avatar.vertices))
    for joints, weights in zip(avatar.joint_indices.T, avatar.joint_weights.T, strict=True):
        np.add.at(shares, (rows, number[joints]), weights)
    corners = shares[avatar.faces]
    clothed = np.isin(names, _CLOTHES)  # a collar is no neck
    corners[clothed, :, NUMBER["torso"]] += corners[clothed, :, NUMBER["neck"]] + corners[clothed, :, NUMBER["face"]]
    corners[clothed, :, NUMBER["neck"]] = corners[clothed, :, NUMBER["face"]] = 0
    best = np.argsort(-corners.sum(axis=1), axis=1, kind="stable")[:, :2]
    two = np.take_along_axis(corners, best[:, None, :], axis=2)
    return best.astype(np.uint8), two[..., 0] - two[..., 1]


def _joint_region(joint: str) -> str:
    side, _, part = joint.partition("_")
    if side not in ("left", "right"):
        return {"neck": "neck", "head": "face", "jaw": "face"}.get(joint, "torso")
    if part == "eye_smplhf":
        return f"{side}_eye"
    if part == "collar":
        return "torso"
    return f"{side}_{_OF_JOINT.get(part, 'hand')}"  # wrist and fingers


def _lips_of_faces() -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Which of the built-in avatar's faces (F,) are on the upper and on the lower lip, seen from the front."""
    head = load_head()
    avatar, points = head.avatar, head.landmarks @ head.avatar.vertices
    centres = avatar.vertices[avatar.faces].mean(axis=1)
    face = avatar.face_material == [m.name for m in avatar.materials].index("face")
    outline, seam = points[list(OUTER_LIPS), :2], points[list(INNER_LIPS)]
    inside = _inside(centres[:, :2], outline) & (centres[:, 2] > seam[:, 2].min() - 0.01)
    order = np.argsort(seam[:, 0])
    above = centres[:, 1] > np.interp(centres[:, 0], seam[order, 0], seam[order, 1])
    return face & inside & above, face & inside & ~above


def _inside(points: NDArray[np.float32], outline: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Which points (n, 2) are inside a closed polygon (m, 2): a ray to the right crosses it an odd number of times."""
    crossings = np.zeros(len(points), int)
    for (x0, y0), (x1, y1) in zip(outline, np.roll(outline, -1, axis=0), strict=True):
        between = (y0 > points[:, 1]) != (y1 > points[:, 1])
        at = x0 + (points[:, 1] - y0) / (y1 - y0 if y1 != y0 else 1.0) * (x1 - x0)
        crossings += between & (points[:, 0] < at)
    return np.asarray(crossings % 2 == 1)
