"""Retargeting as arithmetic: any rest pose, any roll, any axes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from bodies import TO_BLENDER, angle, lively_poses, posed, rig_of, take_of
from hypothesis import given, settings
from hypothesis import strategies as st

from blender_addon.core.errors import AddonError
from blender_addon.core.names import JOINT_NAMES
from blender_addon.core.retarget import retarget
from blender_addon.core.rig import Bone, FaceMesh, Match, Rig, RigMapping
from blender_addon.core.rotations import from_matrix, from_vectors, rotate
from blender_addon.core.skeleton import PARENTS, REST, way, world_turns

TURNS = (np.eye(3), np.diag([-1.0, -1.0, 1.0]), np.array([[0.0, -1, 0], [1, 0, 0], [0, 0, 1]]))
SEGMENTS = [
    (joint, PARENTS[joint])
    for joint in JOINT_NAMES
    if joint.partition("_")[2] in ("elbow", "wrist", "knee", "ankle", "middle1") or joint[-1] in "23"
]


def ways_off(rig, mapping, take, place):
    """Degrees between the segments of the rig and of the take, worst over all frames, by the segment's lower end."""
    turned = world_turns(take.poses)
    places = posed(rig, retarget(take, rig, mapping))
    to_space = from_matrix(place / np.cbrt(np.linalg.det(place)))
    return {
        joint: angle(places[joint] - places[parent], rotate(to_space, way(turned, parent, joint))).max()
        for joint, parent in SEGMENTS
        if joint in places and parent in places and not joint.startswith("spine")
    }


@settings(deadline=None, max_examples=25)
@given(
    arms_down=st.floats(-20, 88),
    seed=st.integers(0, 1000),
    turn=st.sampled_from(TURNS),
    y_up=st.booleans(),
    scale=st.sampled_from([0.01, 1.0, 37.0]),
)
def test_limbs_point_the_same_way_whatever_the_rig(arms_down, seed, turn, y_up, scale):
    rng = np.random.default_rng(seed)
    place = scale * (turn if y_up else turn @ TO_BLENDER)
    if y_up and not np.array_equal(turn, TURNS[0]):
        place = scale * np.eye(3)
    rig, mapping = rig_of(arms_down, rng, place)
    poses = lively_poses(8, seed)
    poses[:, [JOINT_NAMES.index(f"{side}_{part}") for side in ("left", "right") for part in ("hip", "knee")]] *= 0.2
    off = ways_off(rig, mapping, take_of(poses), place)
    legs = {joint for joint in off if joint.endswith(("knee", "ankle"))}
    assert max(value for joint, value in off.items() if joint not in legs) < 0.01
    assert max(off[joint] for joint in legs) < 3  # the feet come first


@pytest.mark.parametrize("gone", [("collar",), ("neck", "spine2"), ("elbow",), ("2",), ("spine1", "spine2"), ("foot",)])
def test_missing_bones_in_between_leave_the_rest_in_place(gone):
    rig, mapping = rig_of(40, np.random.default_rng(1), without=gone)
    poses = lively_poses(6, 3)
    turned = world_turns(poses)
    places = posed(rig, retarget(take_of(poses), rig, mapping))
    to_space = from_matrix(TO_BLENDER)
    for start, end in (
        ("left_shoulder", "left_wrist"),
        ("right_wrist", "right_middle1"),
        ("left_index1", "left_index3"),
    ):
        if {start, end} <= places.keys() and (gone != ("2",) or "index" not in start or "left_index2" not in places):
            off = angle(places[end] - places[start], rotate(to_space, way(turned, start, end)))
            straight = not (start.endswith("shoulder") and "left_elbow" in places) and start[-1] != "1"
            assert off.max() < (0.01 if straight or "elbow" in gone or "2" in gone else 6), (start, end)


def test_quaternions_never_jump():
    rig, mapping = rig_of(45, np.random.default_rng(2))
    poses = lively_poses(200, 5, size=2.5)
    motion = retarget(take_of(poses), rig, mapping)
    for name, q in motion.rotations.items():
        np.testing.assert_allclose(np.linalg.norm(q, axis=1), 1, atol=1e-9, err_msg=name)
        assert ((q[1:] * q[:-1]).sum(axis=1) >= 0).all(), name


@pytest.mark.parametrize("legs_hang_on", ["pelvis", "spine1"])
def test_feet_stay_where_the_takes_feet_stay_on_legs_of_other_shape(legs_hang_on):
    rig, mapping = rig_of(longer={"hip": 1.3, "knee": 0.8, "pelvis": 1.4})
    legs = [bone for bone in rig.bones if bone.name.endswith(("hip", "knee", "ankle", "foot"))]
    others = [bone for bone in rig.bones if not bone.name.endswith(("hip", "knee", "ankle", "foot"))]
    legs = [replace(bone, parent=legs_hang_on) if bone.name.endswith("hip") else bone for bone in legs]
    rig = replace(rig, bones=(*others, *legs))
    frames = 60
    sway = 0.05 * np.sin(np.arange(frames) / 10)
    poses = np.zeros((frames, 55, 3))
    poses[:, 0, 2] = sway
    poses[:, JOINT_NAMES.index("spine1"), 0] = 3 * sway
    for side in ("left", "right"):
        hip, knee, ankle = (JOINT_NAMES.index(f"{side}_{part}") for part in ("hip", "knee", "ankle"))
        poses[:, hip, 0], poses[:, knee, 0], poses[:, ankle, 0] = -0.2, 0.4, -0.2
        poses[:, hip, 2] = -sway
    turned = world_turns(poses)
    feet = {side: way(turned, "pelvis", f"{side}_ankle") for side in ("left", "right")}
    trans = feet["left"][0] - feet["left"]  # so that the left foot stands still
    places = posed(rig, retarget(take_of(poses, trans), rig, mapping))
    assert np.abs(places["left_ankle"] - places["left_ankle"][0]).max() < 1e-3
    rest = next(bone.head for bone in rig.bones if bone.name == "left_ankle")
    height = feet["left"][0, 1] - REST["left_ankle"][1]
    assert places["left_ankle"][0, 2] - rest[2] == pytest.approx(height * 1.05, abs=0.02)


def test_the_forearm_shares_the_hands_twist():
    rig, mapping = rig_of()
    elbow, wrist = (next(b for b in rig.bones if b.name == f"left_{part}") for part in ("elbow", "wrist"))
    helper = Bone("roll", "left_elbow", (elbow.head + wrist.head) / 2, wrist.head, elbow.axes)
    rig = replace(rig, bones=(*rig.bones, helper))
    poses = np.zeros((5, 55, 3))
    poses[:, JOINT_NAMES.index("left_wrist"), 0] = np.linspace(0, 1.2, 5)
    local = retarget(take_of(poses), rig, mapping).rotations
    turned = 2 * np.arccos(np.clip(np.abs(local["roll"][:, 0]), 0, 1))
    np.testing.assert_allclose(turned, 0.75 * np.linspace(0, 1.2, 5), atol=1e-6)


def test_palms_turn_level_on_rigs_that_rest_with_palms_forward():
    rig, mapping = rig_of()
    turn = from_vectors(np.array([-np.pi / 2, 0, 0]))
    pivot = REST["left_wrist"] + [0, 0.95, 0]
    bones = tuple(
        replace(
            bone,
            **{
                end: TO_BLENDER @ (pivot + rotate(turn, TO_BLENDER.T @ getattr(bone, end) - pivot))
                for end in ("head", "tail")
            },
        )
        if bone.name.startswith("left_") and bone.name[-1] in "123"
        else bone
        for bone in rig.bones
    )
    off = ways_off(replace(rig, bones=bones), mapping, take_of(lively_poses(4, 9, 0.2)), TO_BLENDER)
    assert max(off[f"left_{finger}{i}"] for finger in ("index", "thumb", "pinky") for i in (2, 3)) < 0.01


def test_a_stout_body_keeps_the_hands_out_and_a_slim_one_changes_nothing():
    rig, mapping = rig_of(45)
    poses = np.zeros((90, 55, 3))
    poses[:, JOINT_NAMES.index("left_elbow"), 1] = -1.2
    poses[:, JOINT_NAMES.index("left_shoulder"), 2] = -0.7
    poses[30:60, JOINT_NAMES.index("left_shoulder"), 2] = -1.3  # down, along the flank
    take = take_of(poses)
    plain = retarget(take, rig, mapping)

    def skin(radius):
        angle, height = np.meshgrid(np.linspace(-np.pi, np.pi, 60), np.linspace(0.6, 1.4, 60))
        points = np.stack([radius * np.sin(angle), -radius * np.cos(angle), height], axis=-1).reshape(-1, 3)
        return {"spine2": points}

    slim = retarget(take, replace(rig, skin=skin(0.1)), mapping)
    for name, turns in plain.rotations.items():
        np.testing.assert_array_equal(slim.rotations[name], turns)
    stout = posed(rig, retarget(take, replace(rig, skin=skin(0.31)), mapping))
    before = posed(rig, plain)
    distances = [np.hypot(*there["left_elbow"][:, :2].T) for there in (before, stout)]
    assert distances[0][45] < 0.29
    assert distances[1][45] > 0.3  # of 0.31, in three tries
    off = angle(*(there["left_elbow"] - there["left_shoulder"] for there in (before, stout)))
    assert 4 < off.max() < 10
    assert off[[0, -1]].max() < 0.01
    assert np.abs(np.diff(off)).max() < 1.5  # eased in and out


def test_the_jaw_closes_where_lips_have_no_shape_of_their_own():
    rig, mapping = rig_of()
    face = np.array([[0.0, 0.0, 0], [0.6, 0.0, 0], [0.4, 0.4, 0]])
    take = take_of(np.zeros((3, 55, 3)), face=face)
    jaw = retarget(take, rig, mapping).rotations["jaw"]
    opened = 2 * np.arccos(np.clip(np.abs(jaw[:, 0]), 0, 1))
    np.testing.assert_allclose(opened, [0, 0.6 * 0.35, 0], atol=1e-6)
    lips = replace(mapping, face={("Face", "close"): {"mouthClose": 1.0}})
    rig = replace(rig, faces=(FaceMesh("Face", ("close",), ((0.0, 1.0),)),))
    jaw = retarget(take, rig, lips).rotations["jaw"]
    assert 2 * np.arccos(abs(jaw[2, 0])) == pytest.approx(0.4 * 0.35, abs=1e-6)


def test_a_jaw_bone_goes_aside_and_forward():
    rig, mapping = rig_of(rolls=np.random.default_rng(2), place=100 * TO_BLENDER)
    names = ("jawOpen", "jawLeft", "jawRight", "jawForward")
    rows = np.array([[0, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1], [0.5, 0, 0, 1]], np.float32)
    take = replace(take_of(np.zeros((5, len(JOINT_NAMES), 3))), face=rows, face_names=names)
    jaw = next(bone for bone in rig.bones if bone.name == "jaw")
    motion = retarget(take, rig, mapping)
    turned = np.concatenate([motion.rotations["jaw"][:, :1], motion.rotations["jaw"][:, 1:] @ jaw.axes.T], axis=1)
    chin = rotate(turned, np.array([0, -9.0, 0])) + motion.locations["jaw"] @ jaw.axes.T  # it faces -Y, in centimetres
    np.testing.assert_allclose(chin[1:3, 0], [0.99, -0.99], atol=0.05)
    np.testing.assert_allclose(chin[3], [0, -9.6, 0], atol=0.1)
    assert chin[4, 2] < -1
    assert "jaw" not in retarget(replace(take, face=rows * [1, 1, 1, 0]), rig, mapping).locations


def test_eyes_that_look_at_a_target_are_aimed():
    rig, mapping = rig_of(place=100 * TO_BLENDER)
    head, eye = (next(bone for bone in rig.bones if bone.name == name) for name in ("head", "left_eye_smplhf"))
    rolled = np.array([[0.6, 0.8, 0], [-0.8, 0.6, 0], [0, 0, 1.0]])
    ahead = np.array([0, -40.0, 0])
    target = Bone("target", "head", eye.head + ahead, eye.head + 1.1 * ahead, rolled)
    rig = replace(rig, bones=(*rig.bones, target))
    bones = {joint: match for joint, match in mapping.bones.items() if joint != "left_eye_smplhf"}
    mapping = replace(mapping, bones=bones, aims={"left_eye_smplhf": ("target", "left_eye_smplhf")})
    take = take_of(lively_poses(20, size=0.3))
    there = posed(rig, retarget(take, rig, mapping))
    gaze = rotate(world_turns(take.poses)["left_eye_smplhf"], np.array([0, 0, 1.0])) @ TO_BLENDER.T
    assert angle(there["target"] - there["left_eye_smplhf"], gaze).max() < 0.01
    assert head.name == target.parent


def test_shape_keys_stay_within_their_sliders_and_say_so():
    rig = Rig("Face only", (), (FaceMesh("Face", ("Open", "Sad"), ((0.0, 0.5), (-1.0, 1.0))),))
    mapping = RigMapping(
        "", {}, {("Face", "Open"): {"jawOpen": 1.0, "mouthClose": -1.0}, ("Face", "gone"): {"jawOpen": 1}}
    )
    face = np.array([[0.2, 0, 0], [0.9, 0, 0], [0.9, 0.9, 0]])
    motion = retarget(take_of(np.zeros((3, 55, 3)), face=face), rig, mapping)
    np.testing.assert_allclose(motion.shapes["Face", "Open"], [0.2, 0.5, 0], atol=1e-6)
    assert not motion.rotations
    assert list(motion.sealed) == [False, False, True]
    told = " ".join(motion.notes)
    assert "Open of Face" in told
    assert "gone of Face" in told


def test_too_little_of_a_rig_is_refused():
    rig, mapping = rig_of()
    alone = replace(mapping, bones={"head": mapping.bones["head"]})
    with pytest.raises(AddonError, match="up from down"):
        retarget(take_of(np.zeros((2, 55, 3))), rig, alone)
    wrong = replace(mapping, bones={**mapping.bones, "head": Match("Kopf", 1.0, "")})
    with pytest.raises(AddonError, match="Kopf"):
        retarget(take_of(np.zeros((2, 55, 3))), rig, wrong)
