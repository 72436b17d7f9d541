"""Overlapping windows: every frame is covered, none counts twice, and one can start anywhere."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vlogger_backend.renderers.window import crossfaded, weights, windows

SHOTS = st.tuples(st.integers(1, 90), st.integers(1, 16)).flatmap(
    lambda pair: st.tuples(st.just(pair[0]), st.just(pair[1]), st.integers(0, pair[1] - 1))
)


@given(SHOTS)
def test_windows_cover_the_shot_and_share_what_they_should(shot):
    frames, length, overlap = shot
    made = windows(frames, length, overlap)
    assert {frame for window in made for frame in window} == set(range(frames))
    assert all(len(window) == min(length, frames) for window in made)
    for one, other in pairwise(made):
        assert one.start < other.start
        assert one.stop - other.start >= overlap
    for one, other in pairwise(made[:-1]):
        assert one.stop - other.start == overlap


@given(SHOTS)
def test_the_weights_of_all_windows_sum_to_one(shot):
    made = windows(*shot)
    total = np.zeros(shot[0])
    for index, window in enumerate(made):
        share = weights(made, index)
        assert (share > 0).all()
        total[window.start : window.stop] += share
    np.testing.assert_allclose(total, 1, atol=1e-6)


@given(SHOTS, st.integers(0, 89), st.integers(0, 5))
def test_a_frame_is_the_same_wherever_one_starts(shot, start, seed):
    made = windows(*shot)

    def paint(window: range):
        return np.random.default_rng([seed, window.start]).normal(size=(len(window), 2)).astype(np.float32)

    whole = dict(crossfaded(made, paint))
    assert list(whole) == list(range(shot[0]))
    rest = dict(crossfaded(made, paint, min(start, shot[0])))
    assert list(rest) == list(range(min(start, shot[0]), shot[0]))
    for frame, array in rest.items():
        np.testing.assert_array_equal(array, whole[frame])


@given(SHOTS)
def test_windows_that_agree_are_what_they_agree_on(shot):
    def paint(window: range):
        return np.array(window, np.float32)

    for frame, value in crossfaded(windows(*shot), paint):
        assert value == pytest.approx(frame, abs=1e-4)


def test_frames_come_as_soon_as_no_later_window_has_them():
    painted = []

    def paint(window: range):
        painted.append(window)
        return np.zeros((len(window), 1), np.float32)

    frames = crossfaded(windows(1000, 16, 8), paint)
    for expected in range(24):
        assert next(frames)[0] == expected
    assert len(painted) == 3


def test_neighbours_fade_into_each_other_evenly():
    made = windows(24, 16, 8)
    np.testing.assert_allclose(weights(made, 0)[8:], np.arange(8, 0, -1) / 9, atol=1e-6)
    assert (weights(made, 0)[:8] == 1).all()


@pytest.mark.parametrize(("length", "overlap"), [(4, 4), (4, -1), (0, 0)])
def test_windows_that_never_advance_are_refused(length, overlap):
    with pytest.raises(ValueError, match="overlap"):
        windows(10, length, overlap)


def test_no_frames_no_windows():
    assert windows(0, 16, 8) == ()
