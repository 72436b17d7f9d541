"""Eyebrows and eyelashes: single hairs that move with the skin they grow from."""

from __future__ import annotations

import numpy as np
from scipy import sparse
from scipy.interpolate import CubicSpline
from scipy.spatial import cKDTree

from .anny_body import AnnyBody, Doubles
from .avatar import Floats, Ints, Material
from .hair import Skull, hair_color
from .parts import Part, vertex_normals
from .strands import strand_part, unit

_BROW_HAIRS = 170
# The brow's middle line, its half height and its hairs' direction (degrees above outwards), from the nose outwards.
_BROW_X = (0.40, 0.70, 1.10, 1.50, 1.86)
_BROW_Y = (0.60, 0.69, 0.76, 0.75, 0.57)
_BROW_HALF = (0.085, 0.110, 0.098, 0.066, 0.020)
_BROW_SLANT = (58, 34, 14, -12, -32)


def brow_cover(skull: Skull, points: Doubles | Floats) -> Floats:
    """How much brow there is at points (..., 3), 0 to 1: the soft shadow under the hairs."""
    x = np.abs(points[..., 0]) / skull.half
    y = skull.up(points)
    across = (y - CubicSpline(_BROW_X, _BROW_Y)(np.clip(x, 0.3, 2.0))) / np.interp(x, _BROW_X, _BROW_HALF)
    ends = np.clip((x - 0.32) / 0.25, 0, 1) * np.clip((1.95 - x) / 0.25, 0, 1)
    in_front = points[..., 2] > skull.axis + skull.half
    return np.asarray(np.exp(-((across / 1.05) ** 2)) * ends * in_front, np.float32)


def brow_part(body: AnnyBody, tone: float) -> Part:
    """Both eyebrows."""
    rng = np.random.default_rng(17)
    skull = Skull.of(body)
    skin = body.faces[body.groups == "body"]
    normals = vertex_normals(body.vertices, skin)
    near = np.unique(skin)
    place = body.vertices[near]
    brow = (skull.up(place) > 0.1) & (skull.up(place) < 1.8) & (normals[near][:, 2] > 0.15)
    near = near[brow & (place[:, 2] > skull.axis + skull.half)]

    s = np.concatenate([np.linspace(0, 1, _BROW_HAIRS)] * 2)
    sign = np.repeat([1.0, -1.0], _BROW_HAIRS)
    x = np.interp(s, np.linspace(0, 1, len(_BROW_X)), _BROW_X) + rng.normal(0, 0.02, len(s))
    offset = rng.uniform(-1, 1, len(s))
    y = CubicSpline(_BROW_X, _BROW_Y)(x) + offset * np.interp(x, _BROW_X, _BROW_HALF)
    slant = np.radians(np.interp(x, _BROW_X, _BROW_SLANT) - 16 * offset + rng.normal(0, 7, len(s)))
    length = (0.0080 - 0.0022 * s) * rng.uniform(0.8, 1.15, len(s)) / skull.half
    steps = np.linspace(0, 1, 3)[None]
    flat_x = (x[:, None] + np.cos(slant)[:, None] * length[:, None] * steps) * sign[:, None] * skull.half
    flat_y = (y[:, None] + np.sin(slant)[:, None] * length[:, None] * steps) * skull.half + skull.eyes[1]
    tree = cKDTree(body.vertices[near][:, :2])
    distance, index = tree.query(np.stack([flat_x, flat_y], axis=-1).reshape(-1, 2), k=4)
    weights = 1 / (distance + 1e-4) ** 2
    weights /= weights.sum(axis=1, keepdims=True)
    rows = np.repeat(np.arange(len(index)), index.shape[1])
    binding = sparse.csr_matrix((weights.ravel(), (rows, near[index].ravel())), shape=(len(index), len(body.vertices)))
    surface, out = binding @ body.vertices, unit(binding @ normals)
    # The surface's depth at the hair itself, not at its neighbours' mean: follow the tangent plane.
    flat = np.stack([flat_x.ravel(), flat_y.ravel()], axis=1)
    depth = surface[:, 2] - ((flat - surface[:, :2]) * out[:, :2]).sum(axis=1) / out[:, 2]
    place = np.column_stack([flat, depth]).reshape(len(s), 3, 3)
    out = out.reshape(place.shape)
    paths = place + out * (np.array([0.0002, 0.0011, 0.0012])[:, None])
    along = unit(np.gradient(paths, axis=1))
    widths = np.broadcast_to([0.00075, 0.00065], (len(s), 2))
    across, shades = unit(np.cross(out, along)), rng.uniform(0, 1, len(s))
    return strand_part(_material("brows", tone), paths, across, widths, shades, binding)


def lash_part(body: AnnyBody, tone: float) -> Part:
    """The lashes of all four lids, along the base mesh's lash cards."""
    rng = np.random.default_rng(19)
    hairs: list[tuple[list[sparse.csr_matrix], float]] = []
    for side in "lr":
        # Card 2 is the upper lid's, with its root at the low end of v; card 1 the lower's, the other way up.
        for card, number, reach, tips_up in ((2, 58, 0.72, True), (1, 40, 0.5, False)):
            chosen = body.groups == f"helper-{side}-eyelashes-{card}"
            faces, uvs = body.faces[chosen], body.uvs[chosen].astype(float)
            low, high = uvs[..., 0].min(), uvs[..., 0].max()
            for u in np.linspace(low, high - 0.13 * (high - low), number + 2)[1:-1]:
                root, tip = _column(uvs, u)
                if not tips_up:
                    root, tip = tip, root
                slant = rng.normal(0, 0.0007) + (u - (low + high) / 2) * 0.12
                path = []
                for step in np.linspace(0, reach * rng.uniform(0.8, 1.1), 4):
                    path.append(_at(body, faces, uvs, np.array([u + slant * step, root + (tip - root) * step])))
                hairs.append((path, 0.0006 if tips_up else 0.0004))
    binding = sparse.vstack([row for path, _ in hairs for row in path]).tocsr()
    paths = (binding @ body.vertices).reshape(len(hairs), 4, 3)
    along = unit(np.gradient(paths, axis=1))
    ahead = np.broadcast_to([0.0, 0.25, 1.0], paths.shape)
    widths = np.array([width for _, width in hairs])[:, None] * np.array([1.0, 0.85, 0.55])
    return strand_part(
        _material("lashes", tone), paths, unit(np.cross(ahead, along)), widths, rng.uniform(0, 1, len(hairs)), binding
    )


def _column(uvs: Doubles, u: float) -> tuple[float, float]:
    """The lowest and highest v of the card at `u`."""
    low, high = [], []
    for a, b in ((0, 1), (1, 2), (2, 0)):
        start, end = uvs[:, a], uvs[:, b]
        crosses = (start[:, 0] - u) * (end[:, 0] - u) <= 0
        run = (end[:, 0] - start[:, 0])[crosses]
        t = np.divide(u - start[crosses, 0], run, out=np.zeros_like(run), where=abs(run) > 1e-9)
        v = start[crosses, 1] + t * (end[crosses, 1] - start[crosses, 1])
        low.append(v.min(initial=np.inf))
        high.append(v.max(initial=-np.inf))
    return float(min(low)), float(max(high))


def _at(body: AnnyBody, faces: Ints, uvs: Doubles, place: Doubles) -> sparse.csr_matrix:
    """The binding of the card's point at the uv `place`: barycentric in its face, or on the nearest one."""
    a, b, c = uvs[:, 0], uvs[:, 1], uvs[:, 2]
    area: Doubles = (b[:, 0] - a[:, 0]) * (c[:, 1] - a[:, 1]) - (b[:, 1] - a[:, 1]) * (c[:, 0] - a[:, 0])
    area[abs(area) < 1e-12] = 1e-12
    v = ((place[0] - a[:, 0]) * (c[:, 1] - a[:, 1]) - (place[1] - a[:, 1]) * (c[:, 0] - a[:, 0])) / area
    w = ((b[:, 0] - a[:, 0]) * (place[1] - a[:, 1]) - (b[:, 1] - a[:, 1]) * (place[0] - a[:, 0])) / area
    inside = np.stack([1 - v - w, v, w], axis=1)
    best = int(inside.min(axis=1).argmax())
    weights = np.clip(inside[best], 0, None)
    weights /= weights.sum()
    return sparse.csr_matrix((weights, ([0, 0, 0], faces[best])), shape=(1, len(body.vertices)))


def _material(name: str, tone: float) -> Material:
    shade = (1.0 if name == "brows" else 0.22) * hair_color(tone) ** 2.2
    return Material(name, (float(shade[0]), float(shade[1]), float(shade[2]), 1.0), 0.6, double_sided=True)
