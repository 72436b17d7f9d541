"""A face that is followed through a video moves as it was seen to."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import pytest
from faces_seen import SIZE, camera, lids_apart, lip_gap, person, pixels, places, weights

from vlogger_backend.errors import InputError
from vlogger_backend.motion.names import ARKIT_INDEX, JOINT_INDEX
from vlogger_backend.portraits.fitting import fit_face
from vlogger_backend.portraits.portrait import Fit
from vlogger_backend.portraits.tracking import Tracked, follow, track

FPS = 25.0
FRAMES = 24


@lru_cache(maxsize=1)
def performed() -> tuple[Fit, Tracked, np.ndarray, list[np.ndarray]]:
    """A head that nods and turns, opens its mouth twice, and blinks once; and the lips' true gaps."""
    vertices, seen_by = person(1), camera()
    times = np.arange(FRAMES) / FRAMES
    poses = np.zeros((FRAMES, 55, 3))
    poses[:, JOINT_INDEX["head"], 1] = 0.15 * np.sin(2 * np.pi * times)
    poses[:, JOINT_INDEX["neck"], 0] = 0.1 * np.sin(2 * np.pi * times)
    poses[:, JOINT_INDEX["spine1"], 2] = 0.04 * np.sin(2 * np.pi * times)
    jaw = np.maximum(0, np.sin(4 * np.pi * times)) * 0.5
    blink = np.exp(-(((np.arange(FRAMES) - 12) / 1.5) ** 2))
    expressions = [weights(jawOpen=j, eyeBlink=b) for j, b in zip(jaw, blink, strict=True)]
    seen = np.stack([pixels(places(vertices, w, p), seen_by) for w, p in zip(expressions, poses, strict=True)])
    fit = fit_face(SIZE, seen[0])
    tracked = follow(seen.astype(np.float32), fit, FPS)
    return fit, tracked, np.array([lip_gap(vertices, w) for w in expressions]), expressions


def test_a_performance_is_followed() -> None:
    fit, tracked, gaps, _ = performed()
    assert len(tracked.motion) == FRAMES
    assert np.mean([error.mean / error.between_eyes for error in tracked.errors]) < 0.015
    found = np.array([lip_gap(fit.vertices, w) for w in tracked.motion.arkit])
    assert np.corrcoef(found, gaps)[0, 1] > 0.97
    assert found[gaps < 0.5].max() < 2
    assert lids_apart(fit.vertices, tracked.motion.arkit[12]) < 2.5
    assert lids_apart(fit.vertices, tracked.motion.arkit[6]) > 6


def test_the_head_is_moved_by_its_joints() -> None:
    _, tracked, _, _ = performed()
    motion = tracked.motion
    assert np.abs(motion.poses[0]).max() < 0.02
    assert np.ptp(motion.poses[:, JOINT_INDEX["head"], 1] + motion.poses[:, JOINT_INDEX["neck"], 1]) > 0.2
    assert np.abs(motion.poses[:, JOINT_INDEX["spine2"], 2]).max() > 0.005
    assert np.abs(motion.trans).max() < 0.01
    still = [index for name, index in JOINT_INDEX.items() if not name.startswith(("spine", "neck", "head"))]
    assert not motion.poses[:, still].any()


def test_the_gaze_is_followed() -> None:
    vertices, seen_by = person(2), camera()
    looks = [0.0, 0.3, 0.6, 0.3, 0.0]
    expressions = [weights(eyeLookOutLeft=look, eyeLookInRight=look) for look in looks]
    seen = np.stack([pixels(places(vertices, w), seen_by) for w in expressions])
    tracked = follow(seen.astype(np.float32), fit_face(SIZE, seen[0]), FPS)
    found = tracked.motion.arkit[:, ARKIT_INDEX["eyeLookOutLeft"]]
    assert found[2] - found[0] > 0.35


def test_frames_of_another_size_are_refused() -> None:
    fit = fit_face(SIZE, pixels(places(person(3), weights()), camera()))
    with pytest.raises(InputError, match="320 x 240"):
        track([np.zeros((240, 320, 3), np.uint8)], fit, FPS)


def test_a_video_without_the_face_is_refused() -> None:
    fit = fit_face(SIZE, pixels(places(person(3), weights()), camera()))
    with pytest.raises(InputError, match="found in 0 of"):
        track([np.zeros((SIZE[1], SIZE[0], 3), np.uint8)] * 3, fit, FPS)
