"""What is said of shots that look at a head from where its photo shows little of it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from portraits_of import photo_camera, portrait_of
from scipy.spatial.transform import Rotation

from vlogger_backend.camera import Camera
from vlogger_backend.motion.motion import Motion
from vlogger_backend.motion.names import JOINT_INDEX
from vlogger_backend.renderers.aside import degrees_aside, remark_on
from vlogger_backend.renderers.renderer import Scene

SIZE = (128, 128)


@pytest.fixture(scope="module")
def still() -> Scene:
    """Three frames as in the photo."""
    zeros = [np.zeros((3, *shape), np.float32) for shape in ((55, 3), (3,), (52,), (0,))]
    return Scene(portrait_of(SIZE), Motion(30.0, *zeros), photo_camera(SIZE), 0, 2, 0)


def turning(still: Scene, *bones: str) -> Scene:
    """In the second frame these bones share a turn of 50 degrees."""
    poses = still.motion.poses.copy()
    for bone in bones:
        poses[1, JOINT_INDEX[bone], 1] = np.radians(50) / len(bones)
    return replace(still, motion=replace(still.motion, poses=poses))


def test_the_photos_own_view_is_not_aside(still: Scene) -> None:
    assert degrees_aside(still) == pytest.approx(np.zeros(3), abs=0.1)
    assert remark_on(still) == ""


@pytest.mark.parametrize("bones", [("head",), ("neck", "head"), ("spine1", "spine3", "neck", "head")])
def test_a_turned_head_is(still: Scene, bones: tuple[str, ...]) -> None:
    # A little less, since the face comes nearer to the camera's axis or goes away from it.
    assert degrees_aside(turning(still, *bones)) == pytest.approx([0, 50, 0], abs=6)
    assert "Frame 1 " in remark_on(turning(still, *bones))


def test_a_body_that_turns_with_the_camera_is_not(still: Scene) -> None:
    turn = Rotation.from_euler("y", 80, degrees=True)
    poses = still.motion.poses.copy()
    poses[:, 0] = turn.as_rotvec()
    pelvis = np.linalg.norm(degrees_aside(replace(still, motion=replace(still.motion, poses=poses))))
    assert pelvis > 100
    (pose,), (field,) = still.camera.over(1)
    moved = np.eye(4)
    moved[:3, :3] = turn.as_matrix() @ pose[:3, :3]
    moved[:3, 3] = turn.as_matrix() @ pose[:3, 3]
    camera = Camera.of(SIZE, moved, float(field))
    scene = replace(still, motion=replace(still.motion, poses=poses), camera=camera)
    assert degrees_aside(scene) == pytest.approx(np.zeros(3), abs=1.5)


def test_a_camera_behind_the_head_is_as_far_as_can_be(still: Scene) -> None:
    (pose,), (field,) = still.camera.over(1)
    behind = pose.copy()
    behind[2, 3] *= -1
    assert degrees_aside(replace(still, camera=Camera.of(SIZE, behind, float(field)))).min() > 150


def test_frames_are_counted_as_the_takes(still: Scene) -> None:
    assert "Frame 1 " in remark_on(replace(turning(still, "head"), first=1))
