"""Sequences of SMPL's family, in every layout that they are found in, and files that only look like them."""

from __future__ import annotations

import io
import os
import pickle
import re
import zipfile
from pathlib import Path

import numpy as np
import pytest
from characters import DESCRIPTIONS
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation
from walking import places, walk

from blender_addon.core.errors import AddonError
from blender_addon.core.formats.amass import read_amass
from blender_addon.core.formats.reading import read_performance
from blender_addon.core.names import JOINT_NAMES
from blender_addon.core.skeleton import REST
from blender_addon.core.take import Take

WALK = walk(4.0, 60.0, heading=2.5)
SOLE = REST["left_foot"][1]
ORIGIN = np.array([0.003, -0.351, 0.012])
"""Where a model's pelvis is at rest; no file says it."""
TO_FILE = {"Z": Rotation.from_euler("x", 90, degrees=True), "Y": Rotation.identity(),
           "-Y": Rotation.from_euler("x", 180, degrees=True)}  # fmt: skip


def recorded(
    take: Take, up: str = "Z", size: float = 1.0, at: tuple[float, float] = (1.2, -3.4)
) -> dict[str, np.ndarray]:
    """What a recording of someone `size` times as tall would hold: `poses` (T, 55, 3) and `trans`."""
    room = TO_FILE[up]
    poses = take.poses.astype(np.float64)
    poses[:, 0] = (room * Rotation.from_rotvec(poses[:, 0])).as_rotvec()
    trans = (take.trans - np.array([0, SOLE, 0])) * size + np.array([at[0], 0, at[1]])
    return {"poses": poses, "trans": room.apply(trans) - ORIGIN}


def saved(path: Path, **arrays: object) -> Path:
    np.savez(path, **{name: np.asarray(value) for name, value in arrays.items()})
    return path


def from_start(take: Take) -> np.ndarray:
    return take.trans - take.trans[0] * [1, 0, 1]


def flat(poses: np.ndarray) -> np.ndarray:
    return poses.reshape(len(poses), -1)


def parts(poses: np.ndarray) -> dict[str, np.ndarray]:
    rows = flat(poses)
    return {"root_orient": rows[:, :3], "pose_body": rows[:, 3:66], "pose_jaw": rows[:, 66:69],
            "pose_eye": rows[:, 69:75], "pose_hand": rows[:, 75:]}  # fmt: skip


def by_smplx(poses: np.ndarray) -> dict[str, np.ndarray]:
    rows = flat(poses)
    return {"global_orient": rows[:, :3], "body_pose": rows[:, 3:66], "jaw_pose": rows[:, 66:69],
            "leye_pose": rows[:, 69:72], "reye_pose": rows[:, 72:75], "left_hand_pose": rows[:, 75:120],
            "right_hand_pose": poses[:, 40:]}  # fmt: skip


LAYOUTS = {
    "SMPL-X": (lambda p: {"poses": flat(p)}, range(55)),
    "SMPL-X, joints apart": (lambda p: {"poses": p}, range(55)),
    "SMPL-H": (lambda p: {"poses": flat(np.delete(p, [22, 23, 24], axis=1))}, [*range(22), *range(25, 55)]),
    "SMPL": (lambda p: {"poses": flat(p[:, :24])}, range(22)),
    "body": (lambda p: {"poses": flat(p[:, :22])}, range(22)),
    "parts": (parts, range(55)),
    "parts of smplx": (by_smplx, range(55)),
    "parts of SMPL": (lambda p: {"global_orient": p[:, 0], "body_pose": flat(p[:, 1:24])}, range(22)),
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_rotations_are_taken_as_they_are(tmp_path: Path, layout: str) -> None:
    laid_out, present = LAYOUTS[layout]
    poses = np.random.default_rng(1).normal(0, 0.2, (50, 55, 3))
    take = read_amass(saved(tmp_path / "x.npz", **laid_out(poses), mocap_frame_rate=120), 30.0)
    expected = np.zeros_like(poses)
    expected[:, list(present)] = poses[:, list(present)]
    off = Rotation.from_rotvec(take.poses.reshape(-1, 3)).inv() * Rotation.from_rotvec(expected.reshape(-1, 3))
    assert np.degrees(off.magnitude().max()) < 0.01
    assert (take.fps, len(take)) == (120.0, 50)


@pytest.mark.parametrize("rate", ["mocap_framerate", "mocap_frame_rate", "fps"])
def test_the_frame_rate_is_found_or_given(tmp_path: Path, rate: str) -> None:
    what = recorded(WALK)
    assert read_amass(saved(tmp_path / "x.npz", **what, **{rate: 59.94}), 30.0).fps == pytest.approx(59.94)
    assert read_amass(saved(tmp_path / "x.npz", **what), 24.0).fps == 24.0


@settings(deadline=None, max_examples=30)
@given(
    up=st.sampled_from(sorted(TO_FILE)),
    size=st.sampled_from([0.85, 0.95, 1.0, 1.05, 1.2]),
    fps=st.sampled_from([20.0, 30.0, 59.94, 120.0, 250.0]),
    heading=st.floats(-3.1, 3.1),
)
def test_people_of_any_size_walk_on_the_floor(
    tmp_path_factory: pytest.TempPathFactory, up: str, size: float, fps: float, heading: float
) -> None:
    walked = walk(3.0, fps, heading)
    path = saved(tmp_path_factory.mktemp("x") / "x.npz", **recorded(walked, up, size), mocap_framerate=fps)
    take = read_amass(path, 30.0)
    np.testing.assert_allclose(take.trans[0, [0, 2]], 0, atol=1e-6)
    np.testing.assert_allclose(take.trans, from_start(walked), atol=0.001 if size == 1 else 0.04)
    feet = places(take)
    for side in ("left", "right"):
        ball = feet[f"{side}_foot"]
        stands = np.abs(places(walked)[f"{side}_foot"][:, 1] - SOLE) < 1e-4
        assert np.abs(ball[stands, 1] - SOLE).max() < 0.005
        slide = np.linalg.norm(np.diff(ball, axis=0), axis=1)[stands[1:] & stands[:-1]] * fps
        assert np.median(slide) < 0.03


def test_heading_and_sides_are_those_of_the_recording(tmp_path: Path) -> None:
    walked = walk(2.0, 30.0, heading=0.5)
    at = places(read_amass(saved(tmp_path / "x.npz", **recorded(walked), mocap_framerate=30), 30.0))
    ahead = at["pelvis"][-1] - at["pelvis"][0]
    assert np.arctan2(ahead[0], ahead[2]) == pytest.approx(0.5, abs=0.02)
    left = (at["left_hip"] - at["right_hip"])[0]
    assert np.cross([0, 1, 0], ahead) @ left > 0
    assert at["left_wrist"][0, 1] > at["right_wrist"][0, 1] + 0.05


@pytest.mark.parametrize("up", ["Z", "Y"])
def test_without_any_translation_feet_stand_and_up_is_up(tmp_path: Path, up: str) -> None:
    poses = recorded(WALK, up)["poses"]
    take = read_amass(
        saved(tmp_path / "x.npz", poses=flat(poses), mocap_framerate=60, trans=np.zeros((len(poses), 3))), 30
    )
    at = places(take)
    assert (at["head"] - at["pelvis"])[:, 1].min() > 0.4
    assert min(at[f"{side}_foot"][:, 1].min() for side in ("left", "right")) == pytest.approx(SOLE, abs=0.05)


def test_someone_who_lies_is_not_stood_up(tmp_path: Path) -> None:
    take = walk(2.0, 30.0)
    still = np.zeros_like(take.poses)
    still[:, JOINT_NAMES.index("left_elbow"), 1] = -0.4
    still[:, 0] = Rotation.from_euler("x", -90, degrees=True).as_rotvec()  # on the back
    lying = Take(30.0, still, np.tile([0, SOLE + 0.12, 0], (len(take), 1)).astype(np.float32), take.face, ())
    found = places(read_amass(saved(tmp_path / "x.npz", **recorded(lying), mocap_framerate=30), 30.0))
    assert np.abs((found["head"] - found["pelvis"])[:, 1]).max() < 0.1


def test_expression_stays_as_it_is_and_jaw_and_eyes_become_arkits(tmp_path: Path) -> None:
    poses = np.zeros((20, 55, 3))
    poses[:, JOINT_NAMES.index("jaw"), 0] = np.linspace(0, 0.35, 20)
    poses[:, JOINT_NAMES.index("left_eye_smplhf")] = np.radians([-15, 6, 0])
    expressions = np.random.default_rng(0).normal(0, 2, (20, 100))
    path = saved(tmp_path / "x.npz", poses=flat(poses), trans=np.zeros((20, 3)), mocap_frame_rate=30,
                 expressions=expressions, betas=np.zeros(300), model="smplx2020", gender="neutral")  # fmt: skip
    take = read_amass(path, 30.0)
    track = dict(zip(take.face_names, take.face.T, strict=True))
    for i in (0, 9, 99):
        np.testing.assert_allclose(track[f"Exp{i:03}"], expressions[:, i], rtol=1e-5)
    np.testing.assert_allclose(track["jawOpen"], np.linspace(0, 1, 20), atol=1e-6)
    np.testing.assert_allclose([track["eyeLookUpLeft"][0], track["eyeLookOutLeft"][0]], [0.5, 0.2], atol=1e-5)
    assert "eyeLookUpRight" not in track
    assert track["eyeLookInLeft"].max() == 0


@pytest.mark.parametrize("upside_down", [False, True])
def test_flames_head_is_on_a_body_that_stands(tmp_path: Path, upside_down: bool) -> None:
    turns = np.random.default_rng(0).normal(0, 0.1, (20, 5, 3))
    seen = turns.copy()
    if upside_down:  # as a camera sees it, with Y down
        seen[:, 0] = (Rotation.from_euler("x", 180, degrees=True) * Rotation.from_rotvec(turns[:, 0])).as_rotvec()
    root, neck, jaw, left, right = seen.transpose(1, 0, 2)
    path = saved(tmp_path / "x.npz", rotation=root, neck_pose=neck, jaw_pose=jaw, eyes_pose=np.hstack([left, right]),
                 translation=np.ones((20, 3)), expr=np.ones((20, 100)), shape=np.zeros(300))  # fmt: skip
    take = read_performance(path, 25.0, DESCRIPTIONS)
    for place, name in enumerate(("neck", "head", "jaw", "left_eye_smplhf", "right_eye_smplhf")):
        np.testing.assert_allclose(take.poses[:, JOINT_NAMES.index(name)], turns[:, place], atol=1e-5)
    assert not take.poses[:, :12].any()
    assert not take.trans.any()
    assert take.fps == 25
    assert "Exp099" in take.face_names


def test_a_take_is_still_read_as_a_take(tmp_path: Path) -> None:
    arrays = {"fps": 60.0, "poses": flat(WALK.poses), "trans": WALK.trans, "arkit": np.ones((len(WALK), 2)),
              "arkit_names": ["jawOpen", "tongueOut"], "mocap_frame_rate": 60.0, "expression": np.zeros((len(WALK), 0)),
              "root_orient": WALK.poses[:, 0]}  # fmt: skip
    take = read_performance(saved(tmp_path / "x.npz", **arrays), 24.0, DESCRIPTIONS)
    np.testing.assert_array_equal(take.trans, WALK.trans)
    assert take.face_names == ("jawOpen", "tongueOut")
    del arrays["arkit"], arrays["arkit_names"]
    foreign = read_performance(saved(tmp_path / "y.npz", **arrays), 24.0, DESCRIPTIONS)
    np.testing.assert_allclose(foreign.trans, from_start(WALK), atol=1e-3)


class Hostile:
    """What it makes when it is unpickled would be a file."""

    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self) -> tuple[object, tuple[object, ...]]:
        return os.mkdir, (str(self.trace),)


@pytest.mark.parametrize("where", ["gender", "poses", "trans", "mocap_framerate", "expressions"])
def test_no_pickle_is_ever_opened(tmp_path: Path, where: str) -> None:
    trace = tmp_path / "ran"
    hostile = np.empty(1, object)
    hostile[0] = Hostile(trace)
    arrays = {**recorded(WALK), "mocap_framerate": 60.0, where: hostile}
    np.savez(tmp_path / "x.npz", **arrays)
    if where == "gender":  # AMASS has it as an object; nobody needs it
        assert len(read_performance(tmp_path / "x.npz", 30.0, DESCRIPTIONS)) == len(WALK)
    else:
        with pytest.raises(AddonError, match=f"{where} is a pickle"):
            read_performance(tmp_path / "x.npz", 30.0, DESCRIPTIONS)
    assert not trace.exists()
    np.load(tmp_path / "x.npz", allow_pickle=True)[where]  # the trap would have worked
    assert trace.exists()


def test_a_pickle_under_another_name_is_not_opened(tmp_path: Path) -> None:
    trace = tmp_path / "ran"
    (tmp_path / "x.npz").write_bytes(pickle.dumps(Hostile(trace)))
    with pytest.raises(AddonError):
        read_performance(tmp_path / "x.npz", 30.0, DESCRIPTIONS)
    assert not trace.exists()


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"poses": np.zeros((10, 100))}, "100 columns instead of 165"),
        ({"poses": np.zeros((0, 165))}, "is empty"),
        ({"poses": np.full((10, 165), np.nan)}, "not finite"),
        ({"poses": np.full((10, 165), "x")}, "where numbers should be"),
        ({"poses": np.full((10, 165), 1e30)}, "absurdly large"),
        ({"poses": np.full((10, 165), 20.0)}, "in degrees instead of radians"),
        ({"trans": np.zeros((9, 3))}, r"trans has shape \(9, 3\) for 10 frames"),
        ({"trans": np.zeros((10, 2))}, "trans has shape"),
        ({"trans": np.full((10, 3), np.inf)}, "not finite"),
        ({"mocap_framerate": 0.0}, "frame rate is 0"),
        ({"mocap_framerate": np.nan}, "not finite"),
        ({"mocap_framerate": 1e4}, "frame rate is 10000"),
        ({"expressions": np.zeros((11, 10))}, "expressions has shape"),
        ({"poses": None, "root_orient": np.zeros((10, 3))}, "nor root_orient and pose_body"),
        ({"poses": None, "root_orient": np.zeros((9, 3)), "pose_body": np.zeros((10, 63))}, "root_orient has shape"),
        ({"poses": None, "global_orient": np.zeros((10, 3)), "body_pose": np.zeros((10, 63)),
          "left_hand_pose": np.zeros((10, 12))}, "PCA"),
        ({"poses": None, "betas": np.zeros(10)}, "no arkit"),
        ({"poses": None, "v_template": np.zeros((10475, 3))}, "no arkit"),
    ],
)  # fmt: skip
def test_what_is_no_sequence_is_refused_in_a_sentence(tmp_path: Path, change: dict, reason: str) -> None:
    arrays = {"poses": np.zeros((10, 165)), "trans": np.zeros((10, 3)), "mocap_framerate": 60.0, **change}
    path = saved(tmp_path / "x.npz", **{name: value for name, value in arrays.items() if value is not None})
    with pytest.raises(AddonError, match=reason):
        read_performance(path, 30.0, DESCRIPTIONS)


def test_an_array_that_claims_to_be_huge_costs_no_memory(tmp_path: Path) -> None:
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, {"descr": "<f8", "fortran_order": False, "shape": (10**9, 165)})
    with zipfile.ZipFile(tmp_path / "x.npz", "w") as archive:
        archive.writestr("poses.npy", header.getvalue() + bytes(1000))
    with pytest.raises(AddonError, match="claims to be"):
        read_performance(tmp_path / "x.npz", 30.0, DESCRIPTIONS)


@settings(deadline=None, max_examples=80)
@given(data=st.data())
def test_damage_is_told_in_a_sentence(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    path = saved(tmp_path_factory.mktemp("x") / "x.npz", poses=np.zeros((3, 66)), trans=np.zeros((3, 3)), fps=30.0)
    whole = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 6))):
        whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    path.write_bytes(whole[: data.draw(st.sampled_from([len(whole), len(whole) // 2]))])
    try:
        read_performance(path, 30.0, DESCRIPTIONS)
    except AddonError as error:
        assert str(path) in str(error)  # noqa: PT017


@pytest.mark.parametrize(
    ("content", "reason"), [(b"text", "it is no .npz"), (b"PK\x03\x04" + bytes(99), "it is damaged"), (b"", "no .npz")]
)
def test_what_is_no_npz_is_told_as_that(tmp_path: Path, content: bytes, reason: str) -> None:
    (tmp_path / "x.npz").write_bytes(content)
    with pytest.raises(AddonError, match=re.escape(reason)):
        read_performance(tmp_path / "x.npz", 30.0, DESCRIPTIONS)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no named pipes here")
def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "x.npz")
    with pytest.raises(AddonError, match="device"):
        read_performance(tmp_path / "x.npz", 30.0, DESCRIPTIONS)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(AddonError, match=r"none\.npz"):
        read_performance(tmp_path / "none.npz", 30.0, DESCRIPTIONS)
