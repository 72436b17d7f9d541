"""The data in `rigs/`: every file fits the schema, makes sense, and says where its names come from."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from characters import DESCRIPTIONS, REPOSITORY

from blender_addon.core.descriptions import load_descriptions
from blender_addon.core.errors import AddonError
from blender_addon.core.names import JOINT_NAMES
from blender_addon.core.visemes import VISEMES
from vlogger_backend.motion.names import ARKIT_NAMES

RIGS = REPOSITORY / "rigs"
FILES = sorted(path for path in RIGS.glob("*.json") if path.name != "schema.json")
_CORE = {"pelvis", "head", *(f"{side}_{p}" for side in ("left", "right") for p in ("hip", "knee", "shoulder", "elbow"))}


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_each_file_fits_the_schema(path: Path) -> None:
    jsonschema = pytest.importorskip("jsonschema")
    schema = json.loads((RIGS / "schema.json").read_text(encoding="utf-8"))
    data = json.loads(path.read_text(encoding="utf-8"))
    jsonschema.validate(data, schema)
    assert data["name"] == path.stem
    assert all(data["sources"])


def test_all_promised_kinds_are_there() -> None:
    kinds = {body.name for body in DESCRIPTIONS.bodies} | {face.name for face in DESCRIPTIONS.faces}
    assert kinds >= {
        "smplx", "makehuman", "makehuman-game", "rigify", "rigify-metarig", "rigify-deform", "mixamo", "unreal4",
        "unreal5", "metahuman", "unity", "vrm0", "vrm1", "vroid", "vrchat", "ready-player-me", "character-creator",
        "daz", "daz-genesis9", "cmu", "cmu-asf", "auto-rig-pro", "auto-rig-pro-export", "blender", "mmd", "biped",
        "face-arkit", "face-oculus", "face-vrm", "face-mmd", "face-character-creator", "face-metahuman",
    }  # fmt: skip


@pytest.mark.parametrize("body", DESCRIPTIONS.bodies, ids=lambda body: body.name)
def test_each_body_is_whole_and_symmetrical(body: object) -> None:
    bones = body.bones  # type: ignore[attr-defined]
    assert bones.keys() >= _CORE
    assert set(bones) <= set(JOINT_NAMES)
    for joint, names in bones.items():
        if joint.startswith("left_"):
            other = bones[joint.replace("left", "right")]
            assert len(names) == len(other)
            assert {name.name for name in names}.isdisjoint(name.name for name in other)


@pytest.mark.parametrize("face", DESCRIPTIONS.faces, ids=lambda face: face.name)
def test_each_face_speaks_of_things_that_takes_have(face: object) -> None:
    keys = face.keys  # type: ignore[attr-defined]
    roles = {key.role for key in keys}
    for key in keys:
        assert set(key.drive) <= set(ARKIT_NAMES)
        assert set(key.looks) <= set(VISEMES)
        assert bool(key.drive) != bool(key.looks)
        assert roles.issuperset(key.unless)
    named = [name for key in keys for name in key.names]
    assert len(named) == len(set(named))


def test_the_readme_names_every_file() -> None:
    text = (RIGS / "README.md").read_text(encoding="utf-8")
    assert not [path.stem for path in FILES if f"`{path.stem}`" not in text]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("{", "does not describe a rig"),
        ('{"kind": "face"}', "it has no 'keys'"),
        ('{"kind": "hat", "name": "x"}', "its kind is 'hat'"),
        ('{"kind": "body", "name": "x", "title": "X", "bones": {"tail": ["Tail"]}}', "tail is not a joint"),
        (
            '{"kind": "body", "name": "x", "title": "X", "bones": {"head": ["Head"]}, "tells": ["("]}',
            "does not describe",
        ),
        ("[]", "does not describe a rig"),
    ],
)
def test_a_damaged_description_is_named(tmp_path: Path, content: str, reason: str) -> None:
    path = tmp_path / "broken.json"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(AddonError, match=r"broken\.json") as caught:
        load_descriptions(tmp_path)
    assert reason in str(caught.value)


def test_an_empty_folder_is_told(tmp_path: Path) -> None:
    with pytest.raises(AddonError, match="no descriptions"):
        load_descriptions(tmp_path)
