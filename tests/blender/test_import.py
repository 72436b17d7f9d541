"""Recordings of people, imported in Blender: they walk ahead on the floor, and are takes like others."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.append(str(Path(__file__).parents[1] / "addon"))  # the tests of both share who walks
pytest.importorskip("scipy")

from bvh_files import Style, written
from characters import BODIES, DESCRIPTIONS, described
from scipy.spatial.transform import Rotation
from walking import STRIDE, walk

from blender_addon.core.matching import match_rig

EVERY = 5


def test_recordings_are_keyed_as_takes(blender, tmp_path):
    walked = walk(2.0, 30.0)
    rig, _ = described(BODIES["cmu"])
    mapping = match_rig(rig, DESCRIPTIONS)[0]
    (tmp_path / "walk.bvh").write_text(written(walked, rig, mapping, Style(rest=True)))
    (tmp_path / "long.bvh").write_text(written(walk(20.0, 120.0), rig, mapping))
    (tmp_path / "bad.bvh").write_text("HIERARCHY\nROOT")
    to_z_up = np.array([[1.0, 0, 0], [0, 0, -1.0], [0, 1.0, 0]])
    poses = walked.poses.reshape(len(walked), -1).astype(np.float64)
    poses[:, :3] = (Rotation.from_matrix(to_z_up) * Rotation.from_rotvec(poses[:, :3])).as_rotvec()
    np.savez(tmp_path / "walk.npz", poses=poses, trans=walked.trans @ to_z_up.T + [3, 2, 0.95], mocap_framerate=30.0)

    found = blender("import_files.py", tmp_path, EVERY)
    assert "not a BVH file" in str(found["bad"])
    assert "Make Instances Real" in str(found["instance"])
    assert "scaled to nothing" in str(found["no size"])
    assert "No mesh of it has shape keys" in str(found["said"])
    assert len(found["after bad"]) == 0
    names = list(found["names"])
    for file in ("walk.bvh", "walk.npz"):
        places = dict(zip(names, np.moveaxis(found[f"places {file}"], 1, 0), strict=True))
        ahead = places["pelvis"][-1] - places["pelvis"][0]
        np.testing.assert_allclose(ahead, [0, ahead[1], 0], atol=0.1)
        assert -ahead[1] == pytest.approx(2 * STRIDE * 55 / 30, rel=0.25)  # times the box person's size
        assert (places["left_hip"] - places["right_hip"])[:, 0].min() > 0.1
        rest = 0.03  # the box person's ball of the foot at rest
        lowest = np.minimum(places["left_foot"][:, 2], places["right_foot"][:, 2])
        np.testing.assert_allclose(lowest, rest, atol=0.03)
        assert (places["head"] - places["pelvis"])[:, 2].min() > 0.4
    assert [str(name) for name in found["takes"]] == ["walk", "walk 2"]
    assert str(found["kept"]).startswith(str(tmp_path / "vlogger"))
    assert found["arms moved"] > 0.05
    assert found["as before"] < 1e-4
    assert list(found["long"]) == [3, 1]
    assert found["longest tick"] < 0.5
