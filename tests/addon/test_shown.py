"""A take on the scene's frames, as a file for the service, and which of its pictures are there."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from blender_addon.core.errors import AddonError
from blender_addon.core.rotations import from_vectors, multiply
from blender_addon.core.shown import Painted, digests, sampled, write_shown
from vlogger_backend.motion import take as takes

sys.path.append(str(Path(__file__).parents[1] / "blender"))
from box_person import lively_take


def test_whole_frames_are_the_take_s_own():
    take = lively_take(20)
    found = sampled(take, np.arange(5.0, 12.0), 25)
    assert found.fps == 25
    np.testing.assert_array_equal(found.poses, take.poses[5:12])
    np.testing.assert_array_equal(found.face, take.face[5:12])


@given(st.floats(0, 18.9))
def test_between_frames_it_turns_on_evenly(place):
    take = lively_take(20)
    (pose,) = from_vectors(sampled(take, np.array([place]), 30).poses)
    low = int(place)
    start, end = from_vectors(take.poses[low]), from_vectors(take.poses[min(low + 1, 19)])

    def apart(a, b):
        inverse = a * [1, -1, -1, -1]
        return 2 * np.arccos(np.clip(np.abs(multiply(inverse, b)[..., 0]), 0, 1))

    whole, gone = apart(start, end), apart(start, pose)
    np.testing.assert_allclose(gone, whole * (place - low), atol=2e-3)
    np.testing.assert_allclose(gone + apart(pose, end), whole, atol=4e-3)


def test_places_outside_are_the_ends_and_one_frame_is_enough():
    take = lively_take(3)
    found = sampled(take, np.array([-2.0, 0.5, 7.0]), 30)
    np.testing.assert_array_equal(found.trans[[0, 2]], take.trans[[0, 2]])
    assert len(sampled(lively_take(1), np.array([0.4, 1.2]), 30)) == 2


@pytest.mark.parametrize("meta", ["", '{"request": {"audio": "line.wav", "seed": 3, "body": {"age": 0.3}}}', "[]", "{"])
def test_the_service_reads_what_is_written(tmp_path, meta):
    from dataclasses import replace

    take = replace(lively_take(9, face_names=("jawOpen", "mouthSmileLeft")), meta=meta)
    write_shown(tmp_path / "folder" / "shown.npz", take, "bonny")
    read = takes.read_take(tmp_path / "folder" / "shown.npz")
    np.testing.assert_array_equal(read.motion.poses, take.poses)
    np.testing.assert_array_equal(read.motion.arkit[:, takes.ARKIT_NAMES.index("jawOpen")], take.face[:, 0])
    assert read.request.seed == (3 if "seed" in meta else 0)
    assert read.request.body.age == (0.3 if "age" in meta else 0.7)


def test_where_it_cannot_be_written_is_said(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(AddonError, match="can't be written"):
        write_shown(tmp_path / "file" / "shown.npz", lively_take(2), "x")


def painted(folder):
    return Painted(folder, lambda number: folder / f"{number}.png")


def test_pictures_are_known_by_what_they_were_made_of(tmp_path):
    first = painted(tmp_path)
    wanted = {number: f"a{number}" for number in range(6)}
    assert first.missing(wanted) == [range(6)]
    for number in range(6):
        (tmp_path / f"{number}.png").write_bytes(b"x" * (number + 1))
        first.came(number, wanted[number])
    first.save()
    again = painted(tmp_path)
    assert again.missing(wanted) == []
    (tmp_path / "1.png").unlink()
    (tmp_path / "4.png").write_bytes(b"something else")
    assert painted(tmp_path).missing({**wanted, 2: "other"}) == [range(1, 3), range(4, 5)]


def test_a_picture_that_has_just_come_is_not_taken_for_an_old_one(tmp_path):
    for number in range(3):
        (tmp_path / f"{number}.png").write_bytes(b"old")
    kept = painted(tmp_path)
    (run,) = kept.missing(dict.fromkeys(range(4), "new"))
    (tmp_path / "new.part").write_bytes(b"new")
    (tmp_path / "new.part").replace(tmp_path / "1.png")
    kept.forget(run)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["1.png"]


@pytest.mark.parametrize("content", ["", "[]", "{", '{"0": 3}', "\x00"])
def test_a_damaged_list_only_costs_time(tmp_path, content):
    (tmp_path / "frames.json").write_text(content)
    (tmp_path / "0.png").write_bytes(b"x")
    assert painted(tmp_path).missing({0: "a"}) == [range(1)]


def test_whatever_is_seen_counts():
    take = lively_take(4)
    plain = digests(take, range(4), [b""] * 4)
    assert len(set(plain)) == 4
    assert digests(take, range(1, 3), [b"", b""]) == plain[1:3]
    assert digests(take, range(2), [b"camera", b""])[1] == plain[1]
    assert digests(take, range(2), [b"camera", b""])[0] != plain[0]
