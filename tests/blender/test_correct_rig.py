"""Bones and shape keys of several meshes are set by hand in the panel, kept for next time, and reset."""

from __future__ import annotations

import pytest

PUCKER, JAW = "Head mouthPucker [('mouth{}', 1.0)]", "[('jawOpen', 1.0), ('mouthClose', -1.0)]"


@pytest.fixture(scope="module")
def found(blender):
    return {name: value.tolist() for name, value in blender("correct_rig.py").items()}


def test_what_is_missing_is_listed_first_mesh_by_mesh(found):
    assert "Read Rig first" in found["too_soon"]
    assert found["missing_first"] == sorted(found["missing_first"], reverse=True)
    assert found["meshes"][0] == "Head"
    assert set(found["meshes"]) == {"Head", "Teeth"}


def test_keys_set_by_hand_are_driven(found):
    face = {"Head eyeBlinkLeft [('eyeBlinkLeft', 1.0)]", f"Head jawOpen {JAW}", PUCKER.format("Pucker")}
    assert set(found["first"]) == face
    new = {"Head Lid R [('eyeBlinkRight', 1.0)]", f"Teeth Zaehne {JAW}", PUCKER.format("Funnel")}
    assert set(found["kept"]) == face - {PUCKER.format("Pucker")} | new
    assert found["taken_from"] == ""
    assert found["reason"] == "set by hand"
    assert found["corrected"]
    assert not found["foot_left"]


def test_a_correction_can_be_kept_twice_changed_and_reset(found):
    assert found["kept_again"] == found["kept"]
    assert set(found["without"]) == set(found["kept"]) - {PUCKER.format("Funnel")}
    assert found["reset"] == found["first"]
    assert found["foot_right"]
    assert "by hand" in found["nothing_to_reset"]
