"""What the built-in character did in the scene comes back as the take that does just that."""

from __future__ import annotations

import numpy as np
from scipy.spatial.transform import Rotation

from blender_addon.core.as_seen import as_seen
from blender_addon.core.names import JOINT_NAMES
from blender_addon.core.skeleton import PARENTS, REST
from blender_addon.core.take import Take

NAMES = ("jawOpen", "eyeBlinkLeft")
PLACING = np.diag([100.0, 100.0, 100.0, 1.0]) @ np.array([[1.0, 0, 0, 0], [0, 0, -1, 0], [0, 1, 0, 0], [0, 0, 0, 1]])
"""SMPL-X's coordinates as Blender's, in centimetres."""


def take(seed: int, frames: int) -> Take:
    random = np.random.default_rng(seed)
    poses = random.normal(0, 0.5, (frames, len(JOINT_NAMES), 3)).astype(np.float32)
    return Take(25.0, poses, random.normal(size=(frames, 3)).astype(np.float32),
                random.uniform(size=(frames, 2)).astype(np.float32), NAMES, "")  # fmt: skip


def bones_of(performed: Take) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """The bones, rolled anyhow, at rest and as the take moves them."""
    rest, bones, turns, heads = {}, {}, {}, {}
    for i, joint in enumerate(JOINT_NAMES):
        parent = PARENTS[joint]
        local = Rotation.from_rotvec(performed.poses[:, i])
        turns[joint] = local if parent is None else turns[parent] * local
        if parent is None:
            heads[joint] = REST[joint] + performed.trans
        else:
            heads[joint] = heads[parent] + turns[parent].apply(REST[joint] - REST[parent])
        roll = Rotation.random(random_state=i)
        still, moved = np.eye(4), np.tile(np.eye(4), (len(performed), 1, 1))
        still[:3, :3], still[:3, 3] = roll.as_matrix(), REST[joint]
        moved[:, :3, :3], moved[:, :3, 3] = (turns[joint] * roll).as_matrix(), heads[joint]
        rest[joint], bones[joint] = PLACING @ still, PLACING @ moved
    return rest, bones


def test_the_way_back_is_exact_and_other_frames_stay() -> None:
    made, edited = take(0, 10), take(1, 4)
    rest, bones = bones_of(edited)
    seen, notes = as_seen(made, 3, rest, bones, {"jawOpen": np.array([0.1, 0.5, 2.0, -1.0])}, PLACING)
    assert not notes
    for i in range(len(JOINT_NAMES)):
        off = Rotation.from_rotvec(seen.poses[3:7, i]).inv() * Rotation.from_rotvec(edited.poses[:, i])
        assert off.magnitude().max() < 1e-4
    np.testing.assert_allclose(seen.trans[3:7], edited.trans, atol=1e-5)
    np.testing.assert_allclose(seen.face[3:7, 0], [0.1, 0.5, 1.0, 0.0], atol=1e-6)
    np.testing.assert_array_equal(seen.face[:, 1], made.face[:, 1])
    for rows in (slice(0, 3), slice(7, 10)):
        np.testing.assert_array_equal(seen.poses[rows], made.poses[rows])
        np.testing.assert_array_equal(seen.trans[rows], made.trans[rows])


def test_bones_that_were_pulled_off_or_scaled_are_told() -> None:
    made = take(0, 2)
    rest, bones = bones_of(made)
    bones["left_wrist"][:, 0, 3] += 5.0
    bones["head"][:, :3, :3] *= 1.5
    seen, notes = as_seen(made, 0, rest, bones, {}, PLACING)
    assert np.isfinite(seen.poses).all()
    assert "left_wrist" in notes[0]
    assert "head" in notes[0]
