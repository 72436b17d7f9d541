"""The character file: what the add-on reads is the avatar."""

import numpy as np
import pytest

from blender_addon.core.character import read_character
from vlogger_backend.avatars.library import load_avatar
from vlogger_backend.errors import InputError
from vlogger_backend.exports.character import write_character
from vlogger_backend.motion.names import ARKIT_NAMES, JOINT_NAMES, JOINT_PARENTS

ARRAYS = ("vertices", "faces", "uvs", "face_material", "joints", "joint_indices", "joint_weights")


@pytest.fixture(params=["box", "built in"])
def person(request, avatar):
    return avatar if request.param == "box" else load_avatar()


def test_the_add_on_reads_what_was_written(person, tmp_path):
    write_character(tmp_path / "character.npz", person)
    found = read_character(tmp_path / "character.npz")
    assert found.name == person.name
    assert found.joint_names == JOINT_NAMES
    assert found.joint_parents.tolist() == list(JOINT_PARENTS)
    for name in ARRAYS:
        np.testing.assert_array_equal(getattr(found, name), getattr(person, name))
        assert getattr(found, name).dtype == getattr(person, name).dtype
    assert [vars(m) for m in found.materials] == [vars(m) for m in person.materials]
    assert tuple(m.name for m in found.morphs) == ARKIT_NAMES
    for one, other in zip(found.morphs, person.morphs, strict=True):
        np.testing.assert_array_equal(one.vertices, other.vertices)
        np.testing.assert_array_equal(one.offsets, other.offsets)


def test_the_same_avatar_is_the_same_bytes_and_holds_no_pickle(person, tmp_path):
    for name in ("one.npz", "two.npz"):
        write_character(tmp_path / name, person)
    assert (tmp_path / "one.npz").read_bytes() == (tmp_path / "two.npz").read_bytes()
    with np.load(tmp_path / "one.npz", allow_pickle=False) as file:
        assert all(file[name].dtype != object for name in file.files)


def test_a_name_or_place_that_can_not_be_is_refused_and_leaves_nothing(avatar, tmp_path):
    with pytest.raises(InputError, match=r"\.npz"):
        write_character(tmp_path / "character.fbx", avatar)
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="can't be written"):
        write_character(tmp_path / "file" / "character.npz", avatar)
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
