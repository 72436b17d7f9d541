"""Teeth and tongue: the base mesh's own, set where they don't show through the cheeks, and painted."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from scipy.special import expit

from ..motion.names import ARKIT_INDEX
from .anny_body import AnnyBody, Doubles
from .avatar import Avatar, Floats, Ints, Material
from .bake import jpeg
from .parts import Part, base_part, chosen_faces, clipped

_BACK = 0.36  # how far round the arch the teeth go, of 0.5
_WIDTHS = np.cumsum([0.0, 8.6, 6.6, 7.8, 7.0, 6.8, 10.5, 10.0, 9.0]) / 66.3  # upper teeth from the middle back
_LOWER_WIDTHS = np.cumsum([0.0, 5.4, 6.0, 7.0, 7.2, 7.4, 11.0, 10.5, 9.0]) / 63.5


def mouth_parts(body: AnnyBody) -> list[Part]:
    """Upper teeth, lower teeth, tongue."""
    teeth = Material("teeth", (1.0, 1.0, 1.0, 1.0), 0.5, texture=jpeg(_paint_teeth(), 92))
    tongue = Material("tongue", (1.0, 1.0, 1.0, 1.0), 0.6, texture=jpeg(_paint_tongue(), 92))
    upper, lower = (base_part(body, body.groups == f"helper-{jaw}-teeth", teeth) for jaw in ("upper", "lower"))
    parts = [*_denture(upper, 0.88, -0.0022, upper=True), *_denture(lower, 0.82, -0.0008, upper=False)]
    return [*parts, _tongue(base_part(body, body.groups == "helper-tongue", tongue), body)]


def _tongue(part: Part, body: AnnyBody) -> Part:
    """The tongue laid flat on the floor of the mouth, lower still when the jaw opens; it comes out as it did."""
    place = part.vertices.copy()
    low, back, front = place[:, 1].min(), place[:, 2].min(), place[:, 2].max()
    along = np.clip((place[:, 2] - back) / (front - back), 0, 1)
    place[:, 0] *= 0.86
    place[:, 1] = low + (place[:, 1] - low) * 0.65 - 0.003 * along
    place[:, 2] -= 0.007 * along
    opened = part.binding @ body.morphs[ARKIT_INDEX["jawOpen"]]
    opened[:, 1] -= 0.007 * np.sin(np.pi * np.clip(along, 0.2, 0.8))
    out = part.binding @ body.morphs[ARKIT_INDEX["tongueOut"]] + part.vertices - place
    out[:, 1] += 0.003 * along
    u = (place[:, 0] / np.ptp(place[:, 0]) + 0.5)[:, None]
    uvs = np.hstack([u, along[:, None]])[part.faces].astype(np.float32)
    return replace(part, vertices=place, uvs=uvs, morphs={"jawOpen": opened, "tongueOut": out})


def _paint_tongue() -> Floats:
    """Pink, paler in the middle, with a groove; dark at the root. u is across, v from root to tip."""
    u, v = np.meshgrid(np.linspace(-1, 1, 128), np.linspace(1, 0, 128))
    speckle = np.random.default_rng(41).normal(0, 0.02, u.shape)
    light = 0.30 + 0.70 * np.clip(v / 0.75, 0, 1) ** 1.3 - 0.12 * u**2 - 0.10 * np.exp(-((u / 0.07) ** 2)) + speckle
    return np.asarray(np.array([0.66, 0.34, 0.33]) * light[..., None], np.float32)


def _denture(part: Part, scale: float, shift: float, upper: bool) -> list[Part]:
    """The teeth narrowed by `scale` and moved up by `shift`; fronts and backs apart, so that their edges stay sharp."""
    place = part.vertices.copy()
    back = place[:, 2].min()
    place[:, 0] *= scale
    place[:, 2] = back + (place[:, 2] - back) * 0.95
    place[:, 1] += shift
    part = replace(part, vertices=place, uvs=_arch_uvs(place, upper)[part.faces])
    # The back teeth are never seen but through the cheeks' shadow, which there is none of.
    part = clipped(part, _BACK - np.abs(_arch_uvs(place, upper)[:, 0] - 0.5))
    corners = part.vertices[part.faces]
    facing = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    outwards = corners.mean(axis=1) - [0, 0, back]
    front = (facing * outwards)[:, [0, 2]].sum(axis=1) > 0.35 * np.linalg.norm(facing, axis=1) * np.linalg.norm(
        outwards[:, [0, 2]], axis=1
    )
    backs = chosen_faces(part, ~front)
    shaded = backs.uvs * np.array([0.35, 1.0]) + np.array([0.02, 0.0])  # the texture's dark end
    return [chosen_faces(part, front), replace(backs, uvs=shaded.astype(np.float32))]


def _arch_uvs(place: Doubles, upper: bool) -> Floats:
    """u is the way round the arch, v its height; the upper teeth have the upper half of the texture."""
    half, depth = np.abs(place[:, 0]).max(), np.ptp(place[:, 2])
    angle = np.arctan2(place[:, 0] / half, (place[:, 2] - place[:, 2].min()) / depth)
    v = (place[:, 1] - place[:, 1].min()) / np.ptp(place[:, 1])
    u = 0.5 + angle / np.pi * 0.98
    return np.asarray(np.stack([u, (v + 1) / 2 if upper else v / 2], axis=1), np.float32)


def _paint_teeth() -> Floats:
    """Two dentures seen unrolled: teeth with gaps and roots in scalloped gums, darker towards the back."""
    rows = []
    x = np.abs(np.linspace(-1, 1, 512))[None]
    for upper in (True, False):
        v = np.linspace(1, 0, 128)[:, None]
        edges = _WIDTHS if upper else _LOWER_WIDTHS
        tooth = np.clip(np.searchsorted(edges, x, side="right") - 1, 0, len(edges) - 2)
        within = (x - edges[tooth]) / (edges[tooth + 1] - edges[tooth])
        gap = np.exp(-((np.minimum(within, 1 - within) / 0.05) ** 2))
        crown = (1 - v) if upper else v  # 0 at the root, 1 at the biting edge
        gum_line = 0.46 - 0.10 * np.sin(np.pi * within)
        in_gum = expit((gum_line - crown) / 0.02)[..., None]
        enamel = np.array([0.90, 0.865, 0.785]) * (1 - 0.26 * gap * (crown > 0.2))[..., None]
        enamel = enamel * (0.88 + 0.12 * np.clip(crown - gum_line, 0, 0.4) / 0.4)[..., None]
        gum = np.array([0.62, 0.30, 0.29]) * (1 - 0.2 * gap)[..., None]
        color = enamel * (1 - in_gum) + gum * in_gum
        rows.append(color)
    return np.asarray(np.concatenate(rows) * _shade(512)[:, None], np.float32)


def _shade(width: int) -> Doubles:
    """What light, of sRGB, reaches the teeth's texture from left to right (width,)."""
    x = np.abs(np.linspace(-1, 1, width))
    return np.asarray(1 - 0.85 * np.clip((x - 0.16) / 0.5, 0, 1) ** 0.8)


def lower_teeth(avatar: Avatar) -> Ints:
    """The vertices (n,) of the teeth that go with the jaw."""
    opening = avatar.morphs[ARKIT_INDEX["jawOpen"]]
    moved = opening.vertices[np.abs(opening.offsets).max(axis=1) > 1e-4]
    return np.asarray(np.intersect1d(avatar.faces_of("teeth"), moved), np.int32)


def evenly_lit(teeth: Floats) -> Floats:
    """The teeth's texture (h, w, 3) without the shade of the cheeks that it is painted with, for those who shade it."""
    return np.asarray(np.clip(teeth / _shade(teeth.shape[1])[:, None], 0, 1), np.float32)
