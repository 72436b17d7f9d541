"""Lips: the constraints that every animator sees when they are broken."""

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vlogger_backend.motion.speech import Phone, Speech
from vlogger_backend.performance.lips import LipPlan, plan_lips
from vlogger_backend.performance.visemes import visemes_of
from vlogger_backend.request import Style

RATES = (23.976, 24.0, 25.0, 30.0, 50.0, 60.0)
VOWELS = "a æ ɑ ʌ ə ɛ ɪ i u ʊ o ɔ aɪ aʊ ɔɪ eɪ oʊ y ø".split()
CONSONANTS = "p b m f v θ ð s z ʃ ʒ tʃ dʒ t d n l ɹ j w k ɡ ŋ h".split()


def spoken(symbols: Sequence[tuple[str, float]], loudness: float = 0.5) -> Speech:
    """A speech of the given sounds and lengths in seconds, half a second of silence on both sides."""
    phones, time = [Phone("", 0, 0.5)], 0.5
    for symbol, length in symbols:
        phones.append(Phone(symbol, time, time + length, 2))
        time += length
    phones.append(Phone("", time, time + 0.5))
    count = int(np.ceil((time + 0.5) * 100))
    track = np.full(count, loudness, np.float32)
    return Speech(time + 0.5, tuple(phones), loudness=track, pitch=0 * track, voicing=track, emphasis=0 * track)


def planned(speech: Speech, seed: int = 0) -> LipPlan:
    return plan_lips(speech, Style(), np.random.default_rng(seed))


def gap(weights: dict[str, np.ndarray]) -> np.ndarray:
    """How far the lips are apart in units of a wide open jaw: what the jaw opens and the lips don't close."""
    return weights["jawOpen"] - weights["mouthClose"]


sounds = st.lists(st.tuples(st.sampled_from(VOWELS + CONSONANTS), st.floats(0.03, 0.25)), min_size=1, max_size=12)


@settings(max_examples=80, deadline=None)
@given(before=st.sampled_from(VOWELS), seal=st.sampled_from("pbm"), after=st.sampled_from(VOWELS),
       length=st.floats(0.02, 0.2), vowel=st.floats(0.04, 0.3), fps=st.sampled_from(RATES))  # fmt: skip
def test_no_closure_falls_between_two_frames(
    before: str, seal: str, after: str, length: float, vowel: float, fps: float
) -> None:
    speech = spoken([(before, vowel), (seal, length), (after, vowel)])
    times = np.arange(int(speech.duration * fps)) / fps
    closed = gap(planned(speech).at(times, fps)) < 0.01
    middle = (speech.phones[2].start + speech.phones[2].end) / 2 * fps
    assert closed[int(np.floor(middle))]
    assert closed[int(np.ceil(middle))]


@pytest.mark.parametrize("vowel", ["a", "ɑ", "æ", "ʌ", "aɪ", "ɔ"])
def test_open_vowels_are_open_and_between_seals_too(vowel: str) -> None:
    speech = spoken([("b", 0.07), (vowel, 0.14), ("m", 0.07), (vowel, 0.10), ("p", 0.08)])
    plan = planned(speech)
    for phone in speech.phones:
        if phone.symbol == vowel:
            first = phone.start + 0.4 * (phone.end - phone.start)
            assert gap(plan.at(np.array([first]), 30))[0] > 0.1


@settings(max_examples=60, deadline=None)
@given(symbols=sounds, fps=st.sampled_from(RATES), cut=st.floats(0.1, 0.9))
def test_weights_are_in_range_smooth_and_don_t_depend_on_the_window(
    symbols: list[tuple[str, float]], fps: float, cut: float
) -> None:
    speech = spoken(symbols)
    plan = planned(speech)
    times = np.arange(int(speech.duration * fps)) / fps
    whole = plan.at(times, fps)
    split = int(len(times) * cut)
    first, second = plan.at(times[:split], fps), plan.at(times[split:], fps)
    for name, values in whole.items():
        assert values.min() >= 0
        assert values.max() <= 1
        np.testing.assert_allclose(np.concatenate([first[name], second[name]]), values, atol=1e-9)
    dense = plan.at(np.arange(0, speech.duration, 0.001), fps)
    assert max(np.abs(np.diff(v)).max() for v in dense.values()) < 0.06, "a jump within a millisecond"


def test_a_silent_mouth_is_shut() -> None:
    speech = spoken([("h", 0.05), ("a", 0.2), ("", 0.8), ("o", 0.2)])
    weights = planned(speech).at(np.array([0.0, 0.1, 1.15, speech.duration - 0.05]), 30)
    assert gap(weights).max() < 0.01
    assert all(values.max() < 0.02 for name, values in weights.items() if "Smile" not in name)
    assert 0.02 < weights["mouthSmileLeft"].max() < 0.15, "a friendly rest, no grin"


def test_a_short_pause_doesn_t_snap_the_mouth_shut() -> None:
    weights = planned(spoken([("a", 0.15), ("", 0.08), ("a", 0.15)])).at(np.array([0.69]), 30)
    assert gap(weights)[0] > 0.1


@pytest.mark.parametrize(
    ("symbol", "channel", "least"),
    [("u", "mouthPucker", 0.4), ("w", "mouthPucker", 0.4), ("ʃ", "mouthFunnel", 0.25), ("f", "mouthRollLower", 0.2),
     ("v", "mouthRollLower", 0.2), ("i", "mouthStretchLeft", 0.12), ("θ", "tongueOut", 0.1),
     ("s", "mouthLowerDownLeft", 0.1),
     ("ɑ", "jawOpen", 0.2), ("y", "mouthPucker", 0.4), ("ɔ", "mouthFunnel", 0.15)],
)  # fmt: skip
def test_each_sound_shows_its_shape(symbol: str, channel: str, least: float) -> None:
    speech = spoken([("ə", 0.08), (symbol, 0.14), ("ə", 0.08)])
    assert planned(speech).at(np.array([0.65]), 30)[channel][0] > least


@pytest.mark.parametrize("sibilant", ["s", "z", "ʃ", "tʃ"])
def test_sibilants_narrow_the_jaw(sibilant: str) -> None:
    speech = spoken([("a", 0.15), (sibilant, 0.12), ("a", 0.15)])
    jaw = planned(speech).at(np.array([0.575, 0.71]), 30)["jawOpen"]
    assert jaw[1] < 0.45 * jaw[0]


@pytest.mark.parametrize("consonant", ["t", "d", "n", "k", "ɡ", "l"])
def test_tongue_sounds_leave_the_lips_to_their_neighbours(consonant: str) -> None:
    """JALI's fifth rule: in "duke" the d and the k take their lips from the u."""
    speech = spoken([("u", 0.12), (consonant, 0.07), ("u", 0.12)])
    pucker = planned(speech).at(np.array([0.56, 0.655, 0.75]), 30)["mouthPucker"]
    assert pucker[1] > 0.75 * min(pucker[0], pucker[2])


def test_rounding_starts_before_the_vowel() -> None:
    speech = spoken([("s", 0.12), ("t", 0.06), ("u", 0.2)])
    weights = planned(speech).at(np.array([0.62, 0.79]), 30)["mouthPucker"]
    assert weights[0] > 0.35 * weights[1]


def test_louder_vowels_open_wider() -> None:
    speech = spoken([("a", 0.15), ("t", 0.05), ("a", 0.15), ("t", 0.05), ("a", 0.15)])
    loud = np.array(speech.loudness)
    loud[50:65], loud[70:85], loud[90:105] = 0.3, 0.6, 0.95
    speech = Speech(**{**vars(speech), "loudness": loud})
    jaw = planned(speech).at(np.array([0.575, 0.775, 0.975]), 30)["jawOpen"]
    assert jaw[0] < jaw[1] < jaw[2]


def test_lips_meet_for_as_long_as_pop_man_needs() -> None:
    speech = spoken([("ɑ", 0.15), ("p", 0.08), ("m", 0.08), ("æ", 0.15)])
    weights = planned(speech).at(np.arange(0.67, 0.79, 0.002), 60)
    assert gap(weights).max() < 0.01


@given(st.text(max_size=6))
def test_every_symbol_has_a_viseme(symbol: str) -> None:
    for viseme in visemes_of(symbol):
        assert 0 <= viseme.jaw <= 1


def test_speech_of_nothing_is_a_mouth_at_rest() -> None:
    for phones in ((), (Phone("", 0, 0.01),)):
        weights = planned(Speech(0.01, phones)).at(np.array([0.0]), 30)
        assert all(values.max() == 0 for name, values in weights.items() if "Smile" not in name)


def test_energy_opens_the_mouth_and_the_seed_is_the_speaker() -> None:
    speech = spoken([("b", 0.08), ("a", 0.2), ("i", 0.1)])
    times = np.arange(0, speech.duration, 1 / 30)
    calm, lively = (plan_lips(speech, Style(energy=e), np.random.default_rng(0)).at(times, 30) for e in (0.2, 2.0))
    assert lively["jawOpen"].max() > 1.3 * calm["jawOpen"].max()
    assert not np.array_equal(planned(speech, 1).at(times, 30)["mouthPressLeft"], calm["mouthPressLeft"])
