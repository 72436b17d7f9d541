"""Undo, redo, renaming, removing and other files, at every moment: nothing crashes, is lost, or is there twice."""

from __future__ import annotations

import sys

import pytest

from vlogger_backend.avatars.library import load_avatar
from vlogger_backend.exports.character import write_character
from vlogger_backend.speech.voice import say


@pytest.fixture(scope="module")
def undone(blender, tmp_path_factory):
    folder = tmp_path_factory.mktemp("undo")
    write_character(folder / "character.npz", load_avatar())
    say("My bonny lies over the ocean, my bonny lies over the sea. " * 8, folder / "bonny.wav")
    return blender("undo.py", folder, sys.executable, folder / "character.npz", folder / "bonny.wav")


def outcome(undone, name):
    """What was left over of something interrupted, and what was said."""
    *left, _, said = (str(item) for item in undone[name])
    return left, said


@pytest.mark.parametrize(
    "what",
    ["import", "dial", "reduce keys", "key anew", "read rig", "push to NLA", "delete take", "character", "animate"],
)
def test_whatever_is_done_can_be_undone_and_redone(undone, what):
    assert undone[what].tolist() == [True, True, True]


def test_an_undone_take_is_gone_and_comes_back_whole(undone):
    assert undone["undone"].tolist() == []
    assert undone["redone"]


def test_an_undo_while_curves_land_leaves_nothing_behind(undone):
    for name in ("undo", "undo and redo", "deleted rig and undone", "edit mode", "new file"):
        assert outcome(undone, name)[0] == [], name


def test_the_undo_of_something_else_does_not_stop_curves_that_land(undone):
    assert outcome(undone, "undo of something else")[0] == []
    assert undone["undo of something else, keys"] > 1_000_000


def test_rigs_takes_and_scenes_can_be_renamed_while_curves_land(undone):
    for name in ("renamed rig", "renamed take", "renamed scene"):
        left, said = outcome(undone, name)
        assert left == []
        assert "s of walk.npz" in said
    assert undone["renamed rig, takes"].tolist() == [True]
    assert undone["renamed take, takes"].tolist() == ["Mine too True"]


def test_an_action_that_is_assigned_while_curves_land_is_not_written_to(undone):
    assert outcome(undone, "another Action")[0] == []
    assert undone["another Action, kept"]


@pytest.mark.parametrize("what", ["removed rig", "deleted rig", "removed mesh", "removed Action", "removed scene"])
def test_what_is_removed_while_curves_land_ends_that_with_a_sentence(undone, what):
    left, said = outcome(undone, what)
    assert left == []
    assert "removed meanwhile" in said


def test_a_file_that_is_saved_while_curves_land_has_the_whole_take_when_it_is_opened(undone):
    assert outcome(undone, "saved and opened")[0] == []
    assert undone["saved and opened, takes"].tolist() == [True]


def test_a_take_that_is_undone_while_it_is_made_is_cancelled_and_what_was_there_plays_again(undone):
    left, said = outcome(undone, "animate, undone")
    assert left == []
    assert "undone" in said
    assert undone["animate, undone, takes"].tolist() == []
    assert undone["animate, undone, animated"] == "Mine"
    assert undone["animate, redone"].tolist() == []


def test_a_take_is_made_though_something_else_is_undone(undone):
    assert outcome(undone, "animate, something else undone")[0] == []
    assert undone["animate, something else undone, takes"].tolist() == [True]


def test_an_undo_to_the_middle_of_a_take_removes_it_and_a_redo_brings_it_back(undone):
    assert outcome(undone, "animate, and something else")[0] == []
    assert undone["animate, back to the middle"].tolist() == []
    assert undone["animate, and forth"]


def test_another_file_knows_nothing_of_a_take_that_was_being_made(undone):
    assert outcome(undone, "animate, another file")[0] == []
    assert undone["animate, another file, takes"].tolist() == []
