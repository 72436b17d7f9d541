"""What of the add-on needs no Blender: what it imports, and what it reads."""

from __future__ import annotations

import ast
import sys
from pathlib import Path

import numpy as np
import pytest
from box_person import box_person, lively_take
from hypothesis import given
from hypothesis import strategies as st

from blender_addon.core.character import read_character, save_character
from blender_addon.core.errors import AddonError
from blender_addon.core.names import JOINT_NAMES
from blender_addon.core.rotations import in_frame, quaternions
from blender_addon.core.take import read_take

ADDON = Path(__file__).parents[2] / "blender_addon"
BLENDERS_OWN = {"aud", "blf", "bpy", "mathutils"}


def imports(path: Path) -> set[str]:
    """The top names of all that a module imports from outside the add-on."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            found.add((node.module or "").split(".")[0])
    return found


@pytest.mark.parametrize("path", sorted(ADDON.rglob("*.py")), ids=lambda path: str(path.relative_to(ADDON)))
def test_it_imports_only_what_blender_has(path):
    allowed = {*sys.stdlib_module_names, "numpy", *(BLENDERS_OWN if "core" not in path.parts else ())}
    assert imports(path) <= allowed


def test_its_joints_are_the_backends():
    names = pytest.importorskip("vlogger_backend.motion.names")
    assert names.JOINT_NAMES == JOINT_NAMES


def save(path: Path, **changes: object) -> Path:
    take = lively_take(4)
    arrays = {
        "fps": take.fps,
        "poses": take.poses.reshape(4, -1),
        "trans": take.trans,
        "arkit": take.face,
        "arkit_names": take.face_names,
        **changes,
    }
    np.savez(path, **{name: np.asarray(value) for name, value in arrays.items() if value is not None})
    return path


def test_a_take_is_read(tmp_path):
    found, take = read_take(save(tmp_path / "x.npz")), lively_take(4)
    np.testing.assert_array_equal(found.poses, take.poses)
    np.testing.assert_array_equal(found.face, take.face)
    assert (len(found), found.fps, found.face_names) == (4, 30.0, take.face_names)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"fps": 0}, "frame rate"),
        ({"fps": np.nan}, "frame rate"),
        ({"trans": None}, "no trans"),
        ({"poses": np.zeros((4, 66))}, "shape"),
        ({"poses": np.zeros((0, 165))}, "no frames"),
        ({"trans": np.full((4, 3), np.inf)}, "not finite"),
        ({"arkit": np.zeros((4, 3))}, "shape"),
        ({"trans": np.array([None] * 4, object)}, "pickle|Object"),
    ],
)
def test_a_bad_take_is_refused_with_the_reason(tmp_path, changes, reason):
    with pytest.raises(AddonError, match=reason):
        read_take(save(tmp_path / "x.npz", **changes))


def test_other_files_are_refused(tmp_path):
    with pytest.raises(AddonError, match="There is no take"):
        read_take(tmp_path / "x.npz")
    with pytest.raises(AddonError, match="is not a take"):
        read_take(tmp_path)
    for content in (b"", b"not a zip", save(tmp_path / "whole.npz").read_bytes()[:2000]):
        (tmp_path / "x.npz").write_bytes(content)
        with pytest.raises(AddonError, match="is not a take"):
            read_take(tmp_path / "x.npz")
    np.save(tmp_path / "x.npy", np.zeros(3))
    with pytest.raises(AddonError, match="is not a take"):
        read_take(tmp_path / "x.npy")


def test_a_character_comes_back_as_it_was(tmp_path):
    person = box_person()
    save_character(tmp_path / "x.npz", person)
    found = read_character(tmp_path / "x.npz")
    assert (found.name, found.materials, found.joint_names) == (person.name, person.materials, person.joint_names)
    for name in ("vertices", "faces", "uvs", "face_material", "joints", "joint_parents", "joint_weights"):
        np.testing.assert_array_equal(getattr(found, name), getattr(person, name))
    for one, other in zip(found.morphs, person.morphs, strict=True):
        assert one.name == other.name
        np.testing.assert_array_equal(one.vertices, other.vertices)
        np.testing.assert_array_equal(one.offsets, other.offsets)


vectors = st.lists(st.floats(-7, 7), min_size=3, max_size=3).map(np.array)


@given(st.lists(vectors, min_size=1, max_size=6))
def test_quaternions_are_unit_and_never_jump(rows):
    found = quaternions(np.array(rows))
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1)
    assert ((found[1:] * found[:-1]).sum(axis=1) >= 0).all()


@given(vectors, vectors)
def test_a_turn_in_another_frame_is_the_same_turn(vector, axes):
    from box_person import matrices

    basis = matrices(axes)
    np.testing.assert_allclose(matrices(in_frame(vector, basis)), basis.T @ matrices(vector) @ basis, atol=1e-9)
