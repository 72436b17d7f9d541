"""The avatar stands where the rig stands: the same places, the same way round, the rig's size."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from bodies import TO_BLENDER, rig_of
from scipy.spatial.transform import Rotation

from blender_addon.core.errors import AddonError
from blender_addon.core.rig import Rig, RigMapping
from blender_addon.core.standing import BY_HEAD, standing
from vlogger_backend.avatars.library import load_avatar
from vlogger_backend.motion.names import JOINT_NAMES

PLACES = {
    "as made": TO_BLENDER,
    "Y up": np.eye(3),
    "in centimetres": 100 * TO_BLENDER,
    "facing +Y": TO_BLENDER @ np.diag([-1.0, 1, -1]),
    "turned": 1.7 * TO_BLENDER @ Rotation.from_euler("y", 30, degrees=True).as_matrix(),
}


@pytest.fixture(scope="module")
def joints():
    return load_avatar().joints.astype(float)


def at(matrix: np.ndarray, points: np.ndarray) -> np.ndarray:
    return points @ matrix[:3, :3].T + matrix[:3, 3]


@pytest.mark.parametrize("place", PLACES.values(), ids=PLACES)
def test_the_avatar_s_joints_are_where_the_rig_s_bones_are(joints, place):
    rig, mapping = rig_of(place=place)
    matrix = standing(rig, mapping)
    size = np.linalg.norm(place[0])
    heads = {bone.name: bone.head for bone in rig.bones}
    names = [name for name in ("pelvis", "left_hip", "head", "right_ankle", "spine3") if mapping.bones[name]]
    for name in names:
        found = at(matrix, joints[JOINT_NAMES.index(name)])
        np.testing.assert_allclose(found, heads[mapping.bones[name].target], atol=0.003 * size, err_msg=name)


@pytest.mark.parametrize("gone", [("hip", "knee", "ankle", "foot"), ("pelvis",)])
def test_a_rig_without_legs_or_pelvis_holds_it_by_what_there_is(joints, gone):
    rig, mapping = rig_of(without=gone)
    heads = {bone.name: bone.head for bone in rig.bones}
    found = at(standing(rig, mapping), joints[JOINT_NAMES.index("head")])
    np.testing.assert_allclose(found, heads[mapping.bones["head"].target], atol=0.01)


def test_held_by_its_head_it_has_the_rig_s_head_place_whatever_is_below(joints):
    rig, mapping = rig_of()
    up = np.array([0.0, 0.0, 0.3])
    tall = [replace(bone, head=bone.head + up, tail=bone.tail + up) if bone.name == "head" else bone
            for bone in rig.bones]  # fmt: skip
    found = at(standing(replace(rig, bones=tuple(tall)), mapping, BY_HEAD), joints[JOINT_NAMES.index("head")])
    head = next(bone.head for bone in tall if bone.name == mapping.bones["head"].target)
    np.testing.assert_allclose(found, head, atol=0.003)


def test_nothing_known_is_said():
    rig, _ = rig_of()
    with pytest.raises(AddonError, match="too few known bones"):
        standing(Rig(rig.name, rig.bones, (), np.eye(4)), RigMapping(kind="", bones={}))
