"""The built-in avatar's head as a face model: a linear space of shapes, and where MediaPipe's landmarks are on it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.spatial import cKDTree

from ..avatars.avatar import Avatar
from ..avatars.library import load_avatar
from ..files import write_npz
from ..motion.names import EYE_JOINTS, JOINT_INDEX

Doubles = NDArray[np.float64]
Numbers = NDArray[np.intp]

SHIPPED = Path(__file__).parent / "data" / "head.npz"
"""`python -m vlogger_backend.training.head` makes it."""
LANDMARKS = 478
"""MediaPipe's face mesh with its irises."""

_STRANDS = ("hair", "brows", "lashes")
_NEIGHBOURS = 4
_WHOLLY = 0.9
_SOFT = 5e-4  # metres: what lies nearer than this to a strand moves it alone


@dataclass(frozen=True, eq=False)
class Head:
    """The default avatar's head and how people's heads differ from it. Displacements are metres in rest pose.

    avatar    : the default one, V vertices
    vertices  : (n,) the numbers of its vertices that a shape moves by itself: skin of head and neck, mouth, teeth,
                tongue. The eyeballs are carried as they are, and hair, brows and lashes follow the skin.
    mean      : (n, 3) displacement of the mean head from the avatar's own
    basis     : (K, n, 3) displacement for one standard deviation of each component; the first `symmetric` are
                mirror-symmetric, the others antisymmetric
    eyes_mean, eyes_basis : (2, 3) and (K, 2, 3) the same for the eyeballs' centres, left and right
    landmarks : (478, V) sparse; times the vertices it gives the landmarks' places
    mirror    : (478,) each landmark's number on the other side of the face
    noise     : (478,) how far MediaPipe puts each from there in pictures of such heads, metres (one axis)
    reach     : (n,) how much of a change of the head's shape `vertices` follow: 1 on the head, 0 at the neck's foot
    """

    avatar: Avatar
    vertices: Numbers
    mean: Doubles
    basis: Doubles
    eyes_mean: Doubles
    eyes_basis: Doubles
    symmetric: int
    landmarks: sparse.csr_matrix
    mirror: Numbers
    noise: Doubles
    eyeballs: tuple[Numbers, Numbers]
    reach: Doubles
    strands: Numbers
    strand_weights: sparse.csr_matrix

    @property
    def eye_centres(self) -> Doubles:
        """(2, 3) of the avatar's own eyeballs, left and right."""
        return eye_centres(self.avatar)

    def spread(self, skin: Doubles, eyes: Doubles) -> Doubles:
        """Displacements (V, 3) of the whole avatar from those of `vertices` (n, 3) and of the eyeballs (2, 3)."""
        moved = np.zeros(self.avatar.vertices.shape)
        moved[self.vertices] = skin
        moved[self.strands] = self.strand_weights @ skin
        for eyeball, shift in zip(self.eyeballs, eyes, strict=True):
            moved[eyeball] = shift
        return moved

    def shaped(self, shape: Doubles) -> Doubles:
        """The avatar's vertices (V, 3) with a head of this shape (K,), in standard deviations."""
        skin = self.mean + np.tensordot(shape, self.basis, 1)
        eyes = self.eyes_mean + np.tensordot(shape, self.eyes_basis, 1)
        return self.avatar.vertices + self.spread(skin, eyes)


@lru_cache(maxsize=1)
def load_head() -> Head:
    """The shipped head model."""
    with np.load(SHIPPED, allow_pickle=False) as file:
        return head_from(load_avatar(), {name: file[name] for name in file.files})


def head_from(avatar: Avatar, arrays: Mapping[str, NDArray[Any]]) -> Head:
    """A head model of the arrays of its file; those of the landmarks may not be there yet."""
    vertices = arrays["vertices"].astype(np.intp)
    eyes = np.unique(avatar.faces_of("eyes"))
    left = avatar.vertices[eyes, 0] > 0
    strands = np.unique(np.concatenate([avatar.faces_of(name) for name in _STRANDS])).astype(np.intp)
    nowhere = np.zeros((LANDMARKS, 3), np.int32)
    corners, shares = arrays.get("landmark_vertices", nowhere), arrays.get("landmark_weights", nowhere)
    return Head(
        avatar=avatar,
        vertices=vertices,
        mean=arrays["mean"].astype(np.float64),
        basis=arrays["basis"].astype(np.float64),
        eyes_mean=arrays["eyes_mean"].astype(np.float64),
        eyes_basis=arrays["eyes_basis"].astype(np.float64),
        symmetric=int(arrays["symmetric"]),
        landmarks=_landmark_matrix(corners, shares, len(avatar.vertices)),
        mirror=arrays.get("landmark_mirror", np.arange(LANDMARKS)).astype(np.intp),
        noise=arrays.get("landmark_noise", np.ones(LANDMARKS)).astype(np.float64),
        reach=head_weights(avatar)[vertices],
        eyeballs=(eyes[left].astype(np.intp), eyes[~left].astype(np.intp)),
        strands=strands,
        strand_weights=_followers(avatar, strands, vertices),
    )


def _landmark_matrix(corners: NDArray[Any], weights: NDArray[Any], count: int) -> sparse.csr_matrix:
    """(L, count) sparse from the vertices (L, 3) of each landmark's triangle and their weights (L, 3)."""
    rows = np.repeat(np.arange(len(corners)), 3)
    return sparse.csr_matrix((weights.astype(np.float64).ravel(), (rows, corners.ravel())), (len(corners), count))


def save_head(arrays: Mapping[str, NDArray[Any]], path: Path = SHIPPED) -> None:
    """Write the arrays of a head model; the same arrays, same bytes."""
    write_npz(path, arrays)


def eye_centres(avatar: Avatar) -> Doubles:
    """(2, 3) of the avatar's own eyeballs, left and right."""
    return avatar.joints[[JOINT_INDEX[name] for name in EYE_JOINTS]].astype(np.float64)


def head_weights(avatar: Avatar) -> Doubles:
    """(V,) how much of a change of the head's shape a vertex follows, as its joint moves it: 1 on the head, 0 from the
    neck's foot on."""
    weights = (avatar.joint_indices == JOINT_INDEX["head"]) * avatar.joint_weights
    return np.asarray(np.clip(weights.sum(axis=1) / _WHOLLY, 0, 1), np.float64)


def _followers(avatar: Avatar, strands: Numbers, vertices: Numbers) -> sparse.csr_matrix:
    """(strands, n): what carries each vertex of hair, brows and lashes: the few nearest of the face's skin."""
    skin = np.flatnonzero(np.isin(vertices, avatar.faces_of("face")))
    distances, nearest = cKDTree(avatar.vertices[vertices[skin]]).query(avatar.vertices[strands], k=_NEIGHBOURS)
    weights = 1 / (distances + _SOFT) ** 2
    weights /= weights.sum(axis=1, keepdims=True)
    rows = np.repeat(np.arange(len(strands)), _NEIGHBOURS)
    return sparse.csr_matrix((weights.ravel(), (rows, skin[nearest.ravel()])), (len(strands), len(vertices)))
