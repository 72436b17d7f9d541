"""Eyes: smooth balls with painted irises in place of the base mesh's coarse ones, turned by the eyeLook morphs."""

from __future__ import annotations

import numpy as np
from scipy import ndimage, sparse
from scipy.spatial import cKDTree
from scipy.spatial.transform import Rotation
from scipy.special import expit

from .anny_body import EYE_VERTICES, AnnyBody, Doubles
from .avatar import Floats, Ints, Material
from .bake import png
from .parts import Part

FULL_LOOK = np.radians(30.0)
"""How far an eye turns at an eyeLook weight of 1."""

_SEGMENTS = 40
_RINGS = np.radians([3, 6, 9, 13, 17, 21, 25, 30, 36, 43, 51, 60, 70, 80, 92, 105, 120])
_EDGE = float(_RINGS[-1])  # the ball is open behind, where nobody sees it
IRIS, _PUPIL = np.radians(21.5), np.radians(8.0)  # their rims, in angles from the middle
_DROP, _SPLAY = np.radians(4.0), np.radians(2.0)
_TEXTURE_SIZE = 512


def eye_parts(body: AnnyBody) -> list[Part]:
    """Both eyes, with morphs of their own for the eight eyeLook actions."""
    material = Material("eyes", (1.0, 1.0, 1.0, 1.0), 0.13, texture=png(_paint()))
    return [_eye(body, side, material) for side in ("left", "right")]


def _eye(body: AnnyBody, side: str, material: Material) -> Part:
    old = body.vertices[EYE_VERTICES[side]]
    centre, radii = (old.min(0) + old.max(0)) / 2, (old.max(0) - old.min(0)) / 2
    outwards = 1.0 if side == "left" else -1.0
    directions, faces, uvs = _ball()
    # The iris sits in the lids' middle, which is a little lower and further out than the ball's foremost point.
    out = Rotation.from_rotvec([_DROP, outwards * _SPLAY, 0.0]).apply(directions) * radii
    nearest = cKDTree(old).query(centre + out)[1] + EYE_VERTICES[side].start
    count = len(directions)
    binding = sparse.csr_matrix((np.ones(count), (np.arange(count), nearest)), shape=(count, len(body.vertices)))
    turns = {
        "eyeLookUp": (-FULL_LOOK, 0.0),
        "eyeLookDown": (FULL_LOOK, 0.0),
        "eyeLookOut": (0.0, outwards * FULL_LOOK),
        "eyeLookIn": (0.0, -outwards * FULL_LOOK),
    }
    morphs = {
        f"{name}{side.capitalize()}": Rotation.from_rotvec([x, y, 0.0]).apply(out) - out
        for name, (x, y) in turns.items()
    }
    return Part(material, centre + out, faces, uvs, binding, morphs)


def _ball() -> tuple[Doubles, Ints, Floats]:
    """Directions (n, 3) about the gaze +Z, faces, and uvs whose distance from the middle is the angle from +Z."""
    around = np.arange(_SEGMENTS) * 2 * np.pi / _SEGMENTS
    angles = np.concatenate([[0.0], np.repeat(_RINGS, _SEGMENTS)])
    turns = np.concatenate([[0.0], np.tile(around, len(_RINGS))])
    flat = np.stack([np.cos(turns), np.sin(turns)], axis=1)
    directions = np.column_stack([flat * np.sin(angles)[:, None], np.cos(angles)])
    uvs = 0.5 + 0.5 * flat * (angles / _EDGE)[:, None]
    this, following = np.arange(_SEGMENTS), (np.arange(_SEGMENTS) + 1) % _SEGMENTS
    faces = [np.stack([np.zeros(_SEGMENTS, int), 1 + this, 1 + following], axis=1)]
    for ring in range(len(_RINGS) - 1):
        inner, outer = 1 + ring * _SEGMENTS, 1 + (ring + 1) * _SEGMENTS
        faces.append(np.stack([inner + this, outer + this, outer + following], axis=1))
        faces.append(np.stack([inner + this, outer + following, inner + following], axis=1))
    joined = np.concatenate(faces).astype(np.int32)
    return directions, joined, uvs[joined].astype(np.float32)


def _paint() -> Floats:
    """White, iris with fibres and a limbal ring, pupil; a little shade under the upper lid."""
    x, y = np.meshgrid(*[(np.arange(_TEXTURE_SIZE) + 0.5) / _TEXTURE_SIZE * 2 - 1] * 2)
    angle = np.hypot(x, y) * _EDGE
    turn = np.arctan2(-y, x)
    rng = np.random.default_rng(7)
    fibres = ndimage.gaussian_filter(rng.normal(size=(64, 720)), (3, 1.0), mode="wrap")
    fibres /= fibres.std()
    grain = ndimage.map_coordinates(
        fibres, [np.clip(angle / IRIS, 0, 1) * 63, (turn / (2 * np.pi) % 1) * 720], order=1, mode="grid-wrap"
    )[..., None]

    white = np.array([0.90, 0.875, 0.85]) - np.clip((angle - 0.5) / 1.2, 0, 1)[..., None] * np.array([0.06, 0.16, 0.16])
    out = np.clip((angle - _PUPIL) / (IRIS - _PUPIL), 0, 1)[..., None]
    inner, outer = np.array([0.50, 0.335, 0.17]), np.array([0.27, 0.19, 0.115])
    iris = (inner * (1 - out) + outer * out) * (1 + 0.16 * grain * (0.4 + out * 0.6))
    iris *= 1 - 0.62 * np.exp(-(((out - 1.0) / 0.16) ** 2))  # the limbal ring
    iris *= 1 - 0.35 * np.exp(-((out / 0.12) ** 2))

    def step(edge: float, softness: float) -> Floats:
        return np.asarray(expit((angle - edge) / softness), np.float32)[..., None]

    at_rim, at_pupil = step(float(IRIS), 0.011), step(float(_PUPIL), 0.006)
    color = (0.012 * (1 - at_pupil) + iris * at_pupil) * (1 - at_rim) + white * at_rim
    lid = expit((-y * _EDGE - 0.30) / 0.09)[..., None]
    return np.asarray(color * (1 - 0.34 * lid), np.float32)
