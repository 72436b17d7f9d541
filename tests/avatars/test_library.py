"""Avatars as files and from the cache: the shipped one is what the code builds, damage is mended."""

import shutil
import subprocess
import sys

import numpy as np
import pytest

from vlogger_backend.avatars import library
from vlogger_backend.avatars.build import build_avatar
from vlogger_backend.avatars.library import SHIPPED, load_avatar
from vlogger_backend.avatars.storage import read_avatar, save_avatar
from vlogger_backend.errors import InputError
from vlogger_backend.request import Body

CHILD = Body(gender=1.0, age=0.4)


def assert_same(a, b, distance=1e-6):
    assert a.materials == b.materials
    np.testing.assert_allclose(a.vertices, b.vertices, atol=distance)
    np.testing.assert_array_equal(a.faces, b.faces)
    np.testing.assert_allclose(a.uvs, b.uvs, atol=1e-4)
    np.testing.assert_array_equal(a.face_material, b.face_material)
    np.testing.assert_allclose(a.joints, b.joints, atol=distance)
    np.testing.assert_allclose(a.joint_weights, b.joint_weights, atol=1e-3)
    for one, other in zip(a.morphs, b.morphs, strict=True):
        np.testing.assert_array_equal(one.vertices, other.vertices)
        np.testing.assert_allclose(one.offsets, other.offsets, atol=5e-5)


def test_the_shipped_files_are_small():
    assert all(path.stat().st_size < 5e6 for path in SHIPPED.values())


def test_a_woman_is_at_hand_as_the_man_is(avatar, tmp_path, monkeypatch):
    monkeypatch.setenv("VLOGGER_CACHE", str(tmp_path / "none"))
    woman = load_avatar(Body(gender=1.0))
    assert np.abs(woman.vertices[:100] - avatar.vertices[:100]).max() > 0.001
    assert not (tmp_path / "none").exists()


def test_loading_twice_gives_the_same(avatar):
    assert_same(load_avatar(), avatar, 0)


def test_saving_keeps_the_avatar_and_gives_the_same_bytes_again(avatar, tmp_path):
    save_avatar(avatar, tmp_path / "a.npz")
    save_avatar(avatar, tmp_path / "b.npz")
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()
    assert_same(read_avatar(tmp_path / "a.npz"), avatar)


def test_the_shipped_avatar_is_what_the_code_builds(avatar):
    """If this fails, run `python -m vlogger_backend.avatars.build` and look at the outcome."""
    stages = []
    built = build_avatar(Body(), lambda stage, done: stages.append(done))
    assert [m.name for m in built.materials] == [m.name for m in avatar.materials]
    np.testing.assert_array_equal(built.faces, avatar.faces)
    np.testing.assert_allclose(built.vertices, avatar.vertices, atol=5e-5)
    np.testing.assert_allclose(built.joints, avatar.joints, atol=5e-5)
    for one, other in zip(built.morphs, avatar.morphs, strict=True):
        np.testing.assert_allclose(one.offsets, other.offsets, atol=5e-5)
    assert stages == sorted(stages)
    assert stages[-1] == 1.0


def test_another_body_is_built_once_kept_and_mended_when_damaged(avatar, tmp_path, monkeypatch):
    monkeypatch.setenv("VLOGGER_CACHE", str(tmp_path))
    stages = []
    child = load_avatar(CHILD, lambda stage, done: stages.append(stage))
    assert child.vertices[:, 1].max() < avatar.vertices[:, 1].max() - 0.2
    assert stages
    (kept,) = library.kept_folder().glob("*.npz")
    whole = kept.read_bytes()

    stages.clear()
    assert_same(load_avatar(CHILD, lambda stage, done: stages.append(stage)), child, 0)
    assert not stages  # from the cache

    for damaged in (whole[: len(whole) // 2], b"", b"not an archive", whole.replace(b"vertices", b"verticez")):
        kept.write_bytes(damaged)
        with pytest.raises(library._UNREADABLE):
            read_avatar(kept)
    assert_same(load_avatar(CHILD), child, 0)
    assert kept.read_bytes() == whole


def test_an_avatar_that_another_process_builds_is_waited_for(tmp_path, monkeypatch):
    monkeypatch.setenv("VLOGGER_CACHE", str(tmp_path))
    code = (
        "from vlogger_backend.avatars.library import load_avatar; from vlogger_backend.request import Body; "
        "load_avatar(Body(gender=1.0, age=0.4), lambda stage, done: print(stage, flush=True))"
    )
    folder = library.kept_folder()
    folder.mkdir()
    with library._alone(folder, lambda stage, done: pytest.fail("nobody builds yet")):
        other = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
        assert "Waiting" in other.stdout.readline()
        shutil.copy(SHIPPED[Body()], folder / f"{library._key(CHILD)}.npz")
    said = other.communicate()[0]
    assert other.returncode == 0
    assert set(said.splitlines()) <= {"Waiting for another avatar to be built"}, "it takes what is there by then"


def test_a_slider_out_of_range_is_refused():
    with pytest.raises(InputError, match="height"):
        Body(height=1.5)
    with pytest.raises(InputError, match="age"):
        Body(age=float("nan"))
