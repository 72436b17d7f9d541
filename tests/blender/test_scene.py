"""The add-on's scene code in every Blender at hand: see conftest.py for how to name them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from box_person import box_person, lively_take, moved_joints, moved_vertices
from fbx_reading import read_fbx

from blender_addon.core.names import JOINT_NAMES

FRAMES, FPS = 12, 25.0
FROM_BLENDER = np.array([[1.0, 0, 0], [0, 0, 1], [0, -1, 0]])
"""Blender's axes (Z up, facing -Y) as SMPL-X's (Y up, facing +Z)."""


@pytest.fixture(scope="session")
def played(blender, tmp_path_factory):
    folder = tmp_path_factory.mktemp("played")
    return blender("play_take.py", folder), folder


@pytest.mark.parametrize("name", ["a", "b"])
def test_the_character_moves_as_the_take_says(played, name):
    found, _ = played
    take = lively_take(FRAMES, FPS, seed=ord(name))
    points = found[f"points_{name}"] @ FROM_BLENDER.T
    np.testing.assert_allclose(points, moved_vertices(box_person(), take, 3), atol=1e-5)


def test_it_stands_upright_and_faces_the_front_view(played):
    found, _ = played
    bones = dict(zip(found["bones"], found["rest"], strict=True))
    head, foot = bones["head"][:3, 3], bones["left_foot"][:3, 3]
    assert head[2] > 1.5
    assert foot[1] < bones["left_ankle"][1, 3]  # toes to -Y
    assert bones["left_wrist"][0, 3] > 0.5  # the person's left is at +X


def test_bones_point_along_the_limb_and_bend_about_one_axis(played):
    found, _ = played
    bones = dict(zip(found["bones"], found["rest"], strict=True))
    tails = dict(zip(found["bones"], found["tails"], strict=True))
    for bone, child in [
        ("left_hip", "left_knee"),
        ("right_elbow", "right_wrist"),
        ("left_index1", "left_index2"),
    ]:
        np.testing.assert_allclose(tails[bone], bones[child][:3, 3], atol=1e-5)
    assert abs(bones["left_knee"][0, 0]) > 0.99  # the knee's hinge is left to right
    assert abs(bones["left_elbow"][2, 0]) > 0.99  # the elbow's, arms out, is upright
    assert abs(bones["left_index2"][1, 2]) > 0.99  # a finger's, its Z, is front to back


def test_the_action_is_the_users_to_edit(played):
    found, _ = played
    assert {str(name).split(".")[0] for name in found["action_names"]} == {"Take b"}
    assert list(found["action_range"]) == [10, 10 + FRAMES - 1]
    assert list(found["interpolation"]) == ["LINEAR"]
    assert {"Face", "head", "left_index1"} <= set(found["groups"])
    counts = dict(zip(found["paths"], found["key_counts"], strict=True))
    assert counts['pose.bones["head"].rotation_quaternion[0]'] == FRAMES
    assert counts['pose.bones["pelvis"].location[2]'] == FRAMES
    assert counts['key_blocks["jawOpen"].value[0]'] == FRAMES
    assert counts['pose.bones["left_knee"].rotation_quaternion[0]'] == 1  # it never moves
    assert len(counts) == 55 * 4 + 3 + 52


def test_weights_beyond_the_slider_are_not_clipped(played):
    found, _ = played
    assert found["wide_expected"].max() > 1
    np.testing.assert_allclose(found["wide"], found["wide_expected"], atol=1e-5)


def test_seconds_fall_on_the_scenes_own_frames(played):
    found, _ = played
    np.testing.assert_allclose(found["frames_at_another_rate"], np.arange(FRAMES) / FPS * 24000 / 1001, rtol=1e-5)
    np.testing.assert_allclose(found["film_rate"], [24, 1.001], rtol=1e-6)


def test_the_scene_is_left_as_it_was(played):
    found, _ = played
    assert list(found["scene"]) == ["My scene", "Cube"]
    assert found["modifiers"].all()
    assert not found["pinned"]


def test_no_bone_rests_near_gimbal_lock(played):
    fbx = read_fbx(Path(played[1]) / "a.fbx")
    at_rest = {fbx.nodes[node]: matrix for node, matrix in fbx.bind.items()}
    for node, parent in fbx.parents.items():
        if fbx.nodes[node] in at_rest and fbx.nodes[parent] in at_rest:
            local = np.linalg.inv(at_rest[fbx.nodes[parent]]) @ at_rest[fbx.nodes[node]]
            sine = local[2, 0] / np.linalg.norm(local[:3, 0])  # of the middle angle
            assert abs(sine) < 0.7, fbx.nodes[node]


@pytest.mark.parametrize("name", ["a", "b", "smoothed"])
def test_every_take_keeps_its_own_face_and_body(played, name):
    _, folder = played
    take = lively_take(FRAMES, FPS, seed=ord("b" if name == "smoothed" else name))
    fbx = read_fbx(Path(folder) / f"{name}.fbx")
    assert fbx.take_names == [f"Take {name[0] if name != 'smoothed' else 'b'}"]
    for i, face_name in enumerate(take.face_names):
        times, percents = fbx.face[face_name]
        np.testing.assert_allclose(times, np.arange(FRAMES) / FPS, atol=1e-6)  # from 0, wherever it lies in the scene
        np.testing.assert_allclose(percents, 100 * take.face[:, i], atol=1e-4)
    turned, placed = moved_joints(box_person(), take.poses, take.trans)
    worlds, turns = fbx.worlds(), fbx.turned()
    for joint, bone in enumerate(JOINT_NAMES):
        np.testing.assert_allclose(turns[bone], turned[:, joint], atol=1e-5)
        np.testing.assert_allclose(worlds[bone][:, :3, 3] / 100, placed[:, joint], atol=1e-5)
