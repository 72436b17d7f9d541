"""How long the add-on holds Blender's thread: in the thread's own seconds, so that a busy machine doesn't blur them."""

from __future__ import annotations

import shutil
import sys

import pytest

from vlogger_backend.avatars.library import load_avatar
from vlogger_backend.exports.character import write_character
from vlogger_backend.speech.voice import say

NORMAL, LANDING = 0.030, 0.100
AT_ONCE = ("Adding the character", "Read Rig: the button")
"""What can't be done in slices: docs/architecture.md says so."""
EVALUATED = ("curves come", "Render Frames: up to the first", "Render Frames of a photo", "the fit comes")
"""Here Blender evaluates a rig, writes its curves, or reads a picture."""


@pytest.fixture(scope="module", params=["plain", "heavy"])
def ticks(request, blender, photos, tmp_path_factory):
    folder = tmp_path_factory.mktemp("ticks")
    shutil.copy(photos / "astronaut.png", folder)
    write_character(folder / "character.npz", load_avatar())
    say("My bonny lies over the ocean.", folder / "bonny.wav")
    character, sound = folder / "character.npz", folder / "bonny.wav"
    return blender("measure_ticks.py", folder, sys.executable, character, sound, request.param, 2, 0)


def test_no_button_and_no_tick_holds_the_window(ticks):
    best = {str(stage): ticks[str(stage)][:, 0].min() for stage in ticks["stages"]}
    assert len(best) > 12
    long = {
        stage: f"{1000 * seconds:.0f} ms"
        for stage, seconds in best.items()
        if stage not in AT_ONCE and seconds > (LANDING if any(part in stage for part in EVALUATED) else NORMAL)
    }
    assert not long
