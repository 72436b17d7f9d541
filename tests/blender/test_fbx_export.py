"""Takes as FBX files, from every Blender at hand, of the built-in character, someone's rig and a control rig.

What is in the files is read as raw curves, and again with Blender's importer (ufbx since 4.5), and compared with where
the bones were and what the shape keys were in the scene.
"""

from __future__ import annotations

import numpy as np
import pytest
from box_person import lively_take
from fbx_reading import read_fbx

FRAMES, FPS = 16, 25.0
KEYS = ("jawOpen", "mouthSmileLeft", "mouthSmileRight", "mouthClose", "eyeBlinkLeft", "eyeBlinkRight", "tongueOut")
RIGS = ("Hero", "Someone's")
UNITS = {"UNITY": 100.0, "UNREAL": 1.0, "GODOT": 100.0}  # centimetres
TO_FBX = np.array([[1.0, 0, 0], [0, 0, 1], [0, -1, 0]])


@pytest.fixture(scope="session")
def exported(blender, tmp_path_factory):
    folder = tmp_path_factory.mktemp("export")
    for seed, name in enumerate(("one", "two")):
        take = lively_take(FRAMES, FPS, seed, KEYS)
        curves = {"poses": take.poses.reshape(FRAMES, -1), "trans": take.trans, "arkit": take.face}
        np.savez(folder / f"{name}.npz", fps=FPS, arkit_names=np.array(KEYS), **curves)
    return blender("export_takes.py", folder), folder / "out"


def turns(matrices: np.ndarray) -> np.ndarray:
    return matrices[..., :3, :3] / np.linalg.norm(matrices[..., :3, :3], axis=-2, keepdims=True)


def assert_same_bones(fbx, bones, worlds):
    """World matrices (T, B, 4, 4) of bones, metres and Blender's axes, are those in the file."""
    written = fbx.worlds()
    for i, bone in enumerate(bones):
        places = written[bone][:, :3, 3] * fbx.unit / 100
        np.testing.assert_allclose(places, worlds[:, i, :3, 3] @ TO_FBX.T, atol=1e-4, err_msg=bone)
        np.testing.assert_allclose(turns(written[bone]), TO_FBX @ turns(worlds[:, i]), atol=2e-4, err_msg=bone)


@pytest.mark.parametrize("preset", UNITS)
@pytest.mark.parametrize("take", ["one", "two"])
@pytest.mark.parametrize("rig", RIGS)
def test_every_take_has_its_own_body_and_faces(exported, rig, take, preset):
    found, out = exported
    fbx = read_fbx(out / rig / preset / f"{take}.fbx")
    assert fbx.take_names == [take]
    assert fbx.unit == UNITS[preset]
    assert_same_bones(fbx, found[f"{rig}/{take}/bones"], found[f"{rig}/{take}/worlds"])
    names = [tuple(name.split("/")) for name in found[f"{rig}/{take}/keys"]]
    assert set(fbx.shapes) == set(names)
    for i, name in enumerate(names):
        times, percents = fbx.shapes[name]
        np.testing.assert_allclose(times, np.arange(FRAMES) / FPS, atol=1e-6)
        np.testing.assert_allclose(percents, 100 * found[f"{rig}/{take}/faces"][:, i], atol=1e-3, err_msg=str(name))
    moving = {name for name, curve in fbx.shapes.items() if np.ptp(curve[1]) > 1}
    assert {key for _, key in moving} == ({"jawOpen", "tongueOut"} if rig == "Hero" else set(KEYS))
    assert len({mesh for mesh, _ in moving}) == (1 if rig == "Hero" else 2)


def test_the_takes_differ(exported):
    found, _ = exported
    for rig in RIGS:
        for what in ("worlds", "faces"):
            assert np.abs(found[f"{rig}/one/{what}"] - found[f"{rig}/two/{what}"]).max() > 0.1


@pytest.mark.parametrize("preset", UNITS)
@pytest.mark.parametrize("rig", RIGS)
def test_no_node_is_scaled_and_all_rest_where_no_take_plays(exported, rig, preset):
    fbx = read_fbx(exported[1] / rig / preset / "one.fbx")
    scales = [rest["Lcl Scaling"] for rest in fbx.rest.values() if "Lcl Scaling" in rest]
    scales += [curve[1] for (_, what), axes in fbx.curves.items() if what == "Lcl Scaling" for curve in axes.values()]
    assert max(np.abs(scale - 1).max() for scale in scales) < 1e-4
    rest = fbx.at_rest()
    for node, bound in fbx.bind.items():
        np.testing.assert_allclose(rest[fbx.nodes[node]], bound, atol=1e-4 * 100 / fbx.unit, err_msg=fbx.nodes[node])
    assert all(fbx.neutral[name] == 0 for name, curve in fbx.shapes.items() if np.ptp(curve[1]) > 1)


def test_unreal_finds_no_bone_in_the_armature_and_others_its_name(exported):
    tops = {}
    for preset in UNITS:
        fbx = read_fbx(exported[1] / "Hero" / preset / "one.fbx")
        parents = {fbx.nodes[node]: fbx.nodes[parent] for node, parent in fbx.parents.items()}
        tops[preset] = parents["root"]
    assert tops == {"UNITY": "Hero", "UNREAL": "Armature", "GODOT": "Hero"}


def test_textures_are_inside_and_say_nothing_of_the_exporters_folders(exported, tmp_path):
    fbx = read_fbx(exported[1] / "Hero" / "UNITY" / "one.fbx")
    assert fbx.textures == 2
    assert sorted(name.replace("\\", "/") for name in fbx.files) == ["one.fbm/lashes.png", "one.fbm/skin.png"]


def test_modifiers_are_applied_where_that_costs_no_face(exported):
    points = read_fbx(exported[1] / "Someone's" / "UNITY" / "one.fbx").points
    (shirt,) = (count for name, count in points.items() if name not in ("Face", "Teeth"))  # a copy, whatever its name
    assert shirt > 4 == points["Face"]


@pytest.mark.parametrize("rig", RIGS)
def test_blenders_importer_reads_the_same(exported, blender, rig):
    found, out = exported
    read = blender("read_file.py", out / rig / "UNREAL" / "two.fbx", FPS)
    np.testing.assert_allclose(read["keyed"], np.arange(FRAMES), atol=1e-3)
    bones = list(read["bones"])
    for i, bone in enumerate(found[f"{rig}/two/bones"]):
        places = read["poses"][:, bones.index(bone), :3, 3]
        np.testing.assert_allclose(places, found[f"{rig}/two/worlds"][:, i, :3, 3], atol=2e-4, err_msg=bone)
    keys = [name.split("/")[1] for name in found[f"{rig}/two/keys"]]
    for i, key in enumerate(read["face_names"]):
        expected = found[f"{rig}/two/faces"][:, keys.index(key)]
        np.testing.assert_allclose(read["face"][:, i], expected, atol=1e-4, err_msg=key)


@pytest.mark.parametrize("rig", RIGS)
def test_blenders_own_gltf_gives_the_take_back(exported, blender, rig):
    found, out = exported
    if not (out / f"{rig}.glb").exists():
        pytest.skip("before 4.4 body and face are two Actions, which Blender's glTF exporter takes apart")
    read = blender("read_file.py", out / f"{rig}.glb", FPS)
    names, bones = list(found[f"{rig}/two/bones"]), list(read["bones"])
    for i, bone in enumerate(names):
        expected = found[f"{rig}/two/worlds"][:, i, :3, 3]
        np.testing.assert_allclose(read["poses"][-FRAMES:, bones.index(bone), :3, 3], expected, atol=2e-4, err_msg=bone)
    keys = [name.split("/")[1] for name in found[f"{rig}/two/keys"]]
    for i, key in enumerate(read["face_names"]):
        expected = found[f"{rig}/two/faces"][:, keys.index(key)]
        np.testing.assert_allclose(read["face"][-FRAMES:, i], expected, atol=1e-4, err_msg=key)


def test_a_control_rig_becomes_the_bones_that_deform_each_where_it_was(exported):
    found, out = exported
    fbx = read_fbx(out / "controlled.fbx")
    parents = {fbx.nodes[node]: fbx.nodes[parent] for node, parent in fbx.parents.items()}
    assert parents == {
        "root": "Controlled",
        "DEF-hips": "root",
        "DEF-thigh": "DEF-hips",
        "DEF-shin": "DEF-thigh",
        "hand": "DEF-hips",
        "Prop": "hand",
    }
    bones = [bone for bone in found["Controlled/bones"] if bone in parents]
    kept = [list(found["Controlled/bones"]).index(bone) for bone in bones]
    assert_same_bones(fbx, bones, found["Controlled/worlds"][:, kept])


def test_the_scene_is_as_it_was(exported):
    found, _ = exported
    assert list(found["after"]) == list(found["before"])
    assert found["hidden rig as it was"]
    assert found["as it was after a failure"]
    assert list(found["left over"]) == ["two.fbx"]  # the folder that was in the way


def test_nothing_is_overwritten_unless_asked(exported):
    found, _ = exported
    assert "two.fbx is there already" in str(found["again"])
    assert found["overwritten"]


def test_a_batch_is_told_and_can_be_cancelled_between_takes(exported):
    found, _ = exported
    assert "under way" in str(found["busy Hero"])
    assert str(found["said Hero UNITY"]).startswith("2 files are in")
    assert "56 bones and 52 face shapes" in str(found["said Hero UNITY"])
    assert list(found["cancelled"]) == ["one.fbx"]
    assert "Left out: Smoother of Face, Shading of Face." in str(found["said smoother"])


@pytest.mark.parametrize(
    ("case", "words"),
    [
        ("nowhere", "save the blend file"),
        ("weld", "The modifier Welded of Face makes other vertices of its shape key jawOpen"),
        ("face", "Face is hidden"),
        ("hidden", "All meshes of Someone's are hidden"),
        ("material", "linked to the object"),
        ("absolute", "are absolute"),
        ("no mesh", "has no mesh"),
    ],
)
def test_what_would_be_wrong_in_the_file_is_said_in_a_sentence(exported, case, words):
    found, _ = exported
    assert words in str(found[f"refused {case}"])
    assert not len(found["bad written"])
    assert "can't be written" in str(found["not written"])
