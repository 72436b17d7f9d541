"""Short hair, made from the scalp: strips that grow out of it, bend along the skull and fall from the crown."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage, sparse
from scipy.spatial import cKDTree

from ..motion.names import JOINT_INDEX
from .anny_body import AnnyBody, Doubles
from .avatar import Floats, Ints, Material
from .bake import jpeg, noise
from .parts import Part, vertex_normals
from .strands import strand_part, unit

_BROWN, _BLACK = np.array([0.225, 0.150, 0.105]), np.array([0.060, 0.048, 0.045])  # sRGB
_STRANDS = 3900
_POINTS = 4
# The hairline: degrees round the skull from the front, and height above the eyes in half eye distances.
_LINE_AROUND = (0, 22, 36, 47, 58, 68, 74, 79, 84, 96, 108, 118, 130, 150, 180)
_LINE_HEIGHT = (2.02, 2.06, 1.90, 1.35, 0.85, 0.30, -0.35, -0.45, 0.35, 0.62, 0.10, -1.2, -2.1, -2.5, -2.6)
_EARS = ((0.850, 0.630), (0.850, 0.340))  # middle of the ears in the uv layout
_EAR_SIZE = 0.030


@dataclass(frozen=True)
class Skull:
    """Where on a head things are: `around` in degrees from the front, `up` in half eye distances above the eyes."""

    eyes: Doubles
    half: float
    axis: float

    @staticmethod
    def of(body: AnnyBody) -> Skull:
        left, right = (body.joints[JOINT_INDEX[f"{side}_eye_smplhf"]] for side in ("left", "right"))
        eyes, half = (left + right) / 2, float(left[0] - right[0]) / 2
        skin = body.vertices[np.unique(body.faces[body.groups == "body"])]
        crown = skin[skin[:, 1] > eyes[1] + half]
        return Skull(eyes, half, float(crown[:, 2].min() + crown[:, 2].max()) / 2)

    def around(self, points: Doubles | Floats) -> Doubles:
        return np.asarray(np.degrees(np.arctan2(np.abs(points[..., 0]), points[..., 2] - self.axis)))

    def up(self, points: Doubles | Floats) -> Doubles:
        return np.asarray((points[..., 1] - self.eyes[1]) / self.half)

    def above_hairline(self, points: Doubles | Floats) -> Doubles:
        """How far (n,) above the hairline, in half eye distances; negative on the face and neck."""
        line = np.interp(self.around(points), _LINE_AROUND, _LINE_HEIGHT)
        return np.asarray(self.up(points) - line)


def on_ear(uvs: Floats) -> Doubles:
    """1 on the ears, 0 elsewhere, by place (..., 2) in the base mesh's uv layout."""
    return np.asarray(np.max([np.linalg.norm(uvs - ear, axis=-1) < _EAR_SIZE for ear in _EARS], axis=0), float)


def hair_part(body: AnnyBody, tone: float) -> Part:
    """The hair of the head."""
    rng = np.random.default_rng(11)
    skull = Skull.of(body)
    skin = body.groups == "body"
    normals = vertex_normals(body.vertices, body.faces[skin])
    corner_uvs = body.uvs[skin].mean(axis=1)
    scalp = body.faces[skin][(corner_uvs[:, 0] > 0.635) & (on_ear(corner_uvs) < 0.5)]
    centres = body.vertices[scalp].mean(axis=1)
    scalp = scalp[skull.above_hairline(centres) > -0.15]
    roots, root_normals, binding = _scatter(body, scalp, normals, rng)
    keep = skull.above_hairline(roots) > rng.uniform(-0.05, 0.18, len(roots))
    roots, root_normals, binding = roots[keep], root_normals[keep], binding[np.flatnonzero(keep)]

    ground = np.unique(scalp)
    tree = cKDTree(body.vertices[ground])
    length, lift = _style(skull, roots, rng)
    paths = np.empty((len(roots), _POINTS, 3))
    facing = np.empty_like(paths)
    here, normal = roots - root_normals * 0.001, root_normals
    for point in range(_POINTS):
        paths[:, point], facing[:, point] = here, normal
        flow = _flow(body, skull, here, normal, rng if point == 0 else np.random.default_rng(12))
        bend = lift * (1 - 1.15 * point / (_POINTS - 1))
        step = unit(flow * np.cos(bend)[:, None] + normal * np.sin(bend)[:, None])
        here = here + step * (length / (_POINTS - 1))[:, None]
        nearest = ground[tree.query(here)[1]]
        normal = normals[nearest]
        height = np.einsum("ni,ni->n", here - body.vertices[nearest], normal)
        here = here + normal * np.maximum(0.0022 + 0.0035 * (length > 0.03) - height, 0)[:, None]
    along = unit(np.gradient(paths, axis=1))
    across = unit(np.cross(facing, along))
    width = (0.0050 + 0.065 * length)[:, None] * np.array([0.85, 1.0, 0.7])
    shades = np.clip(rng.uniform(0, 1, len(roots)) * 0.6 + 0.2 + 0.25 * noise(roots, 0.012, 8), 0, 1)
    material = Material("hair", (1.0, 1.0, 1.0, 1.0), 0.72, texture=jpeg(_paint(tone)), double_sided=True)
    points = sparse.vstack([binding] * _POINTS).tocsr()
    order = np.arange(len(roots) * _POINTS).reshape(_POINTS, -1).T.ravel()
    return strand_part(material, paths, across, width, shades, points[order])


def _scatter(
    body: AnnyBody, faces: Ints, normals: Doubles, rng: np.random.Generator
) -> tuple[Doubles, Doubles, sparse.csr_matrix]:
    """Roots spread evenly over `faces`: places (n, 3), normals (n, 3), binding."""
    corners = body.vertices[faces]
    areas = np.linalg.norm(np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), axis=1)
    places = (np.arange(_STRANDS) + rng.uniform(0, 1, _STRANDS)) / _STRANDS
    chosen = np.searchsorted(np.cumsum(areas) / areas.sum(), places).clip(0, len(faces) - 1)
    a, b = np.sqrt(rng.uniform(0, 1, _STRANDS)), rng.uniform(0, 1, _STRANDS)
    inside = np.stack([1 - a, a * (1 - b), a * b], axis=1)
    rows = np.repeat(np.arange(_STRANDS), 3)
    binding = sparse.csr_matrix((inside.ravel(), (rows, faces[chosen].ravel())), shape=(_STRANDS, len(body.vertices)))
    return binding @ body.vertices, unit(binding @ normals), binding


def _style(skull: Skull, roots: Doubles, rng: np.random.Generator) -> tuple[Doubles, Doubles]:
    """Length (n,) in metres and lift (n,) in radians of each strand: short at the sides, longer on top."""
    top = _smooth((skull.up(roots) - 0.9) / 1.7)
    edge = _smooth(skull.above_hairline(roots) / 0.9)
    front = _smooth((60 - skull.around(roots)) / 30) * _smooth((skull.up(roots) - 1.4) / 0.8)
    length = (0.013 + 0.004 * edge) * (1 - top) + (0.036 + 0.006 * front) * top
    length *= rng.uniform(0.75, 1.15, len(roots)) * (0.7 + 0.3 * edge)
    lift = np.radians(20 * (1 - top) + 34 * top + 12 * front) * rng.uniform(0.8, 1.2, len(roots))
    return length, lift


def _flow(body: AnnyBody, skull: Skull, points: Doubles, normals: Doubles, rng: np.random.Generator) -> Doubles:
    """The way hair lies at `points`: away from the crown, swept to the person's left in front."""
    crown = np.array([0.012, skull.eyes[1] + 3.4 * skull.half, skull.axis - 1.5 * skull.half])
    away = unit(points - crown)
    front = _smooth((75 - skull.around(points)) / 35) * _smooth((skull.up(points) - 1.2) / 1.0)
    away = unit(away + front[:, None] * np.array([1.0, 0.55, -0.15]))
    away = away + 0.30 * np.stack([noise(points, 0.011, seed) for seed in (21, 22, 23)], axis=-1)
    away = away + rng.normal(0, 0.10, points.shape)
    return unit(away - normals * np.einsum("ni,ni->n", away, normals)[:, None])


def hair_color(tone: float) -> Doubles:
    """The colour (sRGB) of hair, brows, lashes and the scalp beneath: brown, and black with darker skin `tone`s."""
    black = float(_smooth(np.array((tone - 0.4) / 0.4)))
    return np.asarray((1 - black) * _BROWN + black * _BLACK)


def _paint(tone: float) -> Floats:
    """Columns of different browns, darker at the root (the bottom)."""
    rng = np.random.default_rng(13)
    column = ndimage.gaussian_filter1d(rng.normal(size=256), 1.0)
    light = 1 + 0.30 * column / column.std() * 0.7 + np.linspace(-0.15, 0.30, 256)
    along = np.linspace(1.18, 0.72, 64)[:, None]
    return np.asarray(np.clip(hair_color(tone) * (along * light)[..., None], 0.02, 1), np.float32)


def _smooth(x: Doubles) -> Doubles:
    x = np.clip(x, 0, 1)
    return np.asarray(x * x * (3 - 2 * x))
