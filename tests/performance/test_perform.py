"""The whole performer: Speech in, Motion out."""

import time

import numpy as np
import pytest
from speeches import made_up_speech, silent_speech

from vlogger_backend.motion.names import ARKIT_INDEX, JOINT_INDEX
from vlogger_backend.motion.speech import Phone, Speech
from vlogger_backend.performance.perform import JAW_OPEN, perform, plan
from vlogger_backend.request import Style


def joined(speech, seed=0, fps=30.0, style=None):
    windows = list(perform(speech, style or Style(), seed, fps))
    return tuple(np.concatenate([getattr(w, a) for w in windows]) for a in ("poses", "trans", "arkit"))


def test_windows_don_t_change_the_result():
    performance = plan(made_up_speech(20.0, 1), Style(), 1)
    times = np.arange(600) / 30.0
    whole = performance.at(times, 30.0)
    parts = [performance.at(part, 30.0) for part in np.array_split(times, 4)]
    for name in ("poses", "trans", "arkit"):
        np.testing.assert_allclose(
            np.concatenate([getattr(p, name) for p in parts]), getattr(whole, name), atol=1e-6, err_msg=name
        )


def test_same_seed_same_bytes_and_another_seed_another_performance():
    speech = made_up_speech(12.0, 3)
    first, again, other = joined(speech, 0), joined(speech, 0), joined(speech, 1)
    for a, b in zip(first, again, strict=True):
        assert a.tobytes() == b.tobytes()
    wrists = [JOINT_INDEX["left_shoulder"], JOINT_INDEX["right_shoulder"], JOINT_INDEX["right_elbow"]]
    assert np.degrees(np.abs(first[0] - other[0])[:, wrists].mean()) > 3.0
    assert np.abs(first[2] - other[2])[:, ARKIT_INDEX["eyeBlinkLeft"]].max() > 0.9


def test_frame_rate_only_changes_where_it_is_sampled():
    speech = made_up_speech(8.0, 2)
    slow, fast = joined(speech, fps=30.0), joined(speech, fps=60.0)
    np.testing.assert_allclose(slow[0][:, :22], fast[0][::2, :22], atol=1e-6)


@pytest.mark.parametrize(
    "speech",
    [
        made_up_speech(0.01),
        silent_speech(0.01),
        silent_speech(3.0),
        made_up_speech(0.5),
        made_up_speech(3.0),
        Speech(0.0, ()),
        Speech(1.0, (Phone("ɑ", 0.0, 1.0, 2),)),
    ],
    ids=["10 ms", "10 ms of silence", "silence", "half a second", "3 s", "nothing", "one vowel"],
)
@pytest.mark.parametrize("style", [Style(), Style(0, 0, 0, 0, 0), Style(2, 2, 2, 2, 2)], ids=["1", "0", "2"])
def test_any_speech_gives_finite_motion(speech, style):
    poses, trans, arkit = joined(speech, style=style)
    assert len(poses) == max(round(speech.duration * 30), 1)
    assert all(np.isfinite(a).all() for a in (poses, trans, arkit))
    assert arkit.min() >= 0
    assert arkit.max() <= 1


def test_silence_still_lives():
    poses, trans, arkit = joined(silent_speech(20.0))
    assert np.ptp(trans[:, 0]) > 0.002
    assert np.ptp(poses[:, JOINT_INDEX["spine2"]], axis=0).max() > 0.003
    assert arkit[:, ARKIT_INDEX["eyeBlinkRight"]].max() > 0.9
    assert arkit[:, ARKIT_INDEX["jawOpen"]].max() < 0.02


def test_jaw_joint_follows_the_jaw_weight():
    poses, _, arkit = joined(made_up_speech(5.0))
    np.testing.assert_allclose(poses[:, JOINT_INDEX["jaw"], 0], JAW_OPEN * arkit[:, ARKIT_INDEX["jawOpen"]], atol=1e-6)


def test_brows_rise_with_accents_and_the_energy_dial():
    heights = []
    names = ["browInnerUp", "browOuterUpLeft", "browOuterUpRight"]
    for energy in (0.0, 1.0, 2.0):
        near, far = [], []
        for seed in range(3):
            speech = made_up_speech(60.0, seed)
            brow = joined(speech, seed, style=Style(energy=energy))[2][:, [ARKIT_INDEX[n] for n in names]].max(axis=1)
            at = np.arange(len(brow)) / 30.0
            close = np.zeros(len(brow), bool)
            for accent in speech.accents:
                close |= (accent.strength > 0.5) & (np.abs(at - accent.time) < 0.1)
            near.append(brow[close].mean())
            far.append(brow[~close].mean())
        heights.append(np.mean(near) - np.mean(far))
        if energy:
            assert np.mean(near) > 1.2 * np.mean(far)
    assert heights[0] == pytest.approx(0.0, abs=1e-3)
    assert heights[0] < heights[1] < heights[2]


def test_energy_changes_the_body():
    def size(energy):
        return np.std(joined(made_up_speech(40.0, 1), 1, style=Style(energy=energy))[0][:, JOINT_INDEX["spine1"]])

    assert size(0.0) < size(1.0) < size(2.0)


def test_half_an_hour_is_planned_in_a_moment_and_sampled_anywhere():
    speech = made_up_speech(1800.0, 1)
    begin = time.process_time()
    performance = plan(speech, Style(), 0)
    assert time.process_time() - begin < 12.0
    late = performance.at(np.arange(53000, 53300) / 30.0, 30.0)
    assert np.isfinite(late.poses).all()
    begin = time.process_time()
    performance.at(np.arange(53300, 53600) / 30.0, 30.0)
    assert time.process_time() - begin < 0.5
