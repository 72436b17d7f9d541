"""Flesh: points that a performance moves, and how a photo's camera sees them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from ...avatars.avatar import Avatar, Floats, Ints
from ...camera import Camera, Doubles, Pinhole
from ...motion.names import ARKIT_NAMES, JOINT_INDEX, JOINT_NAMES

_TRUNK = ("pelvis", "spine1", "spine2", "spine3", "neck", "head")


@dataclass(frozen=True, eq=False)
class Flesh:
    """n points.

    rest    : (n, 3) where they are at rest, without expression
    morphs  : (n * 3, 52) sparse, what each ARKit shape adds to that
    weights : (n, 55) sparse, by how much each joint moves the point
    """

    rest: Floats
    morphs: sparse.csr_matrix
    weights: sparse.csr_matrix

    def shaped(self, arkit: Floats) -> Floats:
        """The points (n, 3) at rest with an expression (52,)."""
        return np.asarray(self.rest + (self.morphs @ arkit).reshape(-1, 3), np.float32)

    def skinned(self, shaped: Floats, transforms: Doubles) -> Floats:
        """The points `shaped` moved by the joints' `transforms` (55, 3, 4) from rest."""
        blended = (self.weights @ transforms.reshape(-1, 12).astype(np.float32)).reshape(-1, 3, 4)
        return np.asarray(np.einsum("vab,vb->va", blended[:, :, :3], shaped) + blended[:, :, 3], np.float32)


def avatar_flesh(avatar: Avatar, chosen: Ints) -> Flesh:
    """The avatar's vertices `chosen` (n,).

    What hangs on the arms hangs on the chest, since a photo's arms are not where the avatar's are.
    """
    numbered = np.full(len(avatar.vertices), -1)
    numbered[chosen] = np.arange(len(chosen))
    rows, columns, values = [], [], []
    for index, morph in enumerate(avatar.morphs):
        kept = numbered[morph.vertices] >= 0
        at = numbered[morph.vertices[kept]]
        rows.append((at[:, None] * 3 + np.arange(3)).ravel())
        values.append(morph.offsets[kept].ravel())
        columns.append(np.full(len(at) * 3, index))
    morphs = sparse.csr_matrix(
        (np.concatenate(values), (np.concatenate(rows), np.concatenate(columns))),
        shape=(len(chosen) * 3, len(avatar.morphs)),
        dtype=np.float32,
    )
    weights = np.zeros((len(chosen), len(JOINT_NAMES)), np.float32)
    for joints, shares in zip(avatar.joint_indices[chosen].T, avatar.joint_weights[chosen].T, strict=True):
        np.add.at(weights, (np.arange(len(chosen)), joints), shares)
    trunk = np.isin(JOINT_NAMES, _TRUNK)
    weights[:, JOINT_INDEX["spine3"]] += weights[:, ~trunk].sum(axis=1)
    weights[:, ~trunk] = 0
    return Flesh(avatar.vertices[chosen].astype(np.float32), morphs, sparse.csr_matrix(weights))


def bone(places: Floats) -> Flesh:
    """Points (n, 3) that stay with the skull, whatever the face does."""
    weights = np.zeros((len(places), len(JOINT_NAMES)), np.float32)
    weights[:, JOINT_INDEX["head"]] = 1
    morphs = sparse.csr_matrix((len(places) * 3, len(ARKIT_NAMES)), dtype=np.float32)
    return Flesh(places.astype(np.float32), morphs, sparse.csr_matrix(weights))


def joined(one: Flesh, other: Flesh) -> Flesh:
    return Flesh(
        np.vstack([one.rest, other.rest]),
        sparse.vstack([one.morphs, other.morphs]).tocsr(),
        sparse.vstack([one.weights, other.weights]).tocsr(),
    )


@dataclass(frozen=True, eq=False)
class InPhoto:
    """The avatar, shaped like the person and with their expression, as the photo's camera sees it.

    avatar : with the person's vertices
    view   : the photo's camera
    arkit  : (52,) the expression
    pixels : (V, 2) where its vertices are, from the photo's top left
    depths : (V,) metres before the camera
    posed  : (V, 3) metres
    """

    avatar: Avatar
    view: Pinhole
    arkit: Floats
    pixels: Doubles
    depths: Doubles
    posed: Floats

    @staticmethod
    def of(avatar: Avatar, camera: Camera, arkit: Floats) -> InPhoto:
        everything = np.arange(len(avatar.vertices), dtype=np.int32)
        posed = avatar_flesh(avatar, everything).shaped(arkit)
        pixels, depths = camera.pinhole().seen(posed)
        return InPhoto(avatar, camera.pinhole(), arkit, pixels, depths, posed)

    def cells(self, pixels: Doubles) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """Row and column of the pixel in which each of `pixels` (n, 2) lies, or of the nearest at the edge."""
        last = np.array(self.view.size) - 1
        columns, rows = np.clip(np.floor(pixels).astype(int), 0, last).T
        return rows, columns

    def depth_picture(self, names: tuple[str, ...]) -> Floats:
        """The depth (H, W) of the nearest surface of the materials `names`, infinite where there is none.

        It is good to the size of a triangle.
        """
        import cv2

        faces = np.concatenate([self.avatar.faces_of(name) for name in names])
        corners = np.rint(self.pixels[faces]).astype(np.int32)
        deep = self.depths[faces].mean(axis=1)
        picture = np.full(self.view.size[::-1], np.inf, np.float32)
        for index in np.argsort(-deep):
            cv2.fillConvexPoly(picture, corners[index], (float(deep[index]),))
        return picture
