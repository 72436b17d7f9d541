"""Blinks, lids and gaze, against what has been measured of people."""

import numpy as np
import pytest
from scipy.spatial.transform import Rotation
from speeches import made_up_speech, silent_speech

from vlogger_backend.motion.names import ARKIT_INDEX, JOINT_INDEX
from vlogger_backend.performance.gaze import FULL_LOOK, direction, eye_rotation, in_head, look_weights
from vlogger_backend.performance.perform import plan
from vlogger_backend.performance.phrases import phrases
from vlogger_backend.request import Style

SEEDS = range(4)
BLINK = ARKIT_INDEX["eyeBlinkLeft"]


def lids_of(seconds, seed, fps=100.0, style=None):
    performance = plan(made_up_speech(seconds, seed), style or Style(), seed)
    return performance, performance.lids.at(np.arange(round(seconds * fps)) / fps, fps)


@pytest.mark.parametrize("seed", SEEDS)
def test_blink_rate_and_irregular_gaps(seed):
    performance, _ = lids_of(120.0, seed)
    closed = performance.lids.closed
    assert 10 <= len(closed) / 2 <= 33
    gaps = np.diff(closed)
    assert gaps.std() / gaps.mean() > 0.35
    assert gaps.min() > 0.3
    assert gaps.max() < 10


@pytest.mark.parametrize("seed", SEEDS)
def test_lids_close_faster_than_they_open_and_mostly_fully(seed):
    _, lids = lids_of(60.0, seed, fps=500.0)
    left = lids[:, 0]
    peaks = np.flatnonzero((left[1:-1] >= left[:-2]) & (left[1:-1] > left[2:]) & (left[1:-1] > 0.7)) + 1
    closing = [np.count_nonzero((w > 0.05) & (w < 0.95)) / 500 for w in (left[p - 75 : p] / left[p] for p in peaks)]
    opening = [np.count_nonzero((w > 0.05) & (w < 0.95)) / 500 for w in (left[p : p + 150] / left[p] for p in peaks)]
    assert 0.04 < np.median(closing) < 0.1
    assert 1.4 < np.median(opening) / np.median(closing) < 4.5
    assert np.mean(left[peaks] > 0.95) > 0.7
    assert np.abs(lids[:, 0] - lids[:, 1]).max() > 0.001  # the lids are not quite alike


@pytest.mark.parametrize("fps", [12.0, 24.0, 25.0, 29.97, 30.0, 60.0])
def test_no_blink_is_lost_between_frames(fps):
    performance, lids = lids_of(90.0, 1, fps)
    deepest = [lids[max(round(t * fps) - 1, 0) : round(t * fps) + 2].min(axis=1).max() for t in performance.lids.closed]
    np.testing.assert_allclose(deepest, performance.lids.depth, atol=1e-6)


def test_blinks_gather_at_phrase_ends_and_gaze_shifts():
    near, chance = [], []
    for seed in range(12):
        speech = made_up_speech(120.0, seed)
        performance = plan(speech, Style(), seed)
        places = np.sort([*(p.end for p in phrases(speech)), *performance.gaze.shifts])
        hits = [np.any((t - places > -0.1) & (t - places < 0.25)) for t in performance.lids.closed]
        near.append(np.mean(hits))
        random = np.random.default_rng(seed).uniform(0, 120, 500)
        chance.append(np.mean([np.any((t - places > -0.1) & (t - places < 0.25)) for t in random]))
    assert np.mean(near) > 1.3 * np.mean(chance)


def test_blink_dial():
    counts = [len(lids_of(120.0, 2, style=Style(blink=b))[0].lids.closed) for b in (0.0, 0.5, 1.0, 2.0)]
    assert counts[0] == 0
    assert counts[0] < counts[1] < counts[2] < counts[3]
    assert np.all(lids_of(20.0, 2, style=Style(blink=0))[1] == 0)


@pytest.mark.parametrize("seed", SEEDS)
def test_saccades_are_quick_and_apart_and_gaze_is_mostly_at_the_listener(seed):
    performance = plan(made_up_speech(120.0, seed), Style(), seed)
    line = performance.gaze.line
    assert np.all(line.durations >= 0.03 - 1e-9)
    assert np.all(line.durations <= 0.08 + 1e-9)
    assert np.diff(line.starts).min() > 0.15
    sight = np.degrees(performance.gaze.at(np.arange(0, 120, 0.02)))
    at_listener = np.linalg.norm(sight, axis=1) < 4.0
    assert 0.6 < at_listener.mean() < 0.97


@pytest.mark.parametrize("seed", SEEDS)
def test_eyes_hold_the_line_of_sight_while_the_head_moves(seed):
    performance = plan(made_up_speech(30.0, seed), Style(), seed)
    times = np.arange(0, 30, 1 / 30)
    motion = performance.at(times, 30.0)
    turn = Rotation.identity(len(times))
    for joint in ("pelvis", "spine1", "spine2", "spine3", "neck", "head", "left_eye_smplhf"):
        turn = turn * Rotation.from_rotvec(motion.poses[:, JOINT_INDEX[joint]])
    seen = turn.apply([0.0, 0.0, 1.0])
    np.testing.assert_allclose(seen, direction(performance.gaze.at(times)), atol=2e-3)


def test_eyes_and_weights_agree_and_are_not_crossed():
    eyes = np.radians([[20.0, 0.0], [-20.0, 0.0], [0.0, 15.0], [0.0, -15.0], [10.0, -10.0]])
    np.testing.assert_allclose(Rotation.from_rotvec(eye_rotation(eyes)).apply([0, 0, 1.0]), direction(eyes), atol=1e-9)
    weights = look_weights(eyes)
    assert weights["eyeLookOutLeft"][0] == weights["eyeLookInRight"][0] == pytest.approx(np.radians(20) / FULL_LOOK)
    assert weights["eyeLookInLeft"][1] == weights["eyeLookOutRight"][1] > 0
    assert weights["eyeLookUpLeft"][2] > 0 == weights["eyeLookDownLeft"][2]
    assert weights["eyeLookDownRight"][3] > 0 == weights["eyeLookUpRight"][3]


def test_eyes_stay_in_their_reach():
    eyes = in_head(np.zeros((1, 2)), Rotation.from_euler("Y", [80], degrees=True))
    assert np.all(np.abs(np.degrees(eyes)) <= 33)


def test_gaze_dial():
    away = []
    for amount in (0.0, 1.0, 2.0):
        sight = plan(made_up_speech(90.0, 4), Style(gaze=amount), 4).gaze.at(np.arange(0, 90, 0.05))
        away.append(np.mean(np.linalg.norm(sight, axis=1) > np.radians(4.0)))
    assert away[0] == 0
    assert away[0] < away[1] < away[2]


def test_eyes_live_in_silence():
    performance = plan(silent_speech(60.0), Style(), 0)
    assert 8 <= len(performance.lids.closed) <= 33
    assert len(performance.gaze.line) > 20
