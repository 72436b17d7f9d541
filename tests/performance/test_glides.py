"""The performer's two kinds of curve: idle noise and glides."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vlogger_backend.performance.easing import glides, minimum_jerk, moves, pulses
from vlogger_backend.performance.noise import Noise


def test_noise_reads_the_same_in_any_window():
    noise = Noise(key=7, period=0.7, channels=3)
    times = np.arange(0, 400, 1 / 30)
    whole = noise.at(times)
    pieces = np.concatenate([noise.at(part) for part in np.array_split(times, 37)])
    np.testing.assert_array_equal(whole, pieces)


def test_noise_is_standard_bounded_and_stays_at_home_for_an_hour():
    values = Noise(key=3, period=1.5, channels=4).at(np.arange(0, 3600, 0.25))
    assert np.abs(values).max() < 3.1
    np.testing.assert_allclose(values.std(axis=0), 1.0, atol=0.08)
    minutes = values.reshape(60, -1, 4).mean(axis=1)
    assert np.abs(minutes).max() < 1.0  # no drift


def test_noise_never_repeats_itself():
    values = Noise(key=5, period=1.0, channels=1).at(np.arange(0, 1200, 0.25))[:, 0]
    spectrum = np.abs(np.fft.rfft(values, 2 * len(values))) ** 2
    likeness = np.fft.irfft(spectrum)[: len(values)] / np.sum(values**2)
    assert likeness[40:].max() < 0.35


def test_noise_has_no_quick_parts():
    values = Noise(key=1, period=1.0, channels=1).at(np.arange(0, 500, 0.01))[:, 0]
    power = np.abs(np.fft.rfft(values * np.hanning(len(values)))) ** 2
    frequency = np.fft.rfftfreq(len(values), 0.01)
    assert power[frequency > 2.0].sum() < 1e-3 * power.sum()


def test_minimum_jerk_starts_and_stops_gently():
    x = np.linspace(-0.2, 1.2, 1401)
    y = minimum_jerk(x)
    assert y[0] == 0.0
    assert y[-1] == 1.0
    assert np.all(np.diff(y) >= 0)
    assert np.abs(np.diff(y, 2)).max() < 1e-5


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.floats(0, 20), st.floats(0.05, 4), st.floats(-3, 3)), max_size=30),
    st.floats(-2, 2),
)
def test_glides_are_the_sum_of_their_submovements_and_the_same_in_any_window(events, first):
    starts, lengths, changes = np.array(events).reshape(-1, 3).T
    curve = glides(starts, lengths, changes, [first])
    times = np.linspace(-1, 30, 400)
    expected = first + sum(
        (c * minimum_jerk((times - s) / d) for s, d, c in zip(starts, lengths, changes, strict=True)), np.zeros(400)
    )
    np.testing.assert_allclose(curve.at(times)[:, 0], expected, atol=1e-9)
    np.testing.assert_array_equal(np.concatenate([curve.at(t) for t in np.array_split(times, 9)]), curve.at(times))


def test_moves_arrive_at_their_targets():
    curve = moves([1.0, 3.0], [0.5, 0.5], [[1.0, 2.0], [-1.0, 0.0]], [0.0, 0.0])
    np.testing.assert_allclose(curve.at(np.array([0.0, 2.0, 9.0])), [[0, 0], [1, 2], [-1, 0]], atol=1e-12)


def test_pulses_rise_hold_and_are_gone():
    curve = pulses([(1.0, 1.2, 1.5, 2.0)], [[2.0]], 1)
    np.testing.assert_allclose(curve.at(np.array([0.5, 1.2, 1.5, 2.0, 5.0]))[:, 0], [0, 2, 2, 0, 0], atol=1e-12)


@pytest.mark.parametrize("channels", [1, 3])
def test_no_events_is_a_constant(channels):
    assert np.all(pulses([], [], channels).at(np.arange(5.0)) == 0)
    assert (
        moves([], [], np.zeros((0, channels)), np.full(channels, 0.5)).at(np.arange(5.0)).tolist()
        == [[0.5] * channels] * 5
    )
