"""Meshes with shape keys and modifiers, in every Blender at hand: what engines get is what is seen in the scene.

Mirrored, repeated, thickened; carried by a bone; names in other alphabets; a small, turned armature that moves itself;
drivers; keys relative to keys; a take that is on NLA tracks alone. The files are read with Blender's importer (ufbx
since 4.5), and as raw curves.
"""

from __future__ import annotations

import numpy as np
import pytest
from fbx_reading import read_fbx

FPS, FRAMES = 25, 11
MESHES = ("Gesicht ß", "Glove", "Hat")
KEYS = ["Basis", "Mund auf", "口", "über", "driven"]
BONES = {"Hüfte", "Kopf", "hand.L", "hand.R"}
CURVED = {"Hat": 0.001}
"""Solidify makes of a mixture of shapes not quite the mixture of what it makes of each."""


@pytest.fixture(scope="session")
def written(blender, tmp_path_factory):
    folder = tmp_path_factory.mktemp("shapes")
    return blender("export_shapes.py", folder), folder


@pytest.mark.parametrize("name", ["UNITY", "UNREAL", "GODOT", "assigned", "tracks"])
def test_what_engines_get_is_what_is_seen(written, blender, name):
    found, folder = written
    read = blender("read_shapes.py", folder / f"{name}.fbx", FPS, FRAMES)
    assert set(read["bones"]) == BONES
    for mesh in MESHES:
        expected = found[f"expected/{mesh}"]
        assert np.ptp(expected, axis=0).max() > 0.1
        np.testing.assert_allclose(read[mesh], expected, atol=CURVED.get(mesh, 1e-5), err_msg=mesh)
        assert list(read[f"keys of {mesh}"]) == KEYS
        assert [str(material)[0] for material in read[f"materials of {mesh}"]] == ["H", "髪"]
    own_half = read["normals of Glove"][:48]
    np.testing.assert_allclose(own_half, np.tile([0, 0.6, 0.8], (48, 1)), atol=1e-3)


@pytest.mark.parametrize("preset", ["UNITY", "UNREAL", "GODOT"])
def test_the_raw_file_has_all_of_it(written, preset):
    _, folder = written
    fbx = read_fbx(folder / f"{preset}.fbx")
    assert fbx.take_names == ["Прыжок 1"]
    assert set(fbx.nodes.values()) >= BONES | set(MESHES)
    assert len(fbx.shapes) == len(MESHES) * (len(KEYS) - 1)
    for (_, key), (times, percents) in fbx.shapes.items():
        np.testing.assert_allclose(times, np.arange(FRAMES) / FPS, atol=1e-6)
        assert (np.ptp(percents) > 1) == (key != "driven")


def test_the_scene_is_as_it_was(written):
    found, _ = written
    assert found["unchanged"]
    assert str(found["notes"]) == "Left out: Finer of Glove."
