"""The sounds of a scene, as an animator finds them: strips, cut strips, packed files, speakers, files."""

from __future__ import annotations

import wave
from pathlib import Path

import numpy as np
import pytest

SECONDS, RATE = 3.0, 16000


@pytest.fixture(scope="module")
def used(blender, tmp_path_factory):
    folder = tmp_path_factory.mktemp("sounds")
    path = folder / "line one.wav"
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes((np.sin(np.arange(SECONDS * RATE) / 8) * 8000).astype("<i2").tobytes())
    (folder / "made").mkdir()
    return blender("use_sounds.py", folder / "made", path)


@pytest.fixture
def heard(used):
    if "silent" in used:
        pytest.skip(f"this Blender says: {used['silent']}")
    return used


def test_a_file_that_is_not_there_is_named(used):
    assert str(Path("/nowhere/x.wav")) in str(used["no_file"])
    assert "chosen" in str(used["none_chosen"])
    assert used["file_frame"] == 7


def test_a_whole_strip_is_its_file_from_its_first_frame(heard):
    assert list(heard["whole"]) == [10, 0, 1]
    assert heard["whole_is_the_file"]


def test_a_cut_strip_is_only_what_is_heard(heard):
    frame, skip, seconds = heard["cut"]
    assert frame == 15
    assert skip == pytest.approx(5 / 25)
    assert seconds == pytest.approx(25 / 25)
    assert heard["cut_length"] == pytest.approx(1.0, abs=0.1)


def test_a_sound_is_placed_once_and_never_over_another(heard):
    assert list(heard["placed"]) == [1, 0, 1]
    channels = dict(str(item).rsplit(" ", 1) for item in heard["channels"])
    assert channels["Other"] != channels["Over it"]


def test_a_packed_sound_of_a_speaker_is_unpacked(heard):
    assert list(heard["packed"]) == [1, 1]
    assert heard["packed_length"] == pytest.approx(SECONDS)
    assert [str(name) for name in heard["names"]][-1] == "Robot"


def test_a_sound_that_has_moved_is_named_with_the_remedy(heard):
    assert str(Path("/nowhere/moved.wav")) in str(heard["moved"])
    assert "Missing Files" in str(heard["moved"])


def test_a_sound_that_cannot_be_written_or_plays_at_another_speed_is_refused(heard):
    assert "can't be written" in str(heard["no_room"])
    assert "another speed" in str(heard["retimed"])
    assert "Render Audio" in str(heard["retimed"])
