"""Euler angles and axes: the same rotations, without jumps."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from blender_addon.core.eulers import axis_angles, eulers
from blender_addon.core.rotations import (
    about,
    continuous,
    from_matrix,
    from_vectors,
    inverse,
    multiply,
    rotate,
    swing,
    twist,
)

ORDERS = ["".join(order) for order in permutations("XYZ")]
vectors = st.lists(st.floats(-7, 7), min_size=3, max_size=3).map(np.array)


def turned(angles, order):
    """What Blender makes of Euler angles: the first letter's turn first, each about the room's axis."""
    turn = np.tile([1.0, 0, 0, 0], (len(angles), 1))
    for axis in order:
        i = "XYZ".index(axis)
        turn = multiply(from_vectors(angles[:, [i]] * np.eye(3)[i]), turn)
    return turn


def wandering(seed, frames=200, step=0.1):
    """Rotations that wander all over, each near the one before."""
    rng = np.random.default_rng(seed)
    q = [np.array([1.0, 0, 0, 0])]
    for turn in from_vectors(rng.normal(0, step, (frames - 1, 3)) + 0.5 * step):
        q.append(multiply(turn, q[-1]))
    return continuous(np.array(q))


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("seed", range(4))
def test_angles_are_the_same_rotations_and_never_jump_by_more_than_they_must(order, seed):
    q = wandering(seed)
    angles = eulers(q, order)
    same = np.abs((turned(angles, order) * q).sum(axis=1))
    np.testing.assert_allclose(same, 1, atol=1e-6)
    middle = np.abs(np.cos(angles[:, "XYZ".index(order[1])]))
    steps = np.abs(np.diff(angles, axis=0)).max(axis=1)
    far_from_lock = np.minimum(middle[1:], middle[:-1]) > 0.5
    assert steps[far_from_lock].max() < 1.3  # a turn of 0.4 at the most, over the cosine of the middle


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("sign", [-1, 1])
def test_at_the_lock_the_rotation_is_still_right(order, sign):
    angles = np.stack([np.linspace(0, 1, 9) * (i + 1) for i in range(3)], axis=1)
    angles[:, "XYZ".index(order[1])] = sign * np.pi / 2
    q = continuous(turned(angles, order))
    np.testing.assert_allclose(np.abs((turned(eulers(q, order), order) * q).sum(axis=1)), 1, atol=1e-6)


@pytest.mark.parametrize("order", ORDERS)
def test_pieces_go_on_where_the_last_one_ended(order):
    q = wandering(7)
    whole = eulers(q, order)
    first = eulers(q[:80], order)
    np.testing.assert_allclose(np.concatenate([first, eulers(q[80:], order, first[-1])]), whole, atol=1e-9)
    whole = axis_angles(q)
    first = axis_angles(q[:80])
    np.testing.assert_allclose(np.concatenate([first, axis_angles(q[80:], first[-1])]), whole, atol=1e-9)


@pytest.mark.parametrize("seed", range(4))
def test_axes_keep_their_side(seed):
    q = wandering(seed)
    found = axis_angles(q)
    np.testing.assert_allclose(np.abs((about(found[:, 1:], found[:, 0]) * q).sum(axis=1)), 1, atol=1e-6)
    assert ((found[1:, 1:] * found[:-1, 1:]).sum(axis=1) > 0).all()
    np.testing.assert_array_equal(axis_angles(np.tile([1.0, 0, 0, 0], (3, 1)))[:, 0], 0)


@settings(deadline=None)
@given(vectors, vectors)
def test_a_swing_brings_one_direction_to_another(one, other):
    if min(np.linalg.norm(one), np.linalg.norm(other)) < 1e-3:
        return
    turn = swing(one, other)
    found = rotate(turn, one / np.linalg.norm(one))
    np.testing.assert_allclose(found, other / np.linalg.norm(other), atol=1e-6)


@settings(deadline=None)
@given(vectors, vectors)
def test_turns_add_up_and_turn_back(one, other):
    a, b = from_vectors(one), from_vectors(other)
    np.testing.assert_allclose(rotate(multiply(a, b), other), rotate(a, rotate(b, other)), atol=1e-9)
    np.testing.assert_allclose(rotate(inverse(a), rotate(a, other)), other, atol=1e-9)
    matrix = np.stack([rotate(a, axis) for axis in np.eye(3)], axis=1)
    assert abs(from_matrix(matrix) @ a) == pytest.approx(1)


@settings(deadline=None)
@given(st.floats(-3, 3), vectors)
def test_the_twist_about_an_axis_is_found(angle, across):
    axis = np.array([0.0, 1.0, 0.0])
    tilt = from_vectors(np.array([across[0], 0, across[2]]) / 7)
    assert twist(multiply(tilt, about(axis, angle)), axis) == pytest.approx(angle, abs=1e-6)
