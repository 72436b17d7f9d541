"""A model is bent to lie on somebody: which components, which pose, where.

Points that are known are brought where they are; skin is brought onto a surface by its nearest points, that facing the
same way count, coarse before fine (non-rigid registration in the model's own space, as in Li et al. 2017, "FLAME",
section 4). Moving along a surface costs little, so holes and hair, which match nothing well, pull little.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import lsq_linear

from ..parts import vertex_normals
from .body_model import BodyModel, Doubles, Ints
from .moving import Moving, Stance
from .surface import Surface

LIMIT = 4.0
"""The furthest that a component may be from the average, in standard deviations."""
_SLIDE = 0.02
"""How much moving along the skin counts, of moving away from it."""
_BENT = 0.003
"""Metres: a radian of a joint costs as much as if all skin were off by this."""
_SETTLED = 1e-10
_SURE = 0.5
"""Skin that is trusted less doesn't count in what is said of how far a fit is off."""


@dataclass(frozen=True)
class Round:
    """One step of a fit, metres.

    reach : how far skin may be from the surface; what is further counts less
    dear  : a unit of a component costs as much as if all skin were off by this
    marks : how much the landmarks count together, all skin being 1
    """

    reach: float
    dear: float
    marks: float


@dataclass(frozen=True, eq=False)
class Skin:
    """Points of a model that are brought onto a surface.

    numbers : (k,) the model's vertices
    normals : (k, 3) there on its template
    share   : (k,) how much each counts; the sum is 1
    """

    numbers: NDArray[np.intp]
    normals: Doubles
    share: Doubles


@dataclass(frozen=True, eq=False)
class Marks:
    """Landmarks: `corners` (l, 3), in numbers of the skin's list, and `shares` (l, 3) of each are to be at `places`
    (l, 3)."""

    corners: Ints
    shares: Doubles
    places: Doubles


def brought(moving: Moving, stance: Stance, targets: Doubles, share: Doubles, dear: float, rounds: int) -> Stance:
    """The stance in which points that are known are where they are to be: `targets` (k, 3), `share` (k,) of each."""
    root = np.sqrt(share)
    for _ in range(rounds):
        places, ways = moving.ways(stance)
        rows = (root[:, None, None] * ways).reshape(-1, ways.shape[2])
        step = _step(moving, stance, rows, (root[:, None] * (targets - places)).ravel(), dear, _BENT * dear)
        stance = moving.stepped(stance, step)
        if np.abs(step).max() < _SETTLED:
            break
    return stance


def laid(
    moving: Moving, stance: Stance, skin: Skin, surface: Surface, marks: Marks | None, rounds: Sequence[Round]
) -> tuple[Stance, float]:
    """The stance in which the skin lies on a surface, and how badly it does: mean square metres, what is far off
    counting as `reach`."""
    lip = np.zeros(len(skin.numbers), np.int8)
    cost = np.inf
    for this in rounds:
        places, ways = moving.ways(stance)
        found = surface.nearest(places, moving.turned(stance, skin.normals), lip, this.reach)
        weight = skin.share * found.trust
        weight /= max(float(weight.sum()), 0.2)
        off = found.places - places
        across = np.einsum("kc,kcp->kp", found.normals, ways)
        root, slide = np.sqrt(weight), np.sqrt(_SLIDE * weight)
        rows = [root[:, None] * across, (slide[:, None, None] * ways).reshape(-1, ways.shape[2])]
        wanted = [root * (found.normals * off).sum(axis=1), (slide[:, None] * off).ravel()]
        if marks is not None and this.marks:
            held = np.sqrt(this.marks / len(marks.places))
            moved = np.einsum("lk,lkcp->lcp", marks.shares, ways[marks.corners])
            here = np.einsum("lk,lkc->lc", marks.shares, places[marks.corners])
            rows.append(held * moved.reshape(-1, ways.shape[2]))
            wanted.append(held * (marks.places - here).ravel())
        step = _step(moving, stance, np.concatenate(rows), np.concatenate(wanted), this.dear, _BENT)
        stance = moving.stepped(stance, step)
        near = np.minimum(np.linalg.norm(off, axis=1), this.reach)
        near[found.trust < 1e-3] = this.reach
        cost = float(skin.share @ near**2)
    return stance, cost


def how_far(moving: Moving, stance: Stance, skin: Skin, surface: Surface, reach: float) -> tuple[float, float, float]:
    """How far skin is from a surface on the average and at 95 %, and how much of the skin finds some at all."""
    places = moving.places(stance)
    lip = np.zeros(len(places), np.int8)
    found = surface.nearest(places, moving.turned(stance, skin.normals), lip, reach)
    off = np.linalg.norm(found.places - places, axis=1)
    weight = skin.share * (found.trust > _SURE)
    if not weight.any():
        return reach, reach, 0.0
    return float(weight @ off / weight.sum()), percentile(off, weight, 0.95), float(weight.sum() / skin.share.sum())


def percentile(values: Doubles, weights: Doubles, part: float) -> float:
    """The value below which `part` of the weight is."""
    order = np.argsort(values)
    return float(
        values[order][np.searchsorted(np.cumsum(weights[order]), part * weights.sum()).clip(max=len(order) - 1)]
    )


def skin_of(model: BodyModel, chosen: NDArray[np.bool_], count: Doubles | None = None, most: int | None = None) -> Skin:
    """The skin of the vertices that are `chosen` (V,), about `most` of them; each counts by its area, times `count`
    (V,) if that is given."""
    faces = model.faces[chosen[model.faces].all(axis=1)]
    corners = model.template[faces]
    area = np.linalg.norm(np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), axis=1)
    share: Doubles = np.bincount(faces.ravel(), np.repeat(area, 3), len(chosen)).astype(np.float64)
    if count is not None:
        share = share * count
    numbers = np.unique(faces).astype(np.intp)
    if most:
        numbers = numbers[:: max(1, round(len(numbers) / most))]
    normals = vertex_normals(model.template, model.faces)[numbers]
    return Skin(numbers, normals, share[numbers] / share[numbers].sum())


def _step(moving: Moving, stance: Stance, rows: Doubles, wanted: Doubles, dear: float, bent: float) -> Doubles:
    """The step (P,) of regularised, bounded least squares."""
    count, turned = moving.components, 3 * len(moving.free)
    square, towards = rows.T @ rows, rows.T @ wanted
    components = np.arange(count)
    square[components, components] += dear**2
    towards[:count] -= dear**2 * stance.betas
    if moving.free:
        angles, change = moving.bent(stance)
        kept = [number for number, joint in enumerate(moving.free) if joint]  # the root may look anywhere
        for number in kept:
            part = slice(count + 3 * number, count + 3 * number + 3)
            square[part, part] += bent**2 * change[number].T @ change[number]
            towards[part] -= bent**2 * change[number].T @ angles[number]
    square[np.diag_indices_from(square)] += 1e-15 * np.trace(square)
    low, high = np.full(len(square), -np.inf), np.full(len(square), np.inf)
    low[:count], high[:count] = -LIMIT - stance.betas, LIMIT - stance.betas
    low[count : count + turned], high[count : count + turned] = -0.5, 0.5
    step = np.linalg.solve(square, towards)
    if (step >= low).all() and (step <= high).all():
        return np.asarray(step)
    root = np.linalg.cholesky(square)
    return np.asarray(lsq_linear(root.T, np.linalg.solve(root, towards), (low, high), method="bvls").x)
