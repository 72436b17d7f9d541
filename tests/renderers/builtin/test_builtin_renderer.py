"""The built-in renderer over whole shots: memory, cancelling, flicker, seeds, and views that a photo hardly allows."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
import psutil
import pytest
import skimage.data
from PIL import Image
from portraits_of import HEAD_HEIGHT, performing, photo_camera, portrait_of

from vlogger_backend.camera import Camera
from vlogger_backend.motion.motion import Motion
from vlogger_backend.motion.names import ARKIT_INDEX, JOINT_INDEX
from vlogger_backend.motion.speech import SILENCE, Phone, Speech
from vlogger_backend.motion.take import Take, save_take
from vlogger_backend.painting import Painting
from vlogger_backend.portraits.landmarks import LEFT_EYE, OUTER_LIPS, RIGHT_EYE
from vlogger_backend.portraits.making import make_portrait
from vlogger_backend.portraits.portrait import Consent, Portrait
from vlogger_backend.portraits.storage import write_portrait
from vlogger_backend.progress import Progress, no_progress
from vlogger_backend.renderers.builtin.renderer import BuiltinRenderer
from vlogger_backend.renderers.compositing import straight_over
from vlogger_backend.renderers.paint import paint_shot
from vlogger_backend.renderers.renderer import Scene
from vlogger_backend.request import Request

SIZE = (192, 192)
PAINTING = "Painting the shot"


class Stopped(BaseException):
    """What a progress raises to cancel."""


@pytest.fixture(scope="module")
def portrait() -> Portrait:
    return portrait_of(SIZE)


def talking(frames: int) -> Motion:
    """The mouth opening and shutting; all else still."""
    motion = performing(frames)
    arkit = np.zeros_like(motion.arkit)
    arkit[:, ARKIT_INDEX["jawOpen"]] = 0.3 * (1 - np.cos(np.arange(frames)))
    return replace(motion, arkit=arkit, poses=np.zeros_like(motion.poses))


def turned(yaw: float, pitch: float = 0.0) -> Motion:
    """One frame with the head turned, in degrees, the mouth open."""
    motion = talking(2)
    poses = motion.poses.copy()
    poses[:, JOINT_INDEX["head"], :2] = np.radians((pitch, yaw))
    return replace(motion, poses=poses)


def painted(
    portrait: Portrait,
    motion: Motion,
    camera: Camera | None = None,
    seed: int = 0,
    first: int = 0,
    progress: Progress = no_progress,
) -> list[np.ndarray]:
    scene = Scene(portrait, motion, camera or portrait.fit.camera, first, len(motion) - 1, seed)
    return [picture for _, picture in BuiltinRenderer().paint(scene, progress)]


def stopping_at(call: int) -> Callable[[str, float], None]:
    """A progress that cancels when it is told of a step of painting for the so-manieth time."""
    told: list[float] = []

    def progress(stage: str, done: float) -> None:
        if stage == PAINTING:
            told.append(done)
            assert len(told) <= call, "it went on after it was stopped"
            if len(told) == call:
                raise Stopped

    return progress


def test_memory_does_not_grow_with_the_shot() -> None:
    process, sizes = psutil.Process(), []
    scene = Scene(portrait_of((64, 64)), talking(36), photo_camera((64, 64)), 0, 35, 0)
    for frame, _ in BuiltinRenderer().paint(scene):
        if frame in (11, 35):
            sizes.append(process.memory_info().rss)
    assert sizes[1] - sizes[0] < 20e6


def test_a_cancel_is_obeyed_within_a_denoising_step(portrait: Portrait) -> None:
    shot = BuiltinRenderer().paint(Scene(portrait, talking(2), portrait.fit.camera, 1, 1, 0), stopping_at(1))
    with closing(shot), pytest.raises(Stopped):
        next(shot)  # `stopping_at` sees to it that no step follows; the frame would be told of at the third


def test_what_is_cancelled_amid_a_step_goes_on_to_the_same_pixels(portrait: Portrait, tmp_path: Path) -> None:
    speech = Speech(3 / 25, (Phone(SILENCE, 0.0, 3 / 25),))
    save_take(tmp_path / "take.npz", Take(talking(3), speech, Request("none.wav")))
    write_portrait(portrait, tmp_path / "me.portrait")
    files, painting = (tmp_path / "take.npz", tmp_path / "me.portrait"), Painting(longest=64)
    paint_shot([tmp_path / "whole"], *files, painting)
    with pytest.raises(Stopped):
        paint_shot([tmp_path / "cut"], *files, painting, progress=stopping_at(5))
    [work] = tmp_path.glob(".cut-*")
    kept = sorted(path.name for path in work.iterdir())
    assert kept == [f"{frame:06d}.png" for frame in range(len(kept))]  # whole frames, and nothing else
    assert 0 < len(kept) < 3
    assert paint_shot([tmp_path / "cut"], *files, painting).kept == len(kept)
    for frame in range(3):
        one, other = (np.array(Image.open(tmp_path / name / f"{frame:06d}.png")) for name in ("whole", "cut"))
        np.testing.assert_array_equal(one, other)


def test_nothing_flickers_while_they_talk(portrait: Portrait) -> None:
    frames = [straight_over(picture, portrait.background) for picture in painted(portrait, talking(8))]
    landmarks = portrait.fit.landmarks
    lips, brows = landmarks[list(OUTER_LIPS), :2], landmarks[[105, 334], 1].min()
    high = np.arange(SIZE[1])[:, None] < brows
    wall = cv2.erode((portrait.matte == 0).astype(np.uint8), np.ones((9, 9))) > 0
    still = (high | wall) & np.ones(SIZE[::-1], bool)
    mouth = np.zeros(SIZE[::-1], np.uint8)
    cv2.fillConvexPoly(mouth, cv2.convexHull(lips.round().astype(np.int32)).astype(np.int32), (1,))
    for one, other in pairwise(frames):
        change = np.abs(one.astype(int) - other)
        assert change[wall].max() == 0
        assert change[still].mean() < 0.2
        assert change[mouth > 0].mean() > 2  # it does talk


def test_the_same_seed_is_the_same_pixels_and_another_differs_where_it_is_painted(portrait: Portrait) -> None:
    one, again, other = (painted(portrait, talking(3), seed=seed)[2] for seed in (5, 5, 6))
    assert one.tobytes() == again.tobytes()
    np.testing.assert_array_equal(one[..., 3], other[..., 3])
    landmarks = portrait.fit.landmarks[:, :2]
    near = np.zeros(SIZE[::-1], np.uint8)
    for ring in (OUTER_LIPS, LEFT_EYE, RIGHT_EYE):
        (x, y), side = landmarks[list(ring)].mean(axis=0), float(np.ptp(landmarks[list(ring), 0]))
        cv2.circle(near, (round(x), round(y)), round(1.2 * side), (1,), -1)
    changed = (one != other).any(axis=2)
    assert changed.any()
    assert not changed[near == 0].any()


def test_the_frames_do_not_depend_on_where_the_shot_begins(portrait: Portrait) -> None:
    np.testing.assert_array_equal(painted(portrait, talking(4))[3], painted(portrait, talking(4), first=3)[0])


def test_a_large_picture(portrait: Portrait) -> None:
    camera = portrait.fit.camera
    still = replace(talking(1), arkit=portrait.fit.arkit[None].copy())
    [picture] = painted(portrait, still, Camera(1024, 1024, camera.poses, camera.fields))
    assert picture.shape == (1024, 1024, 4)
    photo = cv2.resize(portrait.picture, (1024, 1024), interpolation=cv2.INTER_LINEAR)
    inside = cv2.erode(cv2.resize(portrait.matte, (1024, 1024)), np.ones((25, 25))) == 255
    assert 10 * np.log10(255**2 / np.mean((picture[..., :3][inside] - photo[inside].astype(float)) ** 2)) > 30


@pytest.mark.parametrize(
    ("place", "yaw"),
    [((0, HEAD_HEIGHT, -1.2), np.pi), ((0, HEAD_HEIGHT, 0.03), 0.0), ((1.2, HEAD_HEIGHT, 0), np.pi / 2)],
    ids=["behind", "inside", "aside"],
)
def test_a_camera_anywhere_gives_a_picture(portrait: Portrait, place: tuple[float, float, float], yaw: float) -> None:
    pose = np.eye(4)
    pose[:3, :3] = [[np.cos(yaw), 0, np.sin(yaw)], [0, 1, 0], [-np.sin(yaw), 0, np.cos(yaw)]]
    pose[:3, 3] = place
    for picture in painted(portrait, turned(20), Camera.of((96, 64), pose, 0.5), first=1):
        assert picture.shape == (64, 96, 4)
        assert picture.dtype == np.uint8


def test_a_face_that_all_edges_touch_moves_without_holes(tmp_path: Path) -> None:
    Image.fromarray(skimage.data.astronaut()[58:178, 173:273]).save(tmp_path / "photo.png")
    made = make_portrait(tmp_path / "photo.png", Consent("A public-domain photo.", ""))
    nose = made.fit.landmarks[1, :2].round().astype(int)
    for yaw in (-20, 20):
        [picture] = painted(made, turned(yaw, 5), first=1)
        middle = picture[nose[1] - 15 : nose[1] + 15, nose[0] - 15 : nose[0] + 15]
        assert middle[..., 3].min() == 255
