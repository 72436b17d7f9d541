"""The animator's path through the panel in every Blender at hand, with a real service, and no window."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest

from blender_addon.core.take import read_take
from vlogger_backend.avatars.library import load_avatar
from vlogger_backend.exports.character import write_character
from vlogger_backend.speech.voice import say

START, JAW, HEAD = 11, 'key key_blocks["jawOpen"].value0', 'key pose.bones["head"].rotation_quaternion'


@pytest.fixture(scope="module")
def used(blender, tmp_path_factory):
    folder = tmp_path_factory.mktemp("panel")
    write_character(folder / "character.npz", load_avatar())
    say("My bonny lies over the ocean.", folder / "bonny.wav")
    return blender("use_panel.py", folder, sys.executable, folder / "character.npz", folder / "bonny.wav")


@pytest.fixture(scope="module")
def take(used):
    return read_take(Path(str(used["path"])))


def test_a_grey_button_and_a_missing_sound_say_why(used):
    assert "no rig" in str(used["no_rig"])
    assert "/nowhere/x.wav" in str(used["no_sound"]).replace("\\", "/")
    assert "being made" in str(used["busy"])


def test_the_rig_is_known(used):
    assert [str(item) for item in used["rig"]][1:] == ["face-arkit", "55"]


def test_the_keys_are_the_take_s(used, take):
    assert take.fps == 25
    jaw = used[JAW]
    np.testing.assert_allclose(jaw[:, 0], START + np.arange(len(take)))
    np.testing.assert_allclose(jaw[:, 1], take.face[:, take.face_names.index("jawOpen")], atol=1e-6)


def test_the_take_remembers_what_it_was_made_from_and_lies_beside_the_scene(used):
    request = json.loads(str(used["request"]))
    assert request["text"] == "My bonny lies over the ocean."
    assert request["fps"] == 25
    assert Path(str(used["path"])).parts[-3] == "vlogger"
    assert used["start"] == START


def test_the_sound_is_heard_with_it(used):
    if "without Audaspace" in str(used["said"]):
        pytest.skip("this Blender has no sound")
    assert [str(sound) for sound in used["sounds"]] == [f"bonny {START}"]


def test_a_dial_acts_on_the_keys_and_can_be_taken_back(used):
    np.testing.assert_allclose(used["half jaw"][:, 1][used[JAW][:, 1] > 0.01], 0.5, atol=1e-3)
    assert len(used["actions after dial"]) <= 2
    assert used["reset"] < 1e-6


def test_another_seed_is_another_take_and_a_click_switches_back(used):
    assert len(used["takes"]) == 2
    assert used["another differs"] > 0.005
    assert used["switched"] < 1e-6


def test_cancel_leaves_everything_as_it_was(used):
    assert "cancelled" in str(used["cancelled"][0])
    assert list(used["cancelled"][1:]) == list(used["takes"])
    assert used["as before the cancel"]


def test_cancel_leaves_a_pose_by_hand_and_what_animates_the_rig(used):
    keyed, *pose = used["pose after cancel"]
    assert keyed > 0
    np.testing.assert_allclose(pose, (0.8, 0.6, 0.0, 0.0), atol=1e-6)
    assert list(used["animated after cancel"]) == [1, 0]  # by nothing, and the first take is still the chosen one
    assert str(used["face after cancel"]).startswith(str(used["takes"][0]))


def test_a_pinned_key_is_kept_and_the_take_bends_to_it(used):
    there, beside, far = used["pinned"]
    assert there == pytest.approx(0.77, abs=1e-5)
    assert beside > 0.1
    assert far < 1e-6


def test_keys_can_be_few_and_nearly_as_good(used):
    assert used["fewer"] > 3
    assert used["off"] < np.radians(0.5) / 2


def test_takes_survive_saving_and_still_obey_their_dials(used):
    assert list(used["reopened"]) == list(used["takes"])
    assert used["dial after reopening"] == pytest.approx(0.5, abs=1e-3)


def test_a_take_becomes_a_strip_and_can_be_deleted(used):
    assert len(used["tracks"]) == 1
    assert len(used["left"]) == 1
