"""What Blender's importers found in a file, against the Motion that was written."""

from __future__ import annotations

import numpy as np
from scipy.spatial import cKDTree

from vlogger_backend.avatars.avatar import Avatar
from vlogger_backend.avatars.posing import joint_transforms, posed_vertices
from vlogger_backend.motion.motion import Motion
from vlogger_backend.motion.names import ARKIT_NAMES, JOINT_NAMES, JOINT_PARENTS

FROM_BLENDER = np.array([[1.0, 0, 0], [0, 0, 1], [0, -1, 0]])
"""Blender's axes (Z up, facing -Y) as SMPL-X's (Y up, facing +Z)."""


def assert_same_body(found: dict[str, np.ndarray], avatar: Avatar, motion: Motion) -> None:
    """Every joint, on every frame, is turned and placed as in the motion, whatever way the bones point."""
    bones = list(found["bones"])
    order = [bones.index(name) for name in JOINT_NAMES]
    worlds, rest = found["poses"][:, order], found["rest"][order]
    turned = _unit(worlds[..., :3, :3]) @ np.swapaxes(_unit(rest[:, :3, :3]), 1, 2)
    turned = FROM_BLENDER @ turned @ FROM_BLENDER.T
    placed = worlds[..., :3, 3] @ FROM_BLENDER.T
    assert len(worlds) == len(motion)
    for frame in range(len(motion)):
        expected = joint_transforms(avatar.joints, motion.poses[frame], motion.trans[frame])
        np.testing.assert_allclose(turned[frame], expected[:, :, :3], atol=2e-5)
        np.testing.assert_allclose(placed[frame], expected[:, :, 3], atol=2e-5)
    parents = dict(zip(bones, found["parents"], strict=True))
    for name, parent in zip(JOINT_NAMES[1:], JOINT_PARENTS[1:], strict=True):
        assert parents[name] == JOINT_NAMES[parent]


def assert_same_face(found: dict[str, np.ndarray], motion: Motion) -> None:
    """Every weight, on every frame, by name."""
    assert set(found["face_names"]) == set(ARKIT_NAMES)
    order = [ARKIT_NAMES.index(name) for name in found["face_names"]]
    np.testing.assert_allclose(found["face"], motion.arkit[:, order], atol=1e-5)


def assert_same_mesh(found: dict[str, np.ndarray], avatar: Avatar, motion: Motion, frame: int) -> None:
    """The mesh of a frame, skinned and shaped by Blender, is where we put it; vertices may be split and reordered."""
    points = found[f"points_{frame}"] @ FROM_BLENDER.T
    expected = posed_vertices(avatar, motion.poses[frame], motion.trans[frame], motion.arkit[frame])
    for these, those in ((points, expected), (expected, points)):
        distance, _ = cKDTree(those).query(these)
        assert distance.max() < 2e-5  # metres


def _unit(matrices: np.ndarray) -> np.ndarray:
    return matrices / np.linalg.norm(matrices, axis=-2, keepdims=True)
