"""Takes that were asked for before Blender was closed come when the file is opened again, or say why they don't."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from blender_addon.core.take import read_take
from vlogger_backend.avatars.library import load_avatar
from vlogger_backend.exports.character import write_character
from vlogger_backend.speech.voice import say


@pytest.fixture(scope="module")
def found(blender, tmp_path_factory):
    folder = tmp_path_factory.mktemp("reopened")
    write_character(folder / "character.npz", load_avatar())
    say("My bonny lies over the ocean. " * 30, folder / "bonny.wav")
    asked = blender("ask_and_die.py", folder, sys.executable, folder / "character.npz", folder / "bonny.wav")
    assert len(str(asked["job"])) > 10, "the service's name of the job"
    assert not asked["made"]
    assert str(asked["animated_by"]).startswith("bonny"), "half of it was keyed"
    return {**blender("come_back.py", folder, sys.executable), "sound": folder / "bonny.wav"}


def test_the_take_lands_when_the_file_is_opened_again(found):
    assert str(found["said"]).startswith("bonny is keyed.")
    assert str(found["job"]) == ""
    take = read_take(Path(str(found["path"])))
    np.testing.assert_allclose(found["keys"][:, 1], take.face[:, take.face_names.index("jawOpen")], atol=1e-6)
    assert not len(found["idle"]), "what was half keyed is gone"


def test_its_settings_name_the_user_s_own_sound(found):
    assert Path(str(found["same_sound"])) == found["sound"]


def test_one_that_the_service_forgot_says_so_and_is_made_again(found):
    assert "not there yet" in str(found["unfinished"])
    assert "no such job any more" in str(found["gone"])
    assert str(found["gone_notice"]) == str(found["gone"])
    assert str(found["animated_by"]) == "Mine", "the rig is as it was"
    assert str(found["again"]).startswith("bonny is keyed.")
    assert str(found["again_job"]) == ""
    np.testing.assert_array_equal(found["again_keys"], found["keys"])


def test_one_that_was_asked_of_another_service_comes_when_that_is_chosen_again(found):
    assert "was asked of the service in" in str(found["elsewhere"])
    assert str(found["back"]).startswith("bonny is keyed.")


def test_one_that_the_service_never_had_says_so_and_can_be_deleted(found):
    assert "before the service had" in str(found["never"])
    assert found["left"] == 0
