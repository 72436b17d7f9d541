"""Sequences of AMASS, SMPL-X, BEAT2 and FLAME come in as takes and leave as the same files."""

from __future__ import annotations

import json
import os
import wave
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from vlogger_backend.cli import main
from vlogger_backend.errors import InputError
from vlogger_backend.motion.motion import Motion
from vlogger_backend.motion.names import ARKIT_INDEX, JOINT_INDEX, JOINT_NAMES
from vlogger_backend.motion.sequences import FORMS, read_sequence, write_sequence
from vlogger_backend.motion.speech import Speech
from vlogger_backend.motion.take import Take, read_take, save_take
from vlogger_backend.request import Request

FRAMES = 40
Z_UP = Rotation.from_euler("x", 90, degrees=True)


def recorded(layout: str, fps: float, expressions: int, z_up: bool, seed: int = 0) -> dict[str, np.ndarray]:
    """A file as its makers write it: somebody who stands and moves a little."""
    rng = np.random.default_rng(seed)
    poses = rng.normal(0, 0.15, (FRAMES, 55, 3))
    poses[:, JOINT_INDEX["jaw"]] = np.stack([np.linspace(0, 0.3, FRAMES), *np.zeros((2, FRAMES))], axis=1)
    trans = rng.normal(0, 0.01, (FRAMES, 3)).cumsum(axis=0) + np.array([3.0, 0.9, -2.0])
    if z_up:
        poses[:, 0] = (Z_UP * Rotation.from_rotvec(poses[:, 0])).as_rotvec()
        trans = Z_UP.apply(trans)
    rows = poses.reshape(FRAMES, -1)
    betas = rng.normal(0, 1, 16)
    face = {"expressions": rng.normal(0, 2, (FRAMES, expressions))} if expressions else {}
    return {
        "AMASS SMPL-H": {
            "trans": trans, "gender": np.array("female"), "mocap_framerate": np.array(fps), "betas": betas,
            "dmpls": rng.normal(size=(FRAMES, 8)), "poses": np.delete(poses, [22, 23, 24], axis=1).reshape(FRAMES, -1),
        },
        "AMASS SMPL-X": {
            "gender": np.array("male"), "surface_model_type": np.array("smplx"), "mocap_frame_rate": np.array(fps),
            "mocap_time_length": np.array(FRAMES / fps), "trans": trans, "poses": rows, "betas": betas,
            "markers_latent": rng.normal(size=(53, 3)), "num_betas": np.array(16), "root_orient": rows[:, :3],
            "pose_body": rows[:, 3:66], "pose_hand": rows[:, 75:], "pose_jaw": rows[:, 66:69],
            "pose_eye": rows[:, 69:75], **face,
        },
        "BEAT2": {
            "betas": rng.normal(size=300).astype(np.float32), "poses": rows.astype(np.float32), **face,
            "trans": trans.astype(np.float32), "model": np.array("smplx2020"), "gender": np.array("neutral"),
            "mocap_frame_rate": np.array(int(fps)),
        },
        "smplx library": {
            "global_orient": rows[:, :3], "body_pose": poses[:, 1:22], "jaw_pose": rows[:, 66:69],
            "leye_pose": rows[:, 69:72], "reye_pose": rows[:, 72:75], "left_hand_pose": rows[:, 75:120],
            "right_hand_pose": rows[:, 120:], "transl": trans, "betas": betas[None, :10], "fps": np.array([fps]),
            **face,
        },
    }[layout]  # fmt: skip


def flame(layout: str, fps: float, expressions: int) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(3)
    turns = rng.normal(0, 0.2, (FRAMES, 5, 3))
    turns[:, 2] = np.abs(turns[:, 2]) * [1, 0, 0]
    trans = rng.normal(0, 0.02, (FRAMES, 3)) + np.array([0, 0.1, -1])
    face = rng.normal(0, 1, (FRAMES, expressions))
    root, neck, jaw, left, right = turns.transpose(1, 0, 2)
    return {
        "poses": {
            "poses": turns.reshape(FRAMES, 15), "trans": trans, "expressions": face, "betas": np.zeros(300),
            "gender": np.array("neutral"), "mocap_frame_rate": np.array(fps),
        },
        "tracker": {
            "rotation": root, "neck_pose": neck, "jaw_pose": jaw, "eyes_pose": np.hstack([left, right]),
            "translation": trans, "expr": face, "shape": np.ones(300), "static_offset": np.zeros((1, 5143, 3)),
            "fps": np.array(fps),
        },
        "smplx library": {
            "global_orient": root, "neck_pose": neck, "jaw_pose": jaw, "leye_pose": left, "reye_pose": right,
            "transl": trans, "expression": face, "betas": np.ones((1, 100)), "mocap_frame_rate": np.array(fps),
        },
    }[layout]  # fmt: skip


ROTATIONS = (
    *("poses", "root_orient", "pose_body", "pose_hand", "pose_jaw", "pose_eye", "global_orient", "body_pose"),
    *("jaw_pose", "leye_pose", "reye_pose", "left_hand_pose", "right_hand_pose", "rotation", "neck_pose", "eyes_pose"),
)


def assert_same_file(found: dict[str, Any], original: dict[str, np.ndarray]) -> None:
    assert set(found) == set(original)
    for name, before in original.items():
        after = found[name]
        assert after.shape == before.shape, name
        assert after.dtype == before.dtype, name
        if name in ROTATIONS:
            off = (
                Rotation.from_rotvec(after.reshape(-1, 3)).inv() * Rotation.from_rotvec(before.reshape(-1, 3))
            ).magnitude()
            assert np.degrees(off.max()) < 0.01, name
        elif before.dtype.kind == "f":
            np.testing.assert_allclose(after, before, atol=1e-5, rtol=1e-5, err_msg=name)
        else:
            np.testing.assert_array_equal(after, before)


def there_and_back(folder: Path, arrays: dict[str, np.ndarray]) -> Take:
    np.savez(folder / "sequence.npz", **arrays)
    save_take(folder / "take.npz", read_sequence(folder / "sequence.npz"))
    take = read_take(folder / "take.npz")
    write_sequence(folder / "again.npz", take)
    with np.load(folder / "again.npz") as file:
        assert_same_file(dict(file), arrays)
    return take


@settings(deadline=None, max_examples=40)
@given(
    layout=st.sampled_from(["AMASS SMPL-H", "AMASS SMPL-X", "BEAT2", "smplx library"]),
    fps=st.sampled_from([20.0, 24.0, 30.0, 60.0, 100.0, 120.0, 240.0, 250.0]),
    expressions=st.sampled_from([0, 10, 100]),
    z_up=st.booleans(),
    seed=st.integers(0, 100),
)
def test_a_sequence_leaves_as_the_file_that_it_was(
    tmp_path_factory: pytest.TempPathFactory, layout: str, fps: float, expressions: int, z_up: bool, seed: int
) -> None:
    arrays = recorded(layout, fps, expressions, z_up, seed)
    take = there_and_back(tmp_path_factory.mktemp("x"), arrays)
    assert take.motion.fps == fps
    assert len(take.motion) == FRAMES
    up = Rotation.from_rotvec(take.motion.poses[:, 0]).apply([0, 1, 0])
    assert up[:, 1].mean() > 0.8, "a take has Y up"
    assert np.abs(take.motion.trans).max() < 1, "and starts in the middle of the room, on the floor"
    assert take.motion.expression.shape[1] == (expressions if layout != "AMASS SMPL-H" else 0)
    opened = take.motion.arkit[:, ARKIT_INDEX["jawOpen"]]
    assert opened[-1] > 0.5 if layout != "AMASS SMPL-H" else not opened.any()


@pytest.mark.parametrize("layout", ["poses", "tracker", "smplx library"])
@pytest.mark.parametrize("expressions", [50, 100])
def test_flame_leaves_as_the_file_that_it_was(tmp_path: Path, layout: str, expressions: int) -> None:
    arrays = flame(layout, 25.0, expressions)
    take = there_and_back(tmp_path, arrays)
    root = arrays.get("rotation", arrays.get("global_orient"))
    if root is not None:
        np.testing.assert_allclose(take.motion.poses[:, JOINT_INDEX["neck"]], root, atol=1e-6)
        np.testing.assert_allclose(take.motion.poses[:, JOINT_INDEX["head"]], arrays["neck_pose"], atol=1e-6)
    assert not take.motion.poses[:, : JOINT_INDEX["neck"]].any(), "the body stands"
    assert take.motion.arkit[:, ARKIT_INDEX["jawOpen"]].max() > 0.1
    np.testing.assert_allclose(take.motion.trans[0], 0, atol=1e-6)


def test_amass_gender_that_is_a_pickle_is_told_without_reading_it(tmp_path: Path) -> None:
    class Hostile:
        def __reduce__(self) -> Any:
            return os.mkdir, (str(tmp_path / "ran"),)

    arrays = recorded("AMASS SMPL-H", 120.0, 0, True)
    np.savez(tmp_path / "a.npz", **{**arrays, "gender": np.array("female", object), "notes": np.array([Hostile()])})
    take = read_sequence(tmp_path / "a.npz")
    write_sequence(tmp_path / "b.npz", take)
    with np.load(tmp_path / "b.npz", allow_pickle=False) as file:
        assert_same_file(dict(file), arrays)
    assert not (tmp_path / "ran").exists()


def test_a_take_tells_of_whom_it_is(tmp_path: Path) -> None:
    """Tools that read a take as SMPL-X find the recorded person in it."""
    arrays = recorded("AMASS SMPL-X", 120.0, 0, True)
    np.savez(tmp_path / "a.npz", **arrays)
    save_take(tmp_path / "take.npz", read_sequence(tmp_path / "a.npz"))
    with np.load(tmp_path / "take.npz") as file:
        np.testing.assert_allclose(file["betas"], arrays["betas"], rtol=1e-6)
        assert str(file["gender"]) == "male"
        assert float(file["mocap_frame_rate"]) == 120
        assert "Recorded elsewhere" in str(file["meta"])


def generated(frames: int = 60) -> Take:
    rng = np.random.default_rng(1)
    poses = rng.normal(0, 0.1, (frames, 55, 3)).astype(np.float32)
    trans = rng.normal(0, 0.01, (frames, 3)).astype(np.float32)
    motion = Motion(30.0, poses, trans, np.zeros((frames, 52), np.float32), rng.normal(size=(frames, 10)).astype("f4"))
    return Take(motion, Speech(2.0, ()), Request("a.wav"))


@pytest.mark.parametrize("form", [form for form in FORMS if form != "same"])
def test_takes_that_are_made_here_leave_in_every_layout(tmp_path: Path, form: Any) -> None:
    take = generated()
    write_sequence(tmp_path / "x.npz", take, form)
    back = read_sequence(tmp_path / "x.npz").motion
    if form == "flame":
        chain = Rotation.identity(len(back))
        for name in ("pelvis", "spine1", "spine2", "spine3", "neck"):
            chain = chain * Rotation.from_rotvec(take.motion.poses[:, JOINT_INDEX[name]])
        off = chain.inv() * Rotation.from_rotvec(back.poses[:, JOINT_INDEX["neck"]])
        joints = ["head", "jaw", "left_eye_smplhf", "right_eye_smplhf"]
        assert np.degrees(off.magnitude().max()) < 0.01
    else:
        joints = [name for name in JOINT_NAMES if form != "amass" or name not in JOINT_NAMES[22:25]]
    for name in joints:
        before = Rotation.from_rotvec(take.motion.poses[:, JOINT_INDEX[name]])
        off = before.inv() * Rotation.from_rotvec(back.poses[:, JOINT_INDEX[name]])
        assert np.degrees(off.magnitude().max()) < 0.01, name
    if form != "amass":
        np.testing.assert_allclose(back.expression[:, :10], take.motion.expression, rtol=1e-6)


@pytest.mark.parametrize("form", ["amass", "smplx", "beat2"])
def test_bodies_stand_on_the_floor(tmp_path: Path, form: Any) -> None:
    still = np.zeros((5, 55, 3), np.float32)
    face = np.zeros((5, 52), np.float32)
    motion = Motion(30.0, still, np.zeros((5, 3), np.float32), face, np.zeros((5, 0), np.float32))
    write_sequence(tmp_path / "x.npz", Take(motion, Speech(1.0, ()), Request("a.wav")), form)
    with np.load(tmp_path / "x.npz") as file:
        trans = file["trans"][0]
        pelvis = {"amass": [-0.002, -0.223, 0.028]}.get(form, [0.003, -0.351, 0.012])
        up = 1 if form == "beat2" else 2
        assert (trans + pelvis)[up] == pytest.approx(0.945, abs=1e-6)
        assert np.delete(trans + pelvis, up) == pytest.approx([0, 0], abs=1e-6)


def test_a_take_made_here_is_not_the_same_as_any_file(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="made here; choose one of amass, smplx, beat2, flame"):
        write_sequence(tmp_path / "x.npz", generated())


def test_any_name_of_an_array_and_any_case_of_the_suffix(tmp_path: Path) -> None:
    arrays = {**recorded("BEAT2", 30.0, 0, False), "file": np.arange(3), "path": np.arange(2), "self": np.ones(1)}
    with open(tmp_path / "x.NPZ", "wb") as file, zipfile.ZipFile(file, "w") as archive:
        for name, array in arrays.items():
            with archive.open(f"{name}.npy", "w") as stream:
                np.lib.format.write_array(stream, array)
    write_sequence(tmp_path / "y.NPZ", read_sequence(tmp_path / "x.NPZ"))
    with np.load(tmp_path / "y.NPZ") as file:
        assert_same_file({name: file[name] for name in file.files}, arrays)


def test_a_cut_take_loses_what_went_frame_by_frame(tmp_path: Path) -> None:
    arrays = recorded("AMASS SMPL-H", 60.0, 0, True)
    np.savez(tmp_path / "a.npz", **arrays)
    take = read_sequence(tmp_path / "a.npz")
    shorter = Take(take.motion.frames(5, 25), take.speech, take.request, "", take.recording)
    write_sequence(tmp_path / "b.npz", shorter)
    with np.load(tmp_path / "b.npz") as file:
        assert "dmpls" not in file
        assert file["poses"].shape == (20, 156)
        np.testing.assert_allclose(file["trans"], arrays["trans"][5:25], atol=1e-5)


def test_the_command_goes_there_and_back(tmp_path: Path) -> None:
    arrays = recorded("BEAT2", 30.0, 100, False)
    np.savez(tmp_path / "walk.npz", **arrays)
    with wave.open(str(tmp_path / "walk.wav"), "wb") as sound:
        sound.setparams((1, 2, 8000, 0, "NONE", ""))
        sound.writeframes(bytes(16000))
    assert run("import", tmp_path / "walk.npz", "-q") == 0
    take = read_take(tmp_path / "walk-take.npz")
    assert take.request.audio == str(tmp_path / "walk.wav")
    assert take.audio_sha256
    assert run("export", tmp_path / "walk-take.npz", "-o", tmp_path / "b.npz", "--as", "same", "-q") == 0
    with np.load(tmp_path / "b.npz") as file:
        assert_same_file(dict(file), arrays)
    assert run("export", tmp_path / "walk-take.npz", "-o", tmp_path / "c.npz", "--as", "amass", "-q") == 0
    with np.load(tmp_path / "c.npz") as file:
        assert file["poses"].shape == (FRAMES, 156)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["import", "{x}.npz", "-o", "{x}.npz"], "the sequence itself"),
        (["import", "{x}.npz", "-o", "{x}.fbx"], "ends in .npz"),
        (["import", "{x}-none.npz"], "There is no"),
        (["import", "."], "is a folder"),
        (["preview", "."], "a folder"),
        (["import", "{x}.npz", "--audio", "{x}.wav"], "no sound at"),
        (["export", "{x}-take.npz", "-o", "{x}.bvh", "--as", "amass"], "must end in .npz"),
        (["export", "{x}-take.npz", "-o", "{x}-b.npz", "--as", "fbx"], "one of same, amass"),
    ],
)
def test_what_can_not_be_is_a_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], words: str
) -> None:
    np.savez(tmp_path / "x.npz", **recorded("BEAT2", 30.0, 0, False))
    before = (tmp_path / "x.npz").read_bytes()
    assert run(*(argument.format(x=tmp_path / "x") for argument in arguments)) == 2
    assert words in capsys.readouterr().err
    assert (tmp_path / "x.npz").read_bytes() == before


@settings(deadline=None, max_examples=60)
@given(data=st.data())
def test_damage_is_a_sentence(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    folder = tmp_path_factory.mktemp("x")
    np.savez(folder / "x.npz", poses=np.zeros((3, 66)), trans=np.zeros((3, 3)), fps=30.0, betas=np.zeros(16))
    whole = bytearray((folder / "x.npz").read_bytes())
    for _ in range(data.draw(st.integers(1, 6))):
        whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    (folder / "x.npz").write_bytes(whole)
    try:
        take = read_sequence(folder / "x.npz")
        save_take(folder / "take.npz", take)
        write_sequence(folder / "again.npz", read_take(folder / "take.npz"))
    except InputError as error:
        assert "\n" not in str(error)  # noqa: PT017


TAMPERED: list[dict[str, Any]] = [
    {"room": [0, 0, 0, 0]},
    {"room": [1, 0, 0]},
    {"size": 0},
    {"size": float("nan")},
    {"start": [0, float("inf"), 0]},
    {"rest": ["nothing"]},
    {"curves": {"poses": [[3, 10**12], "<f8"]}},
    {"curves": {"poses": [[3, 66], "O"]}},
    {"curves": {"poses": [[-3, 66], "<f8"]}},
    {"curves": 5},
    {"frames": "many"},
]


@pytest.mark.parametrize("change", TAMPERED, ids=str)
def test_a_tampered_take_is_a_sentence(tmp_path: Path, change: dict[str, Any]) -> None:
    np.savez(tmp_path / "x.npz", poses=np.zeros((3, 66)), trans=np.zeros((3, 3)), fps=30.0, betas=np.zeros(16))
    save_take(tmp_path / "take.npz", read_sequence(tmp_path / "x.npz"))
    with np.load(tmp_path / "take.npz") as file:
        arrays = dict(file)
    meta = json.loads(str(arrays["meta"]))
    meta["recording"] |= change
    np.savez(tmp_path / "take.npz", **{**arrays, "meta": np.array(json.dumps(meta))})
    with pytest.raises(InputError, match="not a take that this version can read"):
        read_take(tmp_path / "take.npz")


@pytest.mark.parametrize("columns", [67, 4000])
def test_a_take_that_claims_an_unknown_layout_leaves_without_it(tmp_path: Path, columns: int) -> None:
    np.savez(tmp_path / "x.npz", poses=np.zeros((3, 66)), trans=np.zeros((3, 3)), fps=30.0)
    take = read_sequence(tmp_path / "x.npz")
    assert take.recording is not None
    odd = replace(take.recording, curves={"poses": ((3, columns), "<f8"), "trans": ((3, 3), "<f4")})
    write_sequence(tmp_path / "y.npz", replace(take, recording=odd))
    with np.load(tmp_path / "y.npz") as file:
        assert set(file.files) == {"trans"}


def run(*arguments: object) -> int:
    with pytest.raises(SystemExit) as end:
        main([str(a) for a in arguments])
    assert isinstance(end.value.code, int)
    return end.value.code
