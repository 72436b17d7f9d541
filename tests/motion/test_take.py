"""A take's file: what goes in comes out, other tools can read it, and nothing hostile or half-written gets through."""

import io
import json
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vlogger_backend.errors import InputError
from vlogger_backend.motion.motion import Motion
from vlogger_backend.motion.names import ARKIT_NAMES, JOINT_NAMES, JOINT_PARENTS
from vlogger_backend.motion.speech import Accent, Phone, Speech, Word
from vlogger_backend.motion.take import Take, read_take, save_take, write_take
from vlogger_backend.request import Body, Request, Style


def some_motion(frames: int, fps: float = 30.0, seed: int = 0) -> Motion:
    rng = np.random.default_rng(seed)
    return Motion(
        fps,
        rng.normal(0, 0.3, (frames, 55, 3)).astype(np.float32),
        rng.normal(0, 0.02, (frames, 3)).astype(np.float32),
        rng.uniform(0, 1, (frames, 52)).astype(np.float32),
        np.zeros((frames, 0), np.float32),
    )


def some_take(frames: int = 40, **request: object) -> Take:
    tracks = {name: np.linspace(0, 1, 134, dtype=np.float32) for name in ("loudness", "pitch", "voicing", "emphasis")}
    speech = Speech(
        1.34,
        (Phone("", 0, 0.3), Phone("aɪ", 0.3, 0.7, 2, 0), Phone("", 0.7, 1.34)),
        (Word("I", 0.3, 0.7),),
        (Accent(0.5, 0.3, 0.7, 0.8),),
        method="aligned",
        **tracks,
    )
    return Take(some_motion(frames), speech, Request("/sounds/línea.wav", **request), "ab" * 32)  # type: ignore[arg-type]


def assert_same(a: Take, b: Take) -> None:
    for name in ("poses", "trans", "arkit", "expression"):
        np.testing.assert_array_equal(getattr(a.motion, name), getattr(b.motion, name))
    for name in ("loudness", "pitch", "voicing", "emphasis"):
        np.testing.assert_array_equal(getattr(a.speech, name), getattr(b.speech, name))
    assert a.motion.fps == b.motion.fps
    assert (a.speech.phones, a.speech.words, a.speech.accents) == (b.speech.phones, b.speech.words, b.speech.accents)
    assert (a.request, a.audio_sha256, a.speech.duration) == (b.request, b.audio_sha256, b.speech.duration)


def test_a_take_comes_back_as_it_was_saved(tmp_path: Path) -> None:
    take = some_take(text="Ich.", language="de", seed=7, style=Style(energy=1.5), body=Body(gender=1))
    save_take(tmp_path / "a.npz", take)
    assert_same(read_take(tmp_path / "a.npz"), take)


@settings(max_examples=25, deadline=None)
@given(cuts=st.lists(st.integers(1, 30), min_size=1, max_size=8))
def test_windows_of_any_length_make_the_same_file(cuts: list[int], tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("take")
    take = some_take(sum(cuts))
    ends = np.cumsum(cuts)
    windows = [take.motion.frames(end - size, end) for end, size in zip(ends, cuts, strict=True)]
    save_take(folder / "whole.npz", take)
    assert write_take(folder / "cut.npz", take.request, take.speech, windows, take.audio_sha256) == sum(cuts)
    assert (folder / "whole.npz").read_bytes() == (folder / "cut.npz").read_bytes()


def test_tools_for_amass_and_smplx_find_their_keys(tmp_path: Path) -> None:
    take = some_take()
    save_take(tmp_path / "a.npz", take)
    with np.load(tmp_path / "a.npz", allow_pickle=False) as file:
        assert file["poses"].shape == (40, 165)
        assert float(file["mocap_frame_rate"]) == float(file["fps"]) == 30
        assert str(file["gender"]) == "neutral"
        assert str(file["surface_model_type"]) == "smplx"
        assert file["betas"].shape == (10,)
        assert [str(n) for n in file["arkit_names"]] == list(ARKIT_NAMES)
        parts = np.concatenate([file[k] for k in ("root_orient", "pose_body", "pose_jaw", "pose_eye", "pose_hand")], 1)
        np.testing.assert_array_equal(parts, file["poses"])
        assert json.loads(str(file["meta"]))["request"]["audio"] == "/sounds/línea.wav"


def test_weights_in_another_order_are_read_by_name(tmp_path: Path) -> None:
    take = some_take()
    save_take(tmp_path / "a.npz", take)
    with np.load(tmp_path / "a.npz") as file:
        arrays = dict(file)
    order = np.argsort(ARKIT_NAMES)
    arrays["arkit"], arrays["arkit_names"] = arrays["arkit"][:, order], arrays["arkit_names"][order]
    np.savez(tmp_path / "b.npz", **arrays)
    np.testing.assert_array_equal(read_take(tmp_path / "b.npz").motion.arkit, take.motion.arkit)


def test_an_interrupted_take_leaves_the_old_one_and_no_rubbish(tmp_path: Path) -> None:
    take = some_take()
    save_take(tmp_path / "a.npz", take)
    before = (tmp_path / "a.npz").read_bytes()

    def interrupted() -> object:
        yield take.motion
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_take(tmp_path / "a.npz", take.request, take.speech, interrupted())  # type: ignore[arg-type]
    assert (tmp_path / "a.npz").read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["a.npz"]


def _damaged(good: bytes) -> dict[str, bytes]:
    pickled = io.BytesIO()
    np.savez(pickled, poses=np.array([{"a": 1}], object), fps=30)
    bare = io.BytesIO()
    np.savez(bare, poses=np.zeros((3, 165)))
    return {
        "empty": b"",
        "text": b"hello",
        "cut": good[: len(good) // 2],
        "pickle": pickled.getvalue(),
        "bare": bare.getvalue(),
    }


@pytest.mark.parametrize("kind", ["empty", "text", "cut", "pickle", "bare"])
def test_what_is_not_a_take_is_refused_in_one_sentence(kind: str, tmp_path: Path) -> None:
    save_take(tmp_path / "good.npz", some_take())
    bad = tmp_path / "bad.npz"
    bad.write_bytes(_damaged((tmp_path / "good.npz").read_bytes())[kind])
    with pytest.raises(InputError, match=r"bad\.npz is not a take.*vlogger animate"):
        read_take(bad)


def test_a_file_that_claims_to_be_huge_is_refused_before_it_is_decoded(tmp_path: Path) -> None:
    save_take(tmp_path / "a.npz", some_take())
    bomb = tmp_path / "bomb.npz"
    with zipfile.ZipFile(tmp_path / "a.npz") as source, zipfile.ZipFile(bomb, "w") as target:
        for entry in source.infolist():
            data = source.read(entry)
            if entry.filename == "poses.npy":
                header = io.BytesIO()
                shape = {"descr": "<f4", "fortran_order": False, "shape": (10**9, 165)}
                np.lib.format.write_array_header_1_0(header, shape)
                data = header.getvalue()
            target.writestr(entry.filename, data)
    with pytest.raises(InputError, match="not a take"):
        read_take(bomb)


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"fps": np.asarray(1e9)}, "frame rate"),
        ({"fps": np.asarray(-30.0)}, "frame rate"),
        ({"trans": np.full((40, 3), 1e30)}, "absurdly large"),
        ({"poses": np.zeros((40, 165), complex)}, "complex"),
        ({"arkit_names": np.asarray(["x"] * 52)}, "ARKit name"),
        ({"meta": np.asarray("[" * 100_000)}, "not a take"),
        ({"meta": np.asarray("{}")}, "not a take"),
        ({"poses": np.zeros((0, 165)), "trans": np.zeros((0, 3)), "arkit": np.zeros((0, 52)),
          "expression": np.zeros((0, 0))}, "no frames"),
        ({"arkit": np.zeros((39, 52))}, "shape"),
    ],
)  # fmt: skip
def test_a_damaged_take_says_what_is_wrong(changed: dict[str, np.ndarray], says: str, tmp_path: Path) -> None:
    save_take(tmp_path / "a.npz", some_take())
    with np.load(tmp_path / "a.npz") as file:
        arrays = dict(file)
    np.savez(tmp_path / "b.npz", **{**arrays, **changed})
    with pytest.raises(InputError, match=says):
        read_take(tmp_path / "b.npz")


def test_numbers_that_are_not_finite_are_refused(tmp_path: Path) -> None:
    take = some_take()
    poses = take.motion.poses.copy()
    poses[3, 4, 1] = np.nan
    save_take(tmp_path / "a.npz", replace(take, motion=replace(take.motion, poses=poses)))
    with pytest.raises(InputError, match="not finite"):
        read_take(tmp_path / "a.npz")


def test_a_missing_take_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"There is no take at .*nothing\.npz.*vlogger animate"):
        read_take(tmp_path / "nothing.npz")


def test_motion_of_the_wrong_shape_is_refused() -> None:
    motion = some_motion(5)
    with pytest.raises(ValueError, match="arkit"):
        replace(motion, arkit=motion.arkit[:, :51])


def test_the_skeleton_is_a_tree_in_order() -> None:
    assert len(JOINT_NAMES) == len(JOINT_PARENTS) == 55 == len(set(JOINT_NAMES))
    assert len(ARKIT_NAMES) == 52 == len(set(ARKIT_NAMES))
    assert all(parent < joint for joint, parent in enumerate(JOINT_PARENTS))
    for joint, name in enumerate(JOINT_NAMES):
        if name.startswith(("left_", "right_")) and name[-1] == "1":
            assert JOINT_NAMES[JOINT_PARENTS[joint]] == name.split("_")[0] + "_wrist"


@pytest.mark.parametrize("bad", [{"fps": 0}, {"fps": 1e6}, {"fps": float("nan")}, {"seed": -1}])
def test_requests_out_of_range_say_the_range(bad: dict[str, float]) -> None:
    with pytest.raises(InputError, match="it must be"):
        Request("a.wav", **bad)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="between 0"):
        Style(head=2.5)
    with pytest.raises(InputError, match="between 0 and 1"):
        Body(age=-0.1)
