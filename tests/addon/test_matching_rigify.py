"""Matching on rigs that Rigify itself makes: control rigs of 700 bones, and animals."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from characters import DESCRIPTIONS, targets

from blender_addon.core.matching import match_rig
from blender_addon.core.rig import Bone, Rig

pytestmark = pytest.mark.skipif(not importlib.util.find_spec("bpy"), reason="no bpy module, which carries Rigify")


@pytest.fixture(scope="module")
def rigs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Rig]:
    folder = tmp_path_factory.mktemp("rigify")
    out = folder / "rigs.json"
    done = subprocess.run(
        [sys.executable, str(Path(__file__).with_name("make_rigify.py")), str(out)],
        env={**os.environ, "BLENDER_USER_RESOURCES": str(folder)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert out.exists(), done.stderr[-2000:]
    return {name: _rig(name, bones) for name, bones in json.loads(out.read_text()).items()}


def _rig(name: str, bones: list[dict[str, object]]) -> Rig:
    left, done = list(bones), []
    while left:
        ready = [b for b in left if b["parent"] is None or b["parent"] in {d["name"] for d in done}]
        done += ready
        left = [b for b in left if b not in ready]
    return Rig(
        name,
        tuple(
            Bone(b["name"], b["parent"], np.array(b["head"]), np.array(b["tail"]), np.eye(3), b["deform"])  # type: ignore[arg-type]
            for b in done
        ),
    )


def test_the_controls_are_chosen(rigs: dict[str, Rig]) -> None:
    mapping = match_rig(rigs["rig human"], DESCRIPTIONS)[0]
    assert mapping.kind == "rigify"
    found = targets(mapping)
    assert found["left_shoulder"] == "upper_arm_fk.L"
    assert found["right_knee"] == "shin_fk.R"
    assert found["pelvis"] == "torso"
    assert found["spine3"] == "spine_fk.003"
    assert found["left_index2"] == "f_index.02.L"
    assert found["jaw"] == "jaw_master"
    assert not any(bone.startswith(("DEF-", "ORG-", "MCH-")) for bone in found.values())
    assert mapping.switches["upper_arm_parent.R", "IK_FK"] == 1
    assert mapping.switches["torso", "neck_follow"] == 1
    assert mapping.carriers["f_index.01.L"] == "hand_fk.L"
    assert mapping.carriers["jaw_master"] == "head"
    assert mapping.score > 0.9
    assert mapping.aims["left_eye_smplhf"] == ("eye.L", "master_eye.L")
    assert not any("gaze" in problem or "eye" in problem for problem in mapping.problems if "No mesh" not in problem)


def test_metarigs_and_deforming_bones(rigs: dict[str, Rig]) -> None:
    metarig = match_rig(rigs["metarig human"], DESCRIPTIONS)[0]
    assert metarig.kind == "rigify-metarig"
    assert targets(metarig)["neck"] == "spine.004"
    whole = rigs["rig human"]
    deforming = {bone.name: bone for bone in whole.bones if bone.name.startswith("DEF-")}
    original = {bone.name: bone.parent for bone in rigs["metarig human"].bones}

    def parent(name: str) -> str | None:
        """As an exporter hangs them: on the deforming bone of the metarig's parent."""
        if name.endswith(".001") and f"DEF-{name[4:-4]}" in deforming and name[4:] not in original:
            return f"DEF-{name[4:-4]}"
        above = original.get(name[4:])
        while above is not None and f"DEF-{above}" not in deforming:
            above = original.get(above)
        return None if above is None else f"DEF-{above}"

    bones = [Bone(n, parent(n), b.head, b.tail, b.axes) for n, b in deforming.items()]
    order: list[Bone] = []
    while len(order) < len(bones):
        names = {bone.name for bone in order}
        order += [b for b in bones if b.name not in names and (b.parent is None or b.parent in names)]
    exported = match_rig(Rig("game", tuple(order)), DESCRIPTIONS)[0]
    assert exported.kind == "rigify-deform"
    assert targets(exported)["left_elbow"] == "DEF-forearm.L"


def test_small_people(rigs: dict[str, Rig]) -> None:
    for name in ("metarig Basic.basic_human", "rig Basic.basic_human"):
        mapping = match_rig(rigs[name], DESCRIPTIONS)[0]
        assert mapping.kind in ("rigify-metarig", "rigify")
        assert mapping.score > 0.9
        assert any("fingers" in problem for problem in mapping.problems)


def test_animals_are_nobody(rigs: dict[str, Rig]) -> None:
    animals = [rig for name, rig in rigs.items() if "Animals" in name or "quadruped" in name]
    assert len(animals) == 5
    for animal in animals:
        mapping = match_rig(animal, DESCRIPTIONS)[0]
        assert mapping.score < 0.5, animal.name
        assert any("leg" in problem or "person" in problem for problem in mapping.problems), mapping.problems
