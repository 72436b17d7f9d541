"""The built-in avatar at rest: SMPL-X's T-pose, weights, skeleton, materials."""

import dataclasses
import io

import numpy as np
import pytest
from PIL import Image

from vlogger_backend.motion.names import ARKIT_NAMES, JOINT_INDEX, JOINT_NAMES, JOINT_PARENTS


def joint(avatar, name):
    return avatar.joints[JOINT_INDEX[name]]


def test_stands_on_the_ground_at_a_grown_mans_height(avatar):
    assert avatar.vertices[:, 1].min() == pytest.approx(0, abs=1e-6)
    assert 1.6 < avatar.vertices[:, 1].max() < 1.9


def test_arms_are_along_x_and_left_is_positive(avatar):
    for side, sign in (("left", 1), ("right", -1)):
        shoulder, elbow, wrist, middle = (
            joint(avatar, f"{side}_{name}") for name in ("shoulder", "elbow", "wrist", "middle1")
        )
        for near, far in ((shoulder, elbow), (elbow, wrist), (wrist, middle)):
            bone = (far - near) / np.linalg.norm(far - near)
            assert bone @ [sign, 0, 0] > 0.99


def test_palms_look_down_and_thumbs_forwards(avatar):
    for side in ("left", "right"):
        assert joint(avatar, f"{side}_thumb3")[2] > joint(avatar, f"{side}_index1")[2]
        assert joint(avatar, f"{side}_index1")[2] > joint(avatar, f"{side}_pinky1")[2]
        assert joint(avatar, f"{side}_thumb3")[1] < joint(avatar, f"{side}_wrist")[1]


def test_legs_are_straight(avatar):
    for side in ("left", "right"):
        hip, knee, ankle = (joint(avatar, f"{side}_{name}") for name in ("hip", "knee", "ankle"))
        thigh, shin = knee - hip, ankle - knee
        cosine = thigh @ shin / np.linalg.norm(thigh) / np.linalg.norm(shin)
        assert np.degrees(np.arccos(cosine)) < 9
        assert -shin[1] > 0.98 * np.linalg.norm(shin)


def test_faces_forwards(avatar):
    eyes = avatar.vertices[np.unique(avatar.faces_of("eyes"))]
    assert eyes[:, 2].mean() > joint(avatar, "head")[2] + 0.05


def test_skeleton_is_symmetric_and_upright(avatar):
    for name in JOINT_NAMES:
        if name.startswith("left_"):
            mirrored = joint(avatar, name.replace("left_", "right_")) * [-1, 1, 1]
            np.testing.assert_allclose(joint(avatar, name), mirrored, atol=1e-3)
    spine = [joint(avatar, name)[1] for name in ("pelvis", "spine1", "spine2", "spine3", "neck", "head")]
    assert np.all(np.diff(spine) > 0.03)


def test_no_bone_has_no_length(avatar):
    lengths = np.linalg.norm(avatar.joints[1:] - avatar.joints[list(JOINT_PARENTS[1:])], axis=1)
    assert lengths.min() > 0.01


def test_weights_sum_to_one_and_leave_jaw_and_eyes_alone(avatar):
    np.testing.assert_allclose(avatar.joint_weights.sum(axis=1), 1, atol=1e-5)
    used = np.unique(avatar.joint_indices[avatar.joint_weights > 0])
    driven_by_morphs = {JOINT_INDEX[name] for name in ("jaw", "left_eye_smplhf", "right_eye_smplhf")}
    assert not driven_by_morphs & set(used)
    assert set(range(len(JOINT_NAMES))) - driven_by_morphs - set(used) == set()


def test_surfaces_are_sound(avatar):
    corners = avatar.vertices[avatar.faces]
    areas = np.linalg.norm(np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), axis=1) / 2
    assert (areas > 0).mean() > 0.999
    assert np.isin(np.arange(len(avatar.vertices)), avatar.faces).all()
    assert avatar.uvs.min() >= 0
    assert avatar.uvs.max() <= 1


def test_materials_are_those_of_a_dressed_person_with_readable_textures(avatar):
    names = [material.name for material in avatar.materials]
    assert {
        "face", "skin", "mouth", "eyes", "teeth", "tongue", "hair", "brows", "lashes", "jumper", "trousers", "shoes"
    } == set(names)  # fmt: skip
    for index, material in enumerate(avatar.materials):
        assert (avatar.face_material == index).any()
        if material.texture is not None:
            assert Image.open(io.BytesIO(material.texture)).convert("RGB").size[0] >= 64


def test_morphs_are_52_and_small_enough_to_be_of_a_face(avatar):
    assert len(avatar.morphs) == len(ARKIT_NAMES)
    for name, morph in zip(ARKIT_NAMES, avatar.morphs, strict=True):
        assert len(morph.vertices), name
        assert np.linalg.norm(morph.offsets, axis=1).max() < 0.05, name
        assert avatar.vertices[morph.vertices, 1].min() > 1.2, name


def test_skin_under_the_clothes_is_cut_away(avatar):
    """So that none of it can poke through: no skin between collar and cuffs, none below."""
    skin = avatar.vertices[np.unique(avatar.faces_of("skin"))]
    hand = np.abs(skin[:, 0]) > joint(avatar, "left_wrist")[0] - 0.09
    assert skin[~hand, 1].min() > joint(avatar, "spine3")[1]
    assert np.abs(skin[~hand, 0]).max() < joint(avatar, "left_shoulder")[0]


def test_wrong_shapes_are_refused(avatar):
    with pytest.raises(ValueError, match="joints"):
        dataclasses.replace(avatar, joints=avatar.joints[:54])


@pytest.mark.parametrize("material", ["face", "hair", "eyes", "jumper", "trousers", "shoes"])
def test_faces_look_outwards(avatar, material):
    """Seen from outside corners run counter-clockwise: by the divergence theorem the signed volume is positive."""
    faces = avatar.faces_of(material)
    for half in (faces[avatar.vertices[faces].mean(axis=1)[:, 0] > 0], faces):
        corners = avatar.vertices[half].astype(float)
        middle = corners.reshape(-1, 3).mean(axis=0)
        across = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
        assert np.einsum("fi,fi->", corners.mean(axis=1) - middle, across) > 0
