"""The bones of a face that do more than turn as their joint does: a jaw that slides, eyes that look at a target."""

from __future__ import annotations

from collections.abc import Mapping as Dictionary

import numpy as np
from numpy.typing import NDArray

from .expressions import expressive
from .names import JOINT_NAMES
from .rest import Stance
from .rig import RigMapping
from .rotations import about, from_vectors, inverse, multiply, rotate
from .shapes import jaw_angles, track
from .skeleton import REST, SIDES
from .take import Take
from .tree import Tree

Floats = NDArray[np.float64]

_LEFT, _UP = np.array([1.0, 0.0, 0.0]), np.array([0.0, 1.0, 0.0])
_ASIDE = 0.11
"""Radians that a jaw turns at jawLeft 1: the chin moves 10 mm then, 90 mm from the hinge."""
_FORWARD = 0.006
"""Metres that it comes forward at jawForward 1, on a face of the take's size."""


def jaw_turn(take: Take, mapping: RigMapping) -> Floats:
    """How the jaw bone turns against the head (T, 4): open and to a side, or as that of a model whose face this is."""
    if expressive(mapping):
        return from_vectors(take.poses[:, JOINT_NAMES.index("jaw")])
    aside = _ASIDE * (track(take, "jawLeft") - track(take, "jawRight"))
    return multiply(about(_UP, aside), about(_LEFT, jaw_angles(take, mapping)))


def face_locations(
    take: Take, take_turns: Dictionary[str, Floats], mapping: RigMapping, stance: Stance, tree: Tree
) -> dict[str, Floats]:
    """What moves bones of the face, by bone, (T, 3) as `pose_bone.location`: the jaw forward, targets with the gaze."""
    ways: dict[str, Floats] = {}
    forward = track(take, "jawForward")
    if "jaw" in stance.bones and forward.any() and not expressive(mapping):
        size = stance.scale
        eyes = [stance.heads.get(f"{side}_eye_smplhf") for side in SIDES]
        if eyes[0] is not None and eyes[1] is not None:  # heads of toys are large
            apart = REST["left_eye_smplhf"] - REST["right_eye_smplhf"]
            size = float(np.linalg.norm(eyes[0] - eyes[1]) / np.linalg.norm(apart))
        ways[stance.bones["jaw"].name] = forward[:, None] * [0.0, 0.0, _FORWARD * size]
    for joint, (target, eye) in mapping.aims.items():
        if target in tree.bones and eye in tree.bones:
            sight = (tree.bones[target].head - tree.bones[eye].head) @ stance.axes
            turn = multiply(inverse(take_turns["head"]), take_turns[joint])
            ways[target] = rotate(turn, sight) - sight
    return {
        name: way @ stance.axes.T @ tree.location_axes(tree.bones[name])
        for name, way in ways.items()
        if not tree.bones[name].connected
    }
