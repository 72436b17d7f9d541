"""Key reduction: within the bound, few, smooth, the same each time."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from blender_addon.core.eulers import eulers
from blender_addon.core.keys import Track, evaluate, reduce
from blender_addon.core.rotations import continuous, from_vectors, inverse, multiply
from blender_addon.core.simplify import Bound, rotation_track


def off(track, keys):
    error = (evaluate(keys, len(track.values)) - track.values) / track.scale
    return np.linalg.norm(error, axis=1) * (1 if track.care is None else track.care)


def count(keys):
    return sum(len(own.frames) for own in keys)


def waves(frames, components, seed, fastest=2.0):
    rng = np.random.default_rng(seed)
    time = np.arange(frames)[:, None] / 30
    return np.sin(2 * np.pi * rng.uniform(0.1, fastest, components) * time + rng.uniform(0, 6, components))


@settings(deadline=None, max_examples=40)
@given(
    lengths=st.lists(st.integers(1, 80), min_size=1, max_size=5),
    components=st.integers(1, 4),
    seed=st.integers(0, 10**6),
    noise=st.sampled_from([0.0, 0.01, 1.0]),
    scale=st.sampled_from([0.001, 0.02, 0.5]),
)
def test_no_frame_is_off_by_more_than_the_bound(lengths, components, seed, noise, scale):
    rng = np.random.default_rng(seed)
    tracks = [
        Track(
            waves(length, components, seed + i) + noise * rng.normal(size=(length, components)),
            scale,
            rng.uniform(1, 4, length) if i % 2 else None,
        )
        for i, length in enumerate(lengths)
    ]
    for track, keys in zip(tracks, reduce(tracks), strict=True):
        assert off(track, keys).max() <= 1 + 1e-6
        for own in keys:
            assert own.frames[0] == 0
            assert own.frames[-1] in (0, len(track.values) - 1)
            assert (np.diff(own.frames) > 0).all()


@settings(deadline=None)
@given(arrays(np.float64, st.tuples(st.integers(1, 20), st.integers(1, 4)), elements=st.floats(-1e3, 1e3)))
def test_anything_can_be_reduced(values):
    (keys,) = reduce([Track(values, 0.01)])
    assert np.abs(evaluate(keys, len(values)) - values).max() <= 0.01 + 1e-6


def test_smooth_curves_need_few_keys():
    track = Track(waves(900, 4, 3, fastest=0.6), 0.01)
    (keys,) = reduce([track])
    assert count(keys) < 4 * 900 / 10


def test_what_keeps_still_has_one_key():
    still, nearly = Track(np.full((50, 3), 0.7), 0.01), Track(0.7 + waves(50, 1, 1) * 1e-4, 0.01)
    assert [count(keys) for keys in reduce([still, nearly])] == [3, 1]


def test_a_component_has_keys_only_where_it_needs_them():
    turn = np.arange(900) / 30 * np.pi
    values = np.stack([np.sin(2 * turn), np.full(900, 0.3), 0.1 * np.sin(0.3 * turn)], axis=1)
    x, y, z = reduce([Track(values, 0.01)])[0]
    assert len(y.frames) == 1
    assert len(z.frames) < len(x.frames) / 2


def test_a_bone_that_turns_about_one_axis_has_keys_for_one():
    q = from_vectors(0.3 * waves(900, 1, 3) * [1.0, 0, 0])
    (keys,) = reduce([rotation_track(q, "QUATERNION", "jaw", Bound(), np.zeros(900, bool))])
    _, x, y, z = (len(own.frames) for own in keys)
    assert y == z == 1
    assert count(keys) < 1.25 * x + 2
    lengths = np.linalg.norm(evaluate(keys, 900), axis=1)
    assert np.abs(lengths - 1).max() < 0.02


@pytest.mark.parametrize("length", [1, 2, 3])
def test_short_takes_can_be_reduced(length):
    (keys,) = reduce([Track(waves(length, 3, 1), 1e-3)])
    np.testing.assert_allclose(evaluate(keys, length), waves(length, 3, 1), atol=1e-3)


def test_a_blink_and_a_burst_are_not_lost():
    values = np.zeros((300, 1))
    values[100:104, 0] = (0.6, 1.0, 0.9, 0.3)
    values[200] = 1.0
    (keys,) = reduce([Track(values, 0.02)])
    assert count(keys) < 25
    np.testing.assert_allclose(evaluate(keys, 300)[[101, 200], 0], 1, atol=0.02)


def test_the_same_curves_give_the_same_keys_whatever_is_beside_them():
    tracks = [Track(waves(200, 2, i), 0.01) for i in range(6)]
    alone = [reduce([track])[0] for track in tracks]
    together = reduce(tracks)
    for one, other in zip(alone, together, strict=True):
        for own, same in zip(one, other, strict=True):
            np.testing.assert_array_equal(own.frames, same.frames)
            np.testing.assert_allclose(own.values, same.values, atol=1e-9)


@pytest.mark.parametrize("mode", ["QUATERNION", "XYZ", "YZX", "ZXY"])
@pytest.mark.parametrize("joint", ["pelvis", "left_elbow", "left_index2"])
def test_the_bound_is_in_degrees_in_every_rotation_mode(mode, joint):
    q = continuous(from_vectors(waves(300, 3, 4) * 0.7))
    values = q if mode == "QUATERNION" else eulers(q, mode)
    track = rotation_track(values, mode, joint, Bound(degrees=0.5), np.zeros(300, bool))
    fitted = evaluate(reduce([track])[0], 300)
    turns = fitted / np.linalg.norm(fitted, axis=1, keepdims=True) if mode == "QUATERNION" else of_angles(fitted, mode)
    error = multiply(inverse(q), turns)
    assert np.degrees(2 * np.arcsin(np.linalg.norm(error[:, 1:], axis=1))).max() < 0.5


def of_angles(angles, order):
    turn = np.tile([1.0, 0, 0, 0], (len(angles), 1))
    for axis in order:
        i = "XYZ".index(axis)
        turn = multiply(from_vectors(angles[:, [i]] * np.eye(3)[i]), turn)
    return turn
