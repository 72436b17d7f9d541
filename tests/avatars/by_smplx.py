"""What `smplx`, the library of the models' makers, makes of a model's file."""

import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
from licensed_files import write_model
from scipy.spatial.transform import Rotation

from vlogger_backend.avatars.licensed.body_model import BodyModel

Mesh = Callable[[np.ndarray, np.ndarray], np.ndarray]
"""Vertices (V, 3) of poses (J, 3) and an expression (E,)."""
_PARTS = {
    "flame": {"neck_pose": (1, 2), "jaw_pose": (2, 3), "leye_pose": (3, 4), "reye_pose": (4, 5)},
    "smplx": {
        "body_pose": (1, 22), "jaw_pose": (22, 23), "leye_pose": (23, 24), "reye_pose": (24, 25),
        "left_hand_pose": (25, 40), "right_hand_pose": (40, 55),
    },
}  # fmt: skip


def by_smplx(model: BodyModel, folder: Path) -> Mesh:
    """Write the model's file into `folder` and have smplx read it."""
    import smplx
    import torch

    name = {"flame": "FLAME_NEUTRAL.pkl", "smplx": "SMPLX_NEUTRAL.npz"}[model.kind]
    write_model(folder / name, model, "npz" if model.kind == "smplx" else "python 3")
    count = model.expressions.shape[2]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if model.kind == "flame":
            theirs = smplx.FLAME(str(folder), num_expression_coeffs=count, dtype=torch.float64)
        else:
            theirs = smplx.SMPLX(
                str(folder / name), ext="npz", use_pca=False, flat_hand_mean=True, num_expression_coeffs=count,
                dtype=torch.float64,
            )  # fmt: skip

    def mesh(poses: np.ndarray, expression: np.ndarray) -> np.ndarray:
        parts = {
            name: torch.tensor(poses[first:end].reshape(1, -1)) for name, (first, end) in _PARTS[model.kind].items()
        }
        with torch.no_grad():
            made = theirs(global_orient=torch.tensor(poses[:1]), expression=torch.tensor(expression[None]), **parts)
        return np.asarray(made.vertices[0])

    return mesh


def turns_off(model: BodyModel, mesh: Mesh, poses: np.ndarray, expression: np.ndarray) -> dict[str, float]:
    """By how many degrees each joint's turn, measured on the mesh, is off what `poses` say; the joints that have
    vertices of their own, save the jaw, whose correctives bend the skin."""
    still, moved = mesh(np.zeros_like(poses), expression), mesh(poses, expression)
    world: list[Rotation] = []
    off = {}
    for joint, parent in enumerate(model.parents):
        own = Rotation.from_rotvec(poses[joint])
        world.append(own if parent < 0 else world[parent] * own)
        alone = model.weights[:, joint] > 1 - 1e-9
        if alone.sum() >= 8 and model.joints[joint] != "jaw":
            here, there = still[alone], moved[alone]
            turn, _ = Rotation.align_vectors(there - there.mean(axis=0), here - here.mean(axis=0))
            off[model.joints[joint]] = float(np.degrees((world[joint].inv() * turn).magnitude()))
    return off
