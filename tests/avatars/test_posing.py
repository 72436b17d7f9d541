"""Posing: SMPL-X's convention, against a slow reference and by what must not move."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from vlogger_backend.avatars.posing import posed_joints, posed_vertices, rotation_matrices
from vlogger_backend.motion.names import ARKIT_NAMES, JOINT_INDEX, JOINT_NAMES, JOINT_PARENTS

STILL, NEUTRAL, HERE = np.zeros((len(JOINT_NAMES), 3)), np.zeros(len(ARKIT_NAMES)), np.zeros(3)


def pose(**joints):
    poses = STILL.copy()
    for name, rotation in joints.items():
        poses[JOINT_INDEX[name]] = rotation
    return poses


def reference(avatar, poses, trans, arkit, chosen):
    """Morphs and linear blend skinning with 4 x 4 matrices, one vertex at a time."""
    shaped = avatar.vertices.astype(float)
    for weight, morph in zip(arkit, avatar.morphs, strict=True):
        shaped[morph.vertices] += weight * morph.offsets
    world = []
    for joint, parent in enumerate(JOINT_PARENTS):
        local = np.eye(4)
        local[:3, :3] = Rotation.from_rotvec(poses[joint]).as_matrix()
        local[:3, 3] = avatar.joints[joint] - (avatar.joints[parent] if parent >= 0 else -trans)
        world.append(local if parent < 0 else world[parent] @ local)
    result = []
    for vertex in chosen:
        place = np.zeros(3)
        for joint, weight in zip(avatar.joint_indices[vertex], avatar.joint_weights[vertex], strict=True):
            bound = world[joint][:3, :3] @ (shaped[vertex] - avatar.joints[joint]) + world[joint][:3, 3]
            place += weight * bound
        result.append(place)
    return np.array(result)


def test_no_pose_is_the_rest_mesh(avatar):
    np.testing.assert_allclose(posed_vertices(avatar, STILL, HERE, NEUTRAL), avatar.vertices, atol=1e-6)
    np.testing.assert_allclose(posed_joints(avatar, STILL, HERE), avatar.joints, atol=1e-6)


def test_matches_a_slow_reference(avatar):
    rng = np.random.default_rng(0)
    chosen = rng.choice(len(avatar.vertices), 300, replace=False)
    for _ in range(3):
        poses, trans = rng.normal(0, 0.5, STILL.shape), rng.normal(0, 1, 3)
        arkit = rng.uniform(0, 1, len(ARKIT_NAMES))
        found = posed_vertices(avatar, poses, trans, arkit)[chosen]
        np.testing.assert_allclose(found, reference(avatar, poses, trans, arkit, chosen), atol=2e-5)


@settings(max_examples=25, deadline=None)
@given(st.lists(st.floats(-7, 7), min_size=3, max_size=3))
def test_rotations_are_scipys(vector):
    found = rotation_matrices(np.array([vector]))[0]
    np.testing.assert_allclose(found, Rotation.from_rotvec(vector).as_matrix(), atol=1e-9)


@settings(max_examples=10, deadline=None)
@given(st.lists(st.floats(-3, 3), min_size=3, max_size=3), st.lists(st.floats(-2, 2), min_size=3, max_size=3))
def test_the_root_carries_everything_rigidly(avatar, turn, trans):
    posed = posed_vertices(avatar, pose(pelvis=turn), np.array(trans), NEUTRAL)
    pelvis = avatar.joints[0]
    expected = (avatar.vertices - pelvis) @ Rotation.from_rotvec(turn).as_matrix().T + pelvis + trans
    np.testing.assert_allclose(posed, expected, atol=1e-4)


def test_bending_an_elbow_moves_only_that_arm_and_brings_the_hand_forward(avatar):
    posed = posed_vertices(avatar, pose(left_elbow=[0, -np.pi / 2, 0]), HERE, NEUTRAL)
    moved = np.linalg.norm(posed - avatar.vertices, axis=1)
    shoulder = avatar.joints[JOINT_INDEX["left_shoulder"]]
    assert moved[avatar.vertices[:, 0] < shoulder[0]].max() < 1e-3
    wrist = posed_joints(avatar, pose(left_elbow=[0, -np.pi / 2, 0]), HERE)[JOINT_INDEX["left_wrist"]]
    assert wrist[2] > avatar.joints[JOINT_INDEX["left_wrist"]][2] + 0.2


def test_lowering_the_arms_brings_the_hands_beside_the_hips(avatar):
    joints = posed_joints(avatar, pose(left_shoulder=[0, 0, -1.3], right_shoulder=[0, 0, 1.3]), HERE)
    for side in ("left", "right"):
        assert joints[JOINT_INDEX[f"{side}_wrist"]][1] < joints[JOINT_INDEX["spine1"]][1]


def test_curling_fingers_brings_their_tips_towards_the_palm(avatar):
    curled = pose(**{f"left_{f}{i}": [0, 0, -1.0] for f in ("index", "middle", "ring", "pinky") for i in (1, 2, 3)})
    tips = posed_joints(avatar, curled, HERE)
    for finger in ("index", "middle", "ring", "pinky"):
        knuckle, tip = JOINT_INDEX[f"left_{finger}1"], JOINT_INDEX[f"left_{finger}3"]
        assert tips[tip][1] < tips[knuckle][1] - 0.015


def test_jaw_and_eye_joints_move_no_vertex(avatar):
    turned = pose(jaw=[0.5, 0, 0], left_eye_smplhf=[0, 0.5, 0], right_eye_smplhf=[0, 0.5, 0])
    np.testing.assert_allclose(posed_vertices(avatar, turned, HERE, NEUTRAL), avatar.vertices, atol=1e-6)


def test_eyes_teeth_and_brows_follow_the_head(avatar):
    turn = np.array([0, 0.6, 0])
    posed = posed_vertices(avatar, pose(head=turn), HERE, NEUTRAL)
    centre = avatar.joints[JOINT_INDEX["head"]]
    for material in ("eyes", "brows", "lashes", "teeth"):
        chosen = np.unique(avatar.faces_of(material))
        expected = (avatar.vertices[chosen] - centre) @ Rotation.from_rotvec(turn).as_matrix().T + centre
        np.testing.assert_allclose(posed[chosen], expected, atol=1e-3)


def test_cloth_keeps_its_area_when_the_arms_come_down(avatar):
    def area(vertices):
        corners = vertices[avatar.faces_of("jumper")]
        return np.linalg.norm(np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), axis=1).sum()

    down = posed_vertices(avatar, pose(left_shoulder=[0, 0, -1.2], right_shoulder=[0, 0, 1.2]), HERE, NEUTRAL)
    assert area(down) == pytest.approx(area(avatar.vertices), rel=0.12)
