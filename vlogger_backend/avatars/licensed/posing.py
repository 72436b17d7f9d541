"""A body model's mesh with identity, expression and pose: as its makers' own code makes it (Loper et al. 2015, "SMPL").

Shape and expression are added to the template, joints regressed from that, pose correctives added, and all skinned.
"""

from __future__ import annotations

import numpy as np

from ..posing import rotation_matrices
from .body_model import BodyModel, Doubles


def posed(model: BodyModel, poses: Doubles, expression: Doubles | None = None, betas: Doubles | None = None) -> Doubles:
    """The mesh (V, 3), metres, of `poses` (J, 3) axis-angle in the model's joints, `expression` (at most E,) and
    `betas` (at most S,)."""
    shaped = model.template
    for values, basis in ((betas, model.shapes), (expression, model.expressions)):
        if values is not None and len(values):
            shaped = shaped + basis[:, :, : len(values)] @ values
    joints = model.regressor @ shaped
    turns = rotation_matrices(poses)
    if len(model.correctives):
        features = (turns[1:] - np.eye(3)).ravel()
        used = np.flatnonzero(features)
        shaped = shaped + (features[used] @ model.correctives[used]).reshape(-1, 3)
    world = np.zeros((len(joints), 3, 4))
    for joint, parent in enumerate(model.parents):
        if parent < 0:
            world[joint, :, :3], world[joint, :, 3] = turns[joint], joints[joint]
        else:
            world[joint, :, :3] = world[parent, :, :3] @ turns[joint]
            world[joint, :, 3] = world[parent, :, :3] @ (joints[joint] - joints[parent]) + world[parent, :, 3]
    world[:, :, 3] -= np.einsum("jab,jb->ja", world[:, :, :3], joints)
    blended = (model.weights @ world.reshape(len(joints), 12)).reshape(-1, 3, 4)
    return np.asarray(np.einsum("vab,vb->va", blended[:, :, :3], shaped) + blended[:, :, 3])
