"""What a user sets by hand is kept, checked, and applied to every rig with the same bones."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import characters
import numpy as np
import pytest
from characters import BODIES, DESCRIPTIONS, described, face

from blender_addon.core.corrections import Correction, fingerprint, read_correction, save_correction
from blender_addon.core.errors import AddonError
from blender_addon.core.matching import match_rig


def test_a_correction_is_kept_and_applied_next_time(tmp_path: Path) -> None:
    rig, names = described(BODIES["mixamo"])
    rig = replace(rig, faces=(face("Oeffnen", "eyeBlinkLeft"), face("Oeffnen", name="Teeth")))
    correction = Correction(
        {"left_foot": None, "neck": names["spine2"]}, {"Oeffnen": {"jawOpen": 1.0}, "eyeBlinkLeft": {}}
    )
    path = save_correction(tmp_path / "rigs", rig, correction)
    assert path.exists()
    other = replace(characters.shuffled(rig, np.random.default_rng(0)), name="The same, elsewhere")
    read = read_correction(tmp_path / "rigs", other)
    assert read == correction
    mapping = match_rig(other, DESCRIPTIONS, read)[0]
    assert "left_foot" not in mapping.bones
    assert mapping.bones["neck"].target == names["spine2"]
    assert mapping.bones["neck"].reason == "set by hand"
    assert "spine2" not in mapping.bones  # its bone is the neck's now
    assert mapping.face["Face", "Oeffnen"] == mapping.face["Teeth", "Oeffnen"] == {"jawOpen": 1.0}
    assert ("Face", "eyeBlinkLeft") not in mapping.face
    assert mapping.bones["head"].target == names["head"]


def test_a_jaw_set_by_hand_opens_the_mouth() -> None:
    rig, names = described(BODIES["mixamo"])
    rig = characters.with_bones(rig, characters.bone("Unterkiefer", names["head"], (0, -0.05, 1.6)))
    assert match_rig(rig, DESCRIPTIONS)[0].jaw is None
    mapping = match_rig(rig, DESCRIPTIONS, Correction({"jaw": "Unterkiefer"}))[0]
    assert mapping.bones["jaw"].target == "Unterkiefer"
    assert mapping.jaw is not None
    assert not any("lips don't move" in problem for problem in mapping.problems)


def test_rigs_with_other_bones_are_not_touched(tmp_path: Path) -> None:
    rig, names = described(BODIES["mixamo"])
    save_correction(tmp_path, rig, Correction({"left_foot": None}))
    other = characters.without(rig, names["left_foot"])
    assert read_correction(tmp_path, other) is None
    assert fingerprint(rig) != fingerprint(other)


@pytest.mark.parametrize(
    ("bones", "reason"),
    [
        ({"tail": "Hips"}, "tail is not a joint"),
        ({"head": "Kopf"}, "has no bone Kopf"),
        ({"head": "Hips", "neck": "Hips"}, "assigned to two joints"),
    ],
)
def test_a_correction_that_makes_no_sense_is_refused(tmp_path: Path, bones: dict[str, str | None], reason: str) -> None:
    rig, _ = described(BODIES["mixamo"])
    with pytest.raises(AddonError, match=reason):
        save_correction(tmp_path, rig, Correction(bones))
    assert not list(tmp_path.iterdir())


def test_weights_must_be_numbers(tmp_path: Path) -> None:
    rig, _ = described(BODIES["mixamo"])
    with pytest.raises(AddonError, match="sensible"):
        save_correction(tmp_path, rig, Correction({}, {"A": {"jawOpen": float("nan")}}))


@pytest.mark.parametrize(
    "content",
    [
        "",
        "{",
        "[]",
        '{"version": 9, "bones": {}}',
        '{"version": 1}',
        '{"version": 1, "bones": {"head": "Kopf"}}',
        '{"version": 1, "bones": [], "keys": {}}',
        '{"version": 1, "bones": {}, "keys": {"A": {"jawOpen": "x"}}}',
    ],
)
def test_a_damaged_correction_is_told_and_not_applied(tmp_path: Path, content: str) -> None:
    rig, _ = described(BODIES["mixamo"])
    path = save_correction(tmp_path, rig, Correction({"left_foot": None}))
    path.write_text(content, encoding="utf-8")
    with pytest.raises(AddonError, match="Delete it"):
        read_correction(tmp_path, rig)


def test_the_file_is_plain_text_for_people(tmp_path: Path) -> None:
    rig, _ = described(BODIES["mmd"])
    path = save_correction(tmp_path, rig, Correction({"head": "頭"}))
    assert "頭" in path.read_text(encoding="utf-8")
    assert json.loads(path.read_text(encoding="utf-8"))["rig"] == "mmd"


def test_a_folder_that_can_t_be_written_is_told(tmp_path: Path) -> None:
    rig, _ = described(BODIES["mixamo"])
    blocked = tmp_path / "file"
    blocked.write_text("")
    with pytest.raises(AddonError, match="another folder"):
        save_correction(blocked / "rigs", rig, Correction())
