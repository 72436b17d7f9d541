"""A user goes through what performs a face, sets keys by hand, and the take drives just these."""

from __future__ import annotations

import numpy as np
import pytest
from characters import DESCRIPTIONS, face, faces

from blender_addon.core.choices import Choice, choices, corrected_keys, mirrored
from blender_addon.core.corrections import Correction
from blender_addon.core.matching import match_rig
from blender_addon.core.names import ARKIT_NAMES
from blender_addon.core.rig import Rig, RigMapping
from vlogger_backend.motion import names


def matched(rig: Rig, keys: dict[str, dict[str, float]] | None = None) -> RigMapping:
    return match_rig(rig, DESCRIPTIONS, Correction({}, keys or {}))[0]


def listed(rig: Rig, mapping: RigMapping, mesh: str = "Face") -> dict[str, Choice]:
    return {choice.part: choice for choice in choices(rig, mapping) if choice.mesh == mesh}


def test_both_halves_know_the_same_shapes() -> None:
    assert ARKIT_NAMES == names.ARKIT_NAMES


def test_what_is_missing_comes_first_and_what_is_sure_last() -> None:
    rig = faces(face(*(name for name in ARKIT_NAMES if name not in ("mouthSmileLeft", "browInnerUp"))))
    found = choices(rig, matched(rig))
    assert {choice.part for choice in found[:2]} == {"mouthSmileLeft", "browInnerUp"}
    assert all(choice.doubt == 2 and not choice.key for choice in found[:2])
    assert all(choice.doubt == 0 and choice.key == choice.part for choice in found[2:])


def test_a_key_set_by_hand_performs_its_shape_alone() -> None:
    rig = faces(face("Mund auf", *(name for name in ARKIT_NAMES if name != "mouthClose")))
    mapping = matched(rig)
    keys = corrected_keys(mapping, {("Face", "jawOpen"): "Mund auf"})
    new = matched(rig, keys)
    assert new.face["Face", "Mund auf"] == {"jawOpen": 1.0, "mouthClose": -1.0}, "lips that close stay closed"
    assert ("Face", "jawOpen") not in new.face
    assert listed(rig, new)["jawOpen"] == Choice("Face", "jawOpen", "Mund auf", 0, "set by hand")
    others = {place: parts for place, parts in mapping.face.items() if place[1] != "jawOpen"}
    assert others == {place: parts for place, parts in new.face.items() if place[1] != "Mund auf"}


def test_a_key_that_closes_the_lips_leaves_the_jaw_alone() -> None:
    rig = faces(face("Lippen zu", *(name for name in ARKIT_NAMES if name != "mouthClose")))
    keys = corrected_keys(matched(rig), {("Face", "mouthClose"): "Lippen zu"})
    new = matched(rig, keys)
    assert new.face["Face", "Lippen zu"] == {"mouthClose": 1.0}
    assert new.face["Face", "jawOpen"] == {"jawOpen": 1.0}


def test_one_key_may_do_both_sides() -> None:
    rig = faces(face("Zwinkern", *(name for name in ARKIT_NAMES if "Blink" not in name)))
    both = {("Face", f"eyeBlink{side}"): "Zwinkern" for side in ("Left", "Right")}
    new = matched(rig, corrected_keys(matched(rig), both))
    assert new.face["Face", "Zwinkern"] == {"eyeBlinkLeft": 0.5, "eyeBlinkRight": 0.5}


def test_a_shape_can_be_left_out_and_given_back() -> None:
    rig = faces(face(*ARKIT_NAMES), face("jawOpen", "tongueOut", name="Teeth"))
    mapping = matched(rig)
    keys = corrected_keys(mapping, {("Face", "tongueOut"): ""})
    new = matched(rig, keys)
    assert keys == {"tongueOut": {}}
    assert ("Face", "tongueOut") not in new.face
    back = matched(rig, keys | corrected_keys(new, {("Face", "tongueOut"): "tongueOut"}))
    assert back.face == mapping.face


def test_each_mesh_has_its_own_keys() -> None:
    rig = faces(face(*ARKIT_NAMES), face("Zaehne", "Zunge", name="Teeth"))
    mapping = matched(rig)
    assert listed(rig, mapping, "Teeth")["jawOpen"] == Choice("Teeth", "jawOpen", "", 0, "another mesh has it")
    new = matched(rig, corrected_keys(mapping, {("Teeth", "jawOpen"): "Zaehne"}))
    assert new.face["Teeth", "Zaehne"] == {"jawOpen": 1.0}
    assert new.face["Face", "jawOpen"] == {"jawOpen": 1.0}


def test_unknown_faces_can_be_done_by_hand_in_either_way() -> None:
    rig = faces(face("Q1", "Q2", "Q3"))
    mapping = matched(rig)
    parts = listed(rig, mapping)
    assert parts["jawOpen"].doubt == parts["viseme_aa"].doubt == 2
    new = matched(rig, corrected_keys(mapping, {("Face", "viseme_aa"): "Q1", ("Face", "viseme_PP"): "Q2"}))
    assert new.face == {("Face", "Q1"): {"viseme_aa": 1.0}, ("Face", "Q2"): {"viseme_PP": 1.0}}
    assert listed(rig, new)["jawOpen"].doubt == 0


def test_mouths_of_whole_sounds_are_listed_by_their_visemes() -> None:
    sounds = "sil pp ff th dd kk ch ss nn rr aa e ih oh ou".split()
    rig = faces(face(*(f"vrc.v_{sound}" for sound in sounds)))
    found = listed(rig, matched(rig))
    assert found["viseme_aa"].key == "vrc.v_aa"
    assert found["viseme_aa"].doubt == 0
    assert found["jawOpen"].reason == "whole mouths do it"
    assert found["eyeBlinkLeft"].doubt == 2


@pytest.mark.parametrize("seed", range(5))
def test_any_choice_is_what_comes_out(seed: int) -> None:
    random = np.random.default_rng(seed)
    rig = faces(face("A", "B", "C", "D", *random.choice(ARKIT_NAMES, 30, replace=False)))
    mapping = matched(rig)
    parts = random.choice([name for name in ARKIT_NAMES if name.endswith("Left")], 4, replace=False)
    changed = {("Face", str(part)): key for part, key in zip(parts, "ABCD", strict=True)}
    new = listed(rig, matched(rig, corrected_keys(mapping, changed)))
    assert {part: new[part].key for _, part in changed} == {part: key for (_, part), key in changed.items()}


def test_sides() -> None:
    assert mirrored("eyeBlinkLeft") == "eyeBlinkRight"
    assert mirrored("mouthSmileRight") == "mouthSmileLeft"
    assert mirrored("jawLeft") == mirrored("mouthLeft") == mirrored("jawOpen") == ""
    assert all(mirrored(mirrored(name)) == name for name in ARKIT_NAMES if mirrored(name))
