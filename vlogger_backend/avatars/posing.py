"""Posing: morphs, then linear blend skinning, in SMPL-X's convention.

Every joint's rest frame is the world's; rotations are axis-angle in the parent's frame; `trans` moves the pelvis
from its rest place (Pavlakos et al. 2019, "Expressive Body Capture", section 3, without its pose correctives).
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import sparse

from ..motion.names import JOINT_NAMES, JOINT_PARENTS
from .avatar import Avatar, Floats

Real = NDArray[np.float32] | NDArray[np.float64]

_PARENTS = np.array(JOINT_PARENTS)


def posed_vertices(avatar: Avatar, poses: ArrayLike, trans: ArrayLike, arkit: ArrayLike) -> Floats:
    """The mesh (V, 3) of one frame: `poses` (55, 3) radians, `trans` (3,) metres, `arkit` (52,) weights."""
    return _poser(avatar).vertices(np.asarray(poses), np.asarray(trans), np.asarray(arkit))


def posed_joints(avatar: Avatar, poses: ArrayLike, trans: ArrayLike) -> Floats:
    """Where the 55 joints are in one frame, (55, 3) metres."""
    return joint_transforms(avatar.joints, np.asarray(poses), np.asarray(trans))[:, :, 3].astype(np.float32)


def rotation_matrices(axis_angles: Real) -> NDArray[np.float64]:
    """Axis-angle (N, 3), radians, to rotation matrices (N, 3, 3), by Rodrigues' formula."""
    vectors = np.asarray(axis_angles, np.float64)
    angles = np.linalg.norm(vectors, axis=-1)[:, None, None]
    x, y, z = (vectors / np.maximum(angles[:, 0], 1e-12)).T
    zero = np.zeros_like(x)
    cross = np.stack([zero, -z, y, z, zero, -x, -y, x, zero], axis=-1).reshape(-1, 3, 3)
    return np.asarray(np.eye(3) + np.sin(angles) * cross + (1 - np.cos(angles)) * (cross @ cross))


def joint_transforms(joints: Floats, poses: Real, trans: Real) -> NDArray[np.float64]:
    """World transforms (55, 3, 4) of the joints: rotation beside position."""
    rotations = rotation_matrices(poses)
    bones = np.asarray(joints, np.float64).copy()
    bones[1:] -= joints[_PARENTS[1:]]
    world = np.empty((len(JOINT_NAMES), 3, 4))
    world[0, :, :3], world[0, :, 3] = rotations[0], bones[0] + trans
    for joint in range(1, len(JOINT_NAMES)):
        parent = world[_PARENTS[joint]]
        world[joint, :, :3] = parent[:, :3] @ rotations[joint]
        world[joint, :, 3] = parent[:, :3] @ bones[joint] + parent[:, 3]
    return world


def joint_over(joints: Floats, poses: Real, trans: Real, joint: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """How a joint is turned (T, 3, 3) and where it is (T, 3) in each frame of `poses` (T, 55, 3) and `trans` (T, 3)."""
    turned = np.broadcast_to(np.eye(3), (len(poses), 3, 3))
    place, before = np.asarray(trans, np.float64), np.zeros(3)
    for above in _chain(joint):
        place = place + turned @ (joints[above] - before)
        turned = turned @ rotation_matrices(poses[:, above])
        before = joints[above]
    return turned, place


def _chain(joint: int) -> list[int]:
    """The joint and those that it hangs on, from the first."""
    chain: list[int] = []
    while joint >= 0:
        chain.insert(0, joint)
        joint = JOINT_PARENTS[joint]
    return chain


class _Poser:
    """An avatar's morphs and weights as sparse matrices, made once and used for every frame."""

    def __init__(self, avatar: Avatar) -> None:
        count = len(avatar.vertices)
        self.rest = avatar.vertices.astype(np.float32).ravel()
        self.joints = avatar.joints
        rows = [(m.vertices[:, None] * 3 + np.arange(3)).ravel() for m in avatar.morphs]
        self.morphs = sparse.csc_matrix(
            (
                np.concatenate([m.offsets.ravel() for m in avatar.morphs]).astype(np.float32),
                np.concatenate(rows),
                np.cumsum([0, *(len(r) for r in rows)]),
            ),
            shape=(count * 3, len(avatar.morphs)),
        )
        self.weights = sparse.csr_matrix(
            (avatar.joint_weights.ravel(), avatar.joint_indices.ravel(), np.arange(count + 1) * 4),
            shape=(count, len(JOINT_NAMES)),
        )

    def vertices(self, poses: Real, trans: Real, arkit: Real) -> Floats:
        shaped = (self.rest + self.morphs @ arkit.astype(np.float32)).reshape(-1, 3)
        skin = joint_transforms(self.joints, poses, trans)
        skin[:, :, 3] -= np.einsum("jab,jb->ja", skin[:, :, :3], self.joints)
        blended = (self.weights @ skin.astype(np.float32).reshape(-1, 12)).reshape(-1, 3, 4)
        posed = np.einsum("vab,vb->va", blended[:, :, :3], shaped)
        posed += blended[:, :, 3]
        return np.ascontiguousarray(posed, np.float32)


@lru_cache(maxsize=2)
def _poser(avatar: Avatar) -> _Poser:
    return _Poser(avatar)
