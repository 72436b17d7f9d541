"""Takes become Actions on a rig with a face, in every Blender at hand, whatever the scene is like."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from box_person import moved_joints
from odd_rigs import TO_Z_UP, talking_take

from blender_addon.core.names import JOINT_NAMES
from blender_addon.core.skeleton import REST


@pytest.fixture(scope="session")
def landed(blender, tmp_path_factory):
    found = blender("land.py", tmp_path_factory.mktemp("landed"))

    def part(name):
        return {key.removeprefix(f"{name}/"): value for key, value in found.items() if key.startswith(f"{name}/")}

    return part


def test_what_was_there_is_kept(landed):
    takes = landed("takes")
    assert takes["mine_keys"] == 3
    assert takes["kept"].all()
    assert takes["first_keys"][0] == takes["first_keys"][1]


def test_each_take_is_an_action_with_its_request(landed):
    takes = landed("takes")
    assert list(takes["meta"]) == ['{"seed": 7}'] * 2
    seconds = np.array([[0, 119], [0, 59]]) / 30
    np.testing.assert_allclose(takes["ranges"], seconds * 24 + [[1], [11]], rtol=1e-6)  # the scene has 24 a second
    assert {"Face", "head", "left_index1"} <= set(takes["groups"])


def test_a_take_can_be_taken_back_halfway(landed):
    takes = landed("takes")
    assert (np.diff(takes["steps"]) > 0).all()
    assert takes["steps"][-1] < 0.5
    assert {str(name).partition(".")[0] for name in takes["third"]} == {"Third"}
    assert {str(name).partition(".")[0] for name in takes["actions"]} == {"First", "Mine", "Second"}
    assert str(takes["assigned"]) == "Second"


def test_sliders_of_other_peoples_faces_are_respected(landed):
    takes = landed("takes")
    assert takes["narrow"].max() <= 0.6 + 1e-6
    assert "narrow of Head" in str(takes["notes"][0])


def test_pieces_make_the_same_curves_as_the_whole(landed):
    pieces = landed("pieces")
    assert pieces["paths"][0] == pieces["paths"][1]
    assert pieces["worst"] < 1e-5
    assert pieces["again"] < 1e-5


@pytest.mark.parametrize("modes", ["quaternions", "eulers"])
def test_few_keys_are_within_the_bound(landed, modes):
    found = landed(modes)
    assert list(found["interpolation"]) == ["BEZIER"]
    assert found["few_keys"] < found["dense_keys"] / 10
    dense, few = found["dense_local"], found["few_local"]
    cosines = (np.einsum("fbij,fbij->fb", dense[..., :3, :3], few[..., :3, :3]) - 1) / 2
    assert np.degrees(np.arccos(np.clip(cosines, -1, 1))).max() < 0.5
    assert np.abs(dense[..., :3, 3] - few[..., :3, 3]).max() < 0.0005
    assert np.abs(found["dense_face"] - found["few_face"]).max() * 0.03 < 0.0005  # a key moves its point by 3 cm
    assert found["after_update"] < 1e-4  # who touches a key gets the same curve


@pytest.mark.parametrize("modes", ["quaternions", "eulers"])
def test_few_keys_keep_the_lips_closed(landed, modes):
    found = landed(modes)
    jaw, close = found["few_face"][:2]
    assert 0.1 < found["sealed"].mean() < 0.9
    assert (jaw - close)[found["sealed"]].max() < 0.02 + 0.01


def test_a_strip_plays_body_and_face(landed):
    track = landed("track")
    assert track["pose"] < 1e-4
    assert track["face"][0] == pytest.approx(track["face"][1], abs=1e-5)
    assert track["face"][0] > 0.1


def test_film_rates_and_other_units(landed):
    odd = landed("odd")
    np.testing.assert_allclose(odd["frames"], 5 + np.arange(3) / 30 * 24000 / 1001, rtol=1e-6)
    assert 0.02 < odd["location"] < 0.1  # as large as the armature, whatever the scene's units are


def test_the_pelvis_moves_however_it_hangs(landed):
    found = landed("pelvis")
    assert [str(found[f"{kind} bone"][0]) for kind in ("plain", "connected", "armature's axes")] == [
        "pelvis", "root", "pelvis",
    ]  # fmt: skip
    plain = dict(zip(map(str, found["plain names"]), found["plain"].swapaxes(0, 1), strict=True))
    for kind in ("connected", "armature's axes"):
        for name, places in zip(map(str, found[f"{kind} names"]), found[kind].swapaxes(0, 1), strict=True):
            if name != "root":
                np.testing.assert_allclose(places, plain[name], atol=1e-5, err_msg=f"{kind}, {name}")


def test_what_hides_the_take_is_told(landed):
    found = landed("obstacles")
    told = " ".join(map(str, found["notes"]))
    for name in ("neck", "left_knee", "Reach", "mouthPucker", "jawOpen", "Head", "rest position"):
        assert name in told
    assert "solo" in " ".join(map(str, found["solo"]))
    assert not found["driven_kept"]
    assert not found["locked_kept"]
    assert "mouthPucker" not in found["face_kept"]
    assert not {"neck", "left_knee"} & {str(path).partition('"')[2].partition('"')[0] for path in found["curves"]}


def test_what_cant_be_keyed_is_refused_with_the_remedy(landed):
    found = landed("obstacles")
    assert "Edit Mode" in str(found["editing"])
    assert "no such bone" in str(found["gone"])
    assert "armature" in str(found["no_armature"])


def test_linked_rigs_need_an_override(landed):
    found = landed("linked")
    assert "library.blend" in str(found["refusal"])
    assert "Library Override" in str(found["refusal"])
    assert "Library Override" in str(found["system"])
    assert found["moved"] > 0.1
    assert "Head" in " ".join(map(str, found["notes"]))


def test_controls_that_follow_other_bones_still_point_right(landed):
    found = landed("controls")
    assert list(found["carriers"]) == ["head None", "left_shoulder None", "right_shoulder right_collar"]
    assert found["pose_kept"]
    assert found["switched"] == 1
    take, frames = talking_take(), np.arange(0, 120, 10)
    rest = SimpleNamespace(joints=np.array([REST[joint] for joint in JOINT_NAMES]))
    _, expected = moved_joints(rest, take.poses[frames], take.trans[frames])
    names = list(found["bones"])
    ours = found["places"][:, [names.index(joint) for joint in JOINT_NAMES]] @ TO_Z_UP
    for start, end in (("left_shoulder", "left_elbow"), ("right_shoulder", "right_elbow"), ("left_hip", "left_knee"),
                       ("head", "left_eye_smplhf"), ("left_wrist", "left_middle1")):  # fmt: skip
        ways = [places[:, JOINT_NAMES.index(end)] - places[:, JOINT_NAMES.index(start)] for places in (ours, expected)]
        cosines = (ways[0] * ways[1]).sum(1) / np.linalg.norm(ways[0], axis=1) / np.linalg.norm(ways[1], axis=1)
        assert np.degrees(np.arccos(np.clip(cosines, -1, 1))).max() < 2, start
