"""FBX: read again with Blender's importer (ufbx) and as raw curves, against the motion that was written."""

from __future__ import annotations

import importlib.util
import sys
import tempfile
from pathlib import Path

import numpy as np
import pytest
from comparing import assert_same_body, assert_same_face, assert_same_mesh
from fbx_reading import read_fbx

from vlogger_backend.avatars.posing import joint_transforms
from vlogger_backend.errors import InputError
from vlogger_backend.exports import fbx
from vlogger_backend.exports.fbx import write_fbx
from vlogger_backend.motion.names import ARKIT_NAMES, JOINT_NAMES

pytestmark = pytest.mark.skipif(importlib.util.find_spec("bpy") is None, reason="no bpy module")

FRAMES = 40


@pytest.fixture(scope="module")
def written(avatar, lively, tmp_path_factory):
    """Two takes, one after the other."""
    folder = tmp_path_factory.mktemp("fbx")
    motions = {name: lively(FRAMES, seed=seed) for seed, name in enumerate(("first", "second"))}
    for name, motion in motions.items():
        write_fbx(folder / f"{name}.fbx", avatar, motion, name)
    return folder, motions


@pytest.mark.parametrize("name", ["first", "second"])
def test_blender_reads_the_same_body_face_and_mesh(written, avatar, imported, name):
    folder, motions = written
    found = imported(folder / f"{name}.fbx", 30, (0, 17, FRAMES - 1))
    assert_same_body(found, avatar, motions[name])
    assert_same_face(found, motions[name])
    for frame in (0, 17, FRAMES - 1):
        assert_same_mesh(found, avatar, motions[name], frame)
    assert found["fps"] == pytest.approx(30)
    np.testing.assert_allclose(found["keyed"], np.arange(FRAMES), atol=1e-3)
    assert {str(action).split("|")[1] for action in found["actions"]} == {name}
    assert list(found["materials"]) == ["skin", "lashes", "cloth"]
    assert set(found["textures"]) == {16}


@pytest.mark.parametrize("name", ["first", "second"])
def test_raw_curves_hold_every_frame_of_body_and_face(written, avatar, name):
    folder, motions = written
    file, motion = read_fbx(folder / f"{name}.fbx"), motions[name]
    assert file.take_names == [name]
    worlds, turned = file.worlds(), file.turned()
    for frame in range(FRAMES):
        expected = joint_transforms(avatar.joints, motion.poses[frame], motion.trans[frame])
        for joint, bone in enumerate(JOINT_NAMES):
            np.testing.assert_allclose(turned[bone][frame], expected[joint, :, :3], atol=2e-5)
            np.testing.assert_allclose(worlds[bone][frame, :3, 3], expected[joint, :, 3] * 100, atol=2e-3)
    for i, shape in enumerate(ARKIT_NAMES):
        times, percents = file.face[shape]
        np.testing.assert_allclose(times, np.arange(FRAMES) / 30, atol=1e-6)
        np.testing.assert_allclose(percents, motion.arkit[:, i] * 100, atol=1e-3)


def test_the_file_is_in_centimetres_y_up_without_scales(written):
    file = read_fbx(written[0] / "first.fbx")
    assert (file.up_axis, file.unit) == (1, 1.0)
    assert file.textures == 2
    scales = [rest["Lcl Scaling"] for rest in file.rest.values() if "Lcl Scaling" in rest]
    np.testing.assert_allclose(scales, np.ones((len(scales), 3)), atol=1e-5)


@pytest.mark.parametrize(
    ("fps", "rate", "mode"),
    # The modes are FBX's: film, PAL, NTSC, and so on, as other programs know them; 14 is any other rate.
    [
        (24, 24, 11),
        (25, 25, 10),
        (29.97, 30 / 1.001, 9),
        (23.976, 24 / 1.001, 13),
        (60, 60, 3),
        (12.5, 12.5, 14),
    ],
)
def test_frame_rates(avatar, lively, imported, tmp_path, fps, rate, mode):
    motion = lively(5, fps)
    write_fbx(tmp_path / "x.fbx", avatar, motion, "x")
    file = read_fbx(tmp_path / "x.fbx")
    assert file.time_mode == mode
    assert file.frame_rate == pytest.approx(rate, rel=1e-6)
    np.testing.assert_allclose(file.times(), np.arange(5) / rate, rtol=1e-6, atol=1e-9)
    found = imported(tmp_path / "x.fbx", fps)
    assert found["fps"] == pytest.approx(fps, rel=2e-6)
    assert_same_face(found, motion)


@pytest.mark.parametrize("name", ['It\'s a "take" 1', "Größe 日本語 🎬", "a" * 200])
def test_names_that_people_use(avatar, lively, tmp_path, name):
    path = tmp_path / f"{name[:60]}.fbx"
    write_fbx(path, avatar, lively(2), name)
    (found,) = read_fbx(path).take_names
    assert found == name or (len(found) >= 60 and name.startswith(found))  # Blender's names end at 63 bytes


def test_one_frame(avatar, lively, imported, tmp_path):
    motion = lively(1)
    write_fbx(tmp_path / "x.fbx", avatar, motion, "x")
    found = imported(tmp_path / "x.fbx", 30, (0,))
    assert_same_mesh(found, avatar, motion, 0)


def test_no_frames_is_said_and_nothing_is_written(avatar, lively, tmp_path):
    with pytest.raises(InputError, match="no frames"):
        write_fbx(tmp_path / "x.fbx", avatar, lively(0), "x")
    assert not list(tmp_path.iterdir())


def test_the_same_take_is_the_same_bytes(avatar, lively, tmp_path):
    for name in ("one.fbx", "another folder/two.fbx"):
        write_fbx(tmp_path / name, avatar, lively(3), "x")
    one = (tmp_path / "one.fbx").read_bytes()
    assert one == (tmp_path / "another folder/two.fbx").read_bytes()
    assert str(tmp_path.parent).encode() not in one


def test_nothing_stays_in_the_temporary_folder(avatar, lively, tmp_path, monkeypatch):
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    write_fbx(tmp_path / "x.fbx", avatar, lively(2), "x")
    assert not list(temporary.iterdir())


def test_without_bpy_the_remedy_is_named(avatar, lively, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "bpy", None)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(InputError, match=r"pip install .*bpy"):
        write_fbx(tmp_path / "x.fbx", avatar, lively(2), "x")
    assert not list(tmp_path.iterdir())


def test_a_blender_that_fails_is_our_fault_and_leaves_nothing(avatar, lively, tmp_path):
    broken = lively(2)
    broken.poses[:] = np.nan
    with pytest.raises(InputError, match="not finite"):
        write_fbx(tmp_path / "x.fbx", avatar, broken, "x")
    assert not list(tmp_path.iterdir())


def test_stopping_halfway_stops_blender_and_leaves_nothing(avatar, lively, tmp_path, monkeypatch):
    started = []
    popen = fbx.subprocess.Popen

    def noting(*args, **kwargs):
        started.append(popen(*args, **kwargs))
        return started[0]

    def stop(stage: str, done: float) -> None:
        if done > 0:
            raise KeyboardInterrupt

    monkeypatch.setattr(fbx.subprocess, "Popen", noting)
    with pytest.raises(KeyboardInterrupt):
        write_fbx(tmp_path / "x.fbx", avatar, lively(3000), "x", stop)
    assert started[0].poll() not in (None, 0)
    assert not list(tmp_path.iterdir())


def test_progress_only_goes_forward(avatar, lively, tmp_path):
    steps: list[float] = []
    write_fbx(Path(tmp_path / "x.fbx"), avatar, lively(30), "x", lambda stage, done: steps.append(done))
    assert steps == sorted(steps)
    assert steps[0] == 0
    assert steps[-1] == 1
    assert len(steps) > 10
