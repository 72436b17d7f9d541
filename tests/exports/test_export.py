"""The suffix chooses what a take is written as."""

from __future__ import annotations

import importlib.util

import numpy as np
import pytest
from fbx_reading import read_fbx

from vlogger_backend.errors import InputError
from vlogger_backend.exports.export import export_take
from vlogger_backend.motion.speech import Speech
from vlogger_backend.motion.take import Take, read_take
from vlogger_backend.request import Request


@pytest.fixture
def take(lively):
    return Take(lively(3), Speech(0.1, ()), Request("line.wav"))


def test_npz_is_the_take_itself(take, tmp_path):
    export_take(take, None, tmp_path / "x.npz")
    found = read_take(tmp_path / "x.npz")
    np.testing.assert_array_equal(found.motion.poses, take.motion.poses)
    assert found.request == take.request


def test_glb(take, avatar, tmp_path):
    export_take(take, avatar, tmp_path / "x.GLB")
    assert (tmp_path / "x.GLB").read_bytes()[:4] == b"glTF"


@pytest.mark.skipif(importlib.util.find_spec("bpy") is None, reason="no bpy module")
def test_fbx_is_called_as_the_file_is(take, avatar, tmp_path):
    export_take(take, avatar, tmp_path / "Line 3.fbx")
    assert read_fbx(tmp_path / "Line 3.fbx").take_names == ["Line 3"]


@pytest.mark.parametrize("name", ["x.obj", "x", "x.fbx.zip"])
def test_other_suffixes_are_refused_with_those_that_can_be_written(take, avatar, tmp_path, name):
    with pytest.raises(InputError, match=r"\.fbx, \.glb, \.npz"):
        export_take(take, avatar, tmp_path / name)


@pytest.mark.parametrize("name", ["x.glb", "x.fbx"])
def test_a_folder_that_cannot_be_made_is_named(take, avatar, tmp_path, name):
    (tmp_path / "a file").write_text("")
    with pytest.raises(InputError, match="a file"):
        export_take(take, avatar, tmp_path / "a file" / name)
