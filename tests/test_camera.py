"""Cameras: what can't be one is refused in a sentence, what can gives a pose and a field for every frame."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from vlogger_backend.avatars.library import load_avatar
from vlogger_backend.camera import MOST_PIXELS, Camera, framing
from vlogger_backend.errors import InputError
from vlogger_backend.motion.names import JOINT_INDEX

HERE = (1.0, 0.0, 0.0, 0.0, 0.0, 1.0, 0.0, 1.5, 0.0, 0.0, 1.0, 3.0)


def with_number(index: int, value: float) -> tuple[float, ...]:
    return (*HERE[:index], value, *HERE[index + 1 :])


@pytest.mark.parametrize(
    ("camera", "said"),
    [
        ((15, 720, (HERE,), (0.5,)), "15 x 720"),
        ((720, 4097, (HERE,), (0.5,)), "16 to 4096"),
        ((-720, 720, (HERE,), (0.5,)), "-720 x 720"),
        ((4096, 4096, (HERE,), (0.5,)), "at most 9,437,184"),
        ((720, 720, (), (0.5,)), "no pose"),
        ((720, 720, (HERE,), ()), "no field"),
        ((720, 720, (HERE, HERE[:11]), (0.5,)), "pose 1 has 11 numbers"),
        ((720, 720, ((*HERE, 0.0, 0.0, 0.0, 1.0),), (0.5,)), "pose 0 has 16 numbers"),
        ((720, 720, (HERE, HERE, with_number(3, float("nan"))), (0.5,)), "pose 2 .*not finite"),
        ((720, 720, (with_number(0, float("inf")),), (0.5,)), "not finite"),
        ((720, 720, (with_number(11, 1e9),), (0.5,)), "metres"),
        ((720, 720, (with_number(0, 2.0),), (0.5,)), "scaled"),
        ((720, 720, (with_number(0, 1e300),), (0.5,)), "scaled"),
        ((720, 720, (with_number(1, 0.1),), (0.5,)), "sheared"),
        ((720, 720, (with_number(0, -1.0),), (0.5,)), "mirrored"),
        ((720, 720, ((0.0,) * 12,), (0.5,)), "scaled"),
        ((720, 720, (HERE,), (0.0,)), "view 0 is 0.0"),
        ((720, 720, (HERE,), (0.5, -0.5)), "view 1 is -0.5"),
        ((720, 720, (HERE,), (3.1416,)), "radians"),
        ((720, 720, (HERE,), (float("nan"),)), "radians"),
        ((720, 720, (HERE, HERE), (0.5, 0.5, 0.5)), "2 poses and 3 fields"),
    ],
)
def test_what_is_no_camera_is_refused_in_a_sentence(camera, said):
    with pytest.raises(InputError, match=said) as refused:
        Camera(*camera)
    assert "\n" not in str(refused.value)
    assert str(refused.value).endswith(".")


@given(
    st.integers(16, 4096),
    st.integers(16, 4096),
    st.lists(
        st.tuples(st.tuples(*[st.floats(-7, 7)] * 3), st.tuples(*[st.floats(-1000, 1000)] * 3)), min_size=1, max_size=4
    ),
    st.floats(0.01, 3.1),
)
def test_every_rotation_and_place_is_a_camera_also_in_single_precision(width, height, moves, field):
    if width * height > MOST_PIXELS:
        height = MOST_PIXELS // width
    poses = np.tile(np.eye(4), (len(moves), 1, 1))
    poses[:, :3, :3] = Rotation.from_rotvec([turn for turn, _ in moves]).as_matrix()
    poses[:, :3, 3] = [place for _, place in moves]
    camera = Camera.of((width, height), poses.astype(np.float32), field)
    found, fields = camera.over(len(moves))
    np.testing.assert_allclose(found, poses, atol=1e-3)
    assert fields.tolist() == [field] * len(moves)


def test_one_pose_and_one_field_serve_every_frame():
    poses, fields = Camera(64, 48, (HERE,), (0.5,)).over(3)
    assert poses.shape == (3, 4, 4)
    np.testing.assert_array_equal(poses[2, :3], np.reshape(HERE, (3, 4)))
    np.testing.assert_array_equal(poses[2, 3], [0, 0, 0, 1])
    assert fields.tolist() == [0.5, 0.5, 0.5]


def test_a_still_camera_may_zoom_and_a_moving_one_keep_its_lens():
    assert Camera(64, 48, (HERE,), (0.5, 0.6)).over(2)[1].tolist() == [0.5, 0.6]
    moving = Camera(64, 48, (HERE, with_number(11, 4.0)), (0.5,)).over(2)[0]
    assert moving[:, 2, 3].tolist() == [3.0, 4.0]


@pytest.mark.parametrize("frames", [1, 2, 4])
def test_a_camera_that_moves_for_another_number_of_frames_is_refused(frames):
    with pytest.raises(InputError, match=f"3 poses and the shot has {frames} frames"):
        Camera(64, 48, (HERE,) * 3, (0.5,)).over(frames)
    with pytest.raises(InputError, match="3 fields of view"):
        Camera(64, 48, (HERE,), (0.5,) * 3).over(frames)


@pytest.mark.parametrize("size", [(720, 720), (1920, 1080), (360, 800)])
def test_framing_shows_the_head_whole_and_upright(size):
    avatar = load_avatar()
    head = avatar.joints[JOINT_INDEX["head"]]
    top = avatar.vertices[avatar.vertices[:, 1].argmax()]
    for shot in ("body", "face"):
        camera = framing(avatar, size, shot)
        poses, fields = camera.over(1)
        focal = size[1] / 2 / np.tan(fields[0] / 2)
        heights = [size[1] / 2 - focal * (p[1] - poses[0, 1, 3]) / (poses[0, 2, 3] - p[2]) for p in (top, head)]
        assert 0 < heights[0] < heights[1] < size[1]
        assert heights[0] < size[1] * 0.3
        np.testing.assert_array_equal(poses[0, :3, :3], np.eye(3))


def test_a_moving_camera_can_be_had_for_some_frames_alone():
    poses = np.tile(np.eye(4), (5, 1, 1))
    poses[:, 0, 3] = np.arange(5)
    moving = Camera.of((64, 48), poses, [0.1, 0.2, 0.3, 0.4, 0.5])
    some, fields = moving.only(np.array([4, 1])).over(2)
    assert some[:, 0, 3].tolist() == [4, 1]
    assert fields.tolist() == [0.5, 0.2]
    still = Camera.of((64, 48), np.eye(4), 0.3)
    assert still.only(np.array([7, 9, 9])) is still
