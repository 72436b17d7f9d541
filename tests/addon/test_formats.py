"""Performances of other programs, and files that only look like them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from blender_addon.core.dials import sealed_frames
from blender_addon.core.errors import AddonError
from blender_addon.core.formats.livelink import read_live_link
from blender_addon.core.formats.rhubarb import MOUTHS, read_rhubarb
from blender_addon.core.names import JOINT_NAMES

SHAPES = ["EyeBlinkLeft", "EyeLookDownLeft", "EyeLookInLeft", "EyeLookOutLeft", "EyeLookUpLeft", "JawOpen",
          "MouthClose", "MouthFunnel", "MouthPucker", "BrowInnerUp", "CheekPuff", "TongueOut"]  # fmt: skip
TURNS = ["HeadYaw", "HeadPitch", "HeadRoll", "LeftEyeYaw", "LeftEyePitch", "LeftEyeRoll"]


def capture(path: Path, rows: int = 90, fps: int = 60, **columns: float) -> Path:
    """A Live Link Face file in which all is 0 but `columns`."""
    lines = ["Timecode,BlendShapeCount," + ",".join(SHAPES + TURNS)]
    for i in range(rows):
        second, frame = divmod(i + 7, fps)
        code = f"10:59:{second + 30:02}:{frame:02}.250"
        lines.append(",".join([code, "61", *(str(columns.get(name, 0)) for name in SHAPES + TURNS)]))
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def turned(path: Path, **columns: float) -> np.ndarray:
    take = read_live_link(capture(path, **columns))
    return np.asarray(take.poses[0, JOINT_NAMES.index("head")] + take.poses[0, JOINT_NAMES.index("neck")])


def test_a_face_capture_is_read_with_its_rate_and_apples_names(tmp_path: Path) -> None:
    take = read_live_link(capture(tmp_path / "c.csv", JawOpen=0.25))
    assert take.fps == 60
    assert len(take) == 90
    assert take.face_names[0] == "eyeBlinkLeft"
    assert take.face[:, take.face_names.index("jawOpen")] == pytest.approx(0.25)
    assert read_live_link(capture(tmp_path / "c.csv", fps=30)).fps == 30


def test_the_head_turns_as_unreal_s_rotators_say(tmp_path: Path) -> None:
    path = tmp_path / "c.csv"
    np.testing.assert_allclose(turned(path, HeadYaw=0.3), [0, -0.3, 0], atol=1e-6)  # to the person's right
    np.testing.assert_allclose(turned(path, HeadPitch=0.3), [-0.3, 0, 0], atol=1e-6)  # up
    np.testing.assert_allclose(turned(path, HeadRoll=0.3), [0, 0, 0.3], atol=1e-6)  # to the right shoulder


def test_the_eyes_look_where_their_weights_say(tmp_path: Path) -> None:
    take = read_live_link(capture(tmp_path / "c.csv", EyeLookOutLeft=0.5, EyeLookUpLeft=0.2))
    vector = take.poses[0, JOINT_NAMES.index("left_eye_smplhf")]
    np.testing.assert_allclose(np.degrees(vector), [-6, 15, 0], atol=1e-4)


@pytest.mark.parametrize(
    "text", ["", "Timecode\n", "a,b,c\n1,2,3\n", "Timecode," + ",".join(SHAPES) + "\n", "\x00\xff,"]
)
def test_what_is_no_face_capture_is_refused_in_a_sentence(tmp_path: Path, text: str) -> None:
    path = tmp_path / "c.csv"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(AddonError, match="not a Live Link Face CSV"):
        read_live_link(path)


def test_numbers_that_are_none_are_refused(tmp_path: Path) -> None:
    with pytest.raises(AddonError, match="not finite"):
        read_live_link(capture(tmp_path / "c.csv", JawOpen=float("nan")))


def cues(path: Path, spoken: list[tuple[float, str]]) -> Path:
    start, rows = 0.0, []
    for length, mouth in spoken:
        rows.append({"start": round(start, 4), "end": round(start + length, 4), "value": mouth})
        start += length
    path.write_text(json.dumps({"metadata": {"soundFile": "x.wav", "duration": start}, "mouthCues": rows}))
    return path


@settings(deadline=None, max_examples=60)
@given(
    spoken=st.lists(st.tuples(st.floats(0.03, 0.5), st.sampled_from(sorted(MOUTHS))), min_size=1, max_size=20),
    fps=st.sampled_from([24.0, 25.0, 29.97, 30.0, 60.0]),
)
def test_every_closed_mouth_closes_the_lips(tmp_path_factory: pytest.TempPathFactory, spoken: list, fps: float) -> None:
    path = cues(tmp_path_factory.mktemp("cues") / "c.json", spoken)
    take = read_rhubarb(path, fps)
    sealed = sealed_frames(take)
    start = 0.0
    for length, mouth in spoken:
        middle = round((round(start, 4) + round(start + length, 4)) / 2 * fps)
        if mouth == "A":
            assert sealed[max(middle - 1, 0) : middle + 2].any()
        start += length
    assert take.face.min() >= 0
    assert take.face.max() <= 1


def test_an_open_mouth_opens_and_the_lips_move_smoothly(tmp_path: Path) -> None:
    take = read_rhubarb(cues(tmp_path / "c.json", [(0.3, "X"), (0.3, "D"), (0.3, "F"), (0.3, "X")]), 60.0)
    jaw = take.face[:, take.face_names.index("jawOpen")]
    assert jaw[27] == pytest.approx(MOUTHS["D"]["jawOpen"])
    assert jaw[0] == jaw[-1] == 0
    assert np.abs(np.diff(take.face, axis=0)).max() < 0.3


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        '{"mouthCues": []}',
        '{"mouthCues": [1, 2]}',
        '{"mouthCues": [{"start": 0, "end": 1, "value": "Q"}]}',
        '{"mouthCues": [{"start": 2, "end": 1, "value": "A"}]}',
        '{"mouthCues": [{"start": 0, "end": 1e300, "value": "A"}]}',
        '{"mouthCues": [{"start": 1, "end": 2, "value": "A"}, {"start": 0, "end": 1, "value": "A"}]}',
    ],
)
def test_what_is_no_list_of_cues_is_refused_in_a_sentence(tmp_path: Path, text: str) -> None:
    path = tmp_path / "c.json"
    path.write_text(text)
    with pytest.raises(AddonError, match=r"not Rhubarb's JSON \((it has|its|Expecting)"):
        read_rhubarb(path, 30.0)


def test_files_that_are_not_there_are_named(tmp_path: Path) -> None:
    for read in (read_live_link, lambda path: read_rhubarb(path, 30.0)):
        with pytest.raises(AddonError, match=r"none\.x"):
            read(tmp_path / "none.x")
