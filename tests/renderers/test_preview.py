"""The preview: a person is seen, in the frame, and what moves in the take moves in the picture."""

import numpy as np
import pytest

from vlogger_backend.avatars.library import load_avatar
from vlogger_backend.avatars.posing import posed_joints
from vlogger_backend.camera import Pinhole
from vlogger_backend.motion.motion import Motion
from vlogger_backend.motion.names import ARKIT_INDEX, EYE_JOINTS, JOINT_INDEX
from vlogger_backend.renderers.following import filmed
from vlogger_backend.renderers.preview import render_frames
from vlogger_backend.renderers.preview_video import write_preview

SIZE = (320, 256)
TRACKS = ("poses", "trans", "arkit", "expression")


def still(frames: int = 1) -> Motion:
    poses = np.zeros((frames, 55, 3), np.float32)
    poses[:, JOINT_INDEX["left_shoulder"], 2], poses[:, JOINT_INDEX["right_shoulder"], 2] = -1.2, 1.2
    none = np.zeros((frames, 0), np.float32)
    return Motion(30.0, poses, np.zeros((frames, 3), np.float32), np.zeros((frames, 52), np.float32), none)


@pytest.fixture(scope="module")
def avatar():
    return load_avatar()


@pytest.fixture(scope="module")
def at_rest(avatar):
    return {shot: next(render_frames(avatar, still(), SIZE, shot)) for shot in ("body", "face")}


def changed(a, b):
    """Rows and columns (n, 2) of the pixels that differ visibly."""
    return np.argwhere(np.abs(a.astype(int) - b).max(axis=2) > 12)


@pytest.mark.parametrize("shot", ["body", "face"])
def test_the_picture_has_the_size_asked_for_and_is_not_blank(at_rest, shot):
    picture = at_rest[shot]
    assert picture.shape == (SIZE[1], SIZE[0], 3)
    assert picture.dtype == np.uint8
    assert picture.std() > 15
    skin = (picture[..., 0] > picture[..., 2] + 40).mean()
    assert 0.01 < skin < 0.5


def test_head_is_whole_and_in_the_upper_middle(at_rest):
    for picture in at_rest.values():
        middle = picture[:, SIZE[0] // 2].astype(int)
        hair = np.flatnonzero(middle.max(axis=1) < 100)
        face = np.flatnonzero(middle[:, 0] > middle[:, 2] + 40)
        assert 0.02 * SIZE[1] < hair[0] < face[0] < 0.4 * SIZE[1]


def test_the_mouth_moves_when_the_jaw_opens_and_nothing_else_does(avatar, at_rest):
    motion = still()
    motion.arkit[0, ARKIT_INDEX["jawOpen"]] = 1
    spots = changed(next(render_frames(avatar, motion, SIZE, "face")), at_rest["face"])
    assert len(spots) > 200
    assert spots[:, 0].min() > SIZE[1] * 0.35
    assert abs(spots[:, 1].mean() - SIZE[0] / 2) < SIZE[0] * 0.05


def test_a_blink_changes_the_eyes_alone(avatar, at_rest):
    motion = still()
    motion.arkit[0, [ARKIT_INDEX["eyeBlinkLeft"], ARKIT_INDEX["eyeBlinkRight"]]] = 1
    spots = changed(next(render_frames(avatar, motion, SIZE, "face")), at_rest["face"])
    assert 20 < len(spots) < 0.05 * SIZE[0] * SIZE[1]
    assert np.ptp(spots[:, 0]) < SIZE[1] * 0.25


def test_gesturing_hands_are_in_the_body_shot(avatar, at_rest):
    motion = still()
    motion.poses[0, JOINT_INDEX["left_elbow"], 1], motion.poses[0, JOINT_INDEX["right_elbow"], 1] = -1.6, 1.6
    picture = next(render_frames(avatar, motion, SIZE))
    skin = np.argwhere(picture[..., 0] > picture[..., 2].astype(int) + 40)
    hands = skin[skin[:, 0] > SIZE[1] * 0.5]
    assert len(hands) > 100
    assert hands[:, 0].max() < SIZE[1] - 5
    assert (hands[:, 1] < SIZE[0] / 2).any()
    assert (hands[:, 1] > SIZE[0] / 2).any()


def test_the_same_take_gives_the_same_pixels_and_progress_ends_at_one(avatar, at_rest):
    done = []
    first, again = render_frames(avatar, still(2), SIZE, "face", lambda stage, part: done.append(part))
    np.testing.assert_array_equal(first, at_rest["face"])
    np.testing.assert_array_equal(again, first)
    assert done == [0.5, 1.0]


def test_leaving_early_and_starting_anew_works(avatar):
    for _ in range(3):
        frames = render_frames(avatar, still(5), (64, 64))
        next(frames)
        frames.close()


def test_two_previews_at_once_keep_out_of_each_others_way(avatar, at_rest):
    face, body = render_frames(avatar, still(3), SIZE, "face"), render_frames(avatar, still(3), SIZE, "body")
    next(face)
    np.testing.assert_array_equal(next(body), at_rest["body"])
    np.testing.assert_array_equal(next(face), at_rest["face"])
    face.close()
    np.testing.assert_array_equal(next(body), at_rest["body"])
    body.close()


def test_an_empty_take_has_no_frames(avatar):
    assert list(render_frames(avatar, still(0), SIZE)) == []


def test_the_video_goes_along_with_who_walks_away_and_needs_no_sound(avatar, tmp_path):
    import av

    walking = still(12)
    walking.trans[:, 2] = np.linspace(0, 5, 12)
    write_preview(tmp_path / "walk.mp4", avatar, Motion(4.0, *(vars(walking)[name] for name in TRACKS)), None)
    with av.open(str(tmp_path / "walk.mp4")) as file:
        assert [stream.type for stream in file.streams] == ["video"]
        pictures = [frame.to_ndarray(format="rgb24") for frame in file.decode(video=0)]
    assert len(pictures) == 12
    for picture in pictures:
        skin = picture[..., 0].astype(int) > picture[..., 2] + 40
        assert 0.03 < skin.mean() < 0.5


def test_recordings_are_shown_at_most_sixty_times_a_second(avatar, tmp_path):
    import av

    write_preview(tmp_path / "fast.mp4", avatar, Motion(240.0, *(vars(still(8))[name] for name in TRACKS)), None)
    with av.open(str(tmp_path / "fast.mp4")) as file:
        assert file.streams.video[0].average_rate == 60
        assert sum(1 for _ in file.decode(video=0)) == 2


@pytest.mark.parametrize("moves", ["stands", "walks", "turns", "bows"])
def test_the_face_stays_in_the_picture(avatar, moves):
    motion = still(90)
    part = np.linspace(0, 1, 90, dtype=np.float32)
    if moves == "walks":
        motion.trans[:] = part[:, None] * (4, 0, -2)
    elif moves == "turns":
        motion.poses[:, 0, 1] = np.pi * part
    elif moves == "bows":
        motion.poses[:, [JOINT_INDEX[name] for name in ("spine1", "spine2", "spine3")], 0] = 0.5 * part[:, None]
    camera = filmed(avatar, motion, SIZE, "face")
    assert (len(camera.poses) == 1) == (moves == "stands")
    poses, fields = camera.over(90)
    for frame in (0, 45, 89):
        eyes = posed_joints(avatar, motion.poses[frame], motion.trans[frame])[[JOINT_INDEX[n] for n in EYE_JOINTS]]
        view = Pinhole(poses[frame], float(fields[frame]), SIZE)
        pixels, depths = view.seen(eyes)
        assert (depths > 0.3).all()
        assert (np.abs(pixels / SIZE - 0.5) < 0.2).all()
        assert pixels[0, 0] - pixels[1, 0] > 0.1 * SIZE[0], "seen from the front"
