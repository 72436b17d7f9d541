"""Pinned keys are kept exactly, the rest of the curve is left alone beyond their reach, and nothing pops."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from blender_addon.core.pins import bend, bend_rotations

FRAMES = np.arange(100.0)
pinned = st.lists(st.integers(0, 99), min_size=1, max_size=8, unique=True).map(sorted)


def course(seed: int = 0) -> NDArray[np.float64]:
    rng = np.random.default_rng(seed)
    return np.asarray(np.cumsum(rng.normal(0, 0.05, (100, 3)), axis=0))


@settings(deadline=None)
@given(at=pinned, reach=st.floats(1, 40), seed=st.integers(0, 5))
def test_a_curve_passes_through_its_pins(at: list[int], reach: float, seed: int) -> None:
    pins = np.random.default_rng(seed).normal(0, 1, (len(at), 3))
    bent = bend(course(), FRAMES, pins, np.array(at, float), reach)
    np.testing.assert_allclose(bent[at], pins, atol=1e-9)
    far = np.abs(FRAMES[:, None] - np.array(at)).min(axis=1) > reach
    alone = far & ((at[0] > FRAMES) | (at[-1] < FRAMES))
    np.testing.assert_array_equal(bent[alone], course()[alone])


def test_a_single_pin_is_forgotten_beyond_its_reach() -> None:
    bent = bend(course(), FRAMES, np.array([[5.0, 5, 5]]), np.array([50.0]), 10)
    np.testing.assert_array_equal(bent[:40], course()[:40])
    np.testing.assert_array_equal(bent[61:], course()[61:])


def test_between_pins_that_are_close_the_curve_does_not_come_back() -> None:
    bent = bend(np.zeros((100, 1)), FRAMES, np.ones((2, 1)), np.array([40.0, 55.0]), 10)
    np.testing.assert_allclose(bent[40:56], 1)


def test_a_pin_between_two_frames_bends_both() -> None:
    bent = bend(np.zeros((100, 1)), FRAMES, np.ones((1, 1)), np.array([50.5]), 10)
    assert bent[50] > 0.9
    assert bent[51] > 0.9


def test_no_pins_is_the_curve_itself() -> None:
    np.testing.assert_array_equal(bend(course(), FRAMES, np.zeros((0, 3)), np.zeros(0), 10), course())


@settings(deadline=None)
@given(at=pinned, seed=st.integers(0, 5), negated=st.booleans())
def test_rotations_pass_through_their_pins_without_jumps(at: list[int], seed: int, negated: bool) -> None:
    rng = np.random.default_rng(seed)
    turning = Rotation.from_rotvec(course(seed)).as_quat()[:, [3, 0, 1, 2]]
    by = Rotation.from_rotvec(rng.normal(0, 0.3, (len(at), 3))) * Rotation.from_quat(turning[at][:, [1, 2, 3, 0]])
    pins = by.as_quat()[:, [3, 0, 1, 2]] * (-1 if negated else 1)
    bent = bend_rotations(turning, FRAMES, pins, np.array(at, float), 12)
    np.testing.assert_allclose(np.linalg.norm(bent, axis=1), 1, atol=1e-9)
    np.testing.assert_allclose(np.abs((bent[at] * pins).sum(axis=1)), 1, atol=1e-7)
    assert ((bent[1:] * bent[:-1]).sum(axis=1) >= 0).all()
