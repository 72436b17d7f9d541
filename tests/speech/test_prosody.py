"""Loudness, pitch, voicing, and the syllables that stand out."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from sounds import write_wav

from vlogger_backend.motion.speech import Phone
from vlogger_backend.speech.audio import RATE, open_sound
from vlogger_backend.speech.listen import Listener
from vlogger_backend.speech.prosody import Prosody, Tracks, accents, emphasis


def tracks_of(sound: NDArray[np.float64], block: int = RATE) -> Tracks:
    prosody = Prosody()
    for start in range(0, len(sound), block):
        prosody.add(sound[start : start + block].astype(np.float32))
    return prosody.tracks(len(sound) / RATE)


def voice(pitch: NDArray[np.float64]) -> NDArray[np.float64]:
    """A buzz with these pitches (Hz, one a sample), its harmonics falling as a voice's do."""
    phase = 2 * np.pi * np.cumsum(pitch) / RATE
    return 0.3 * sum(np.sin(k * phase) / k for k in range(1, 8))


@pytest.mark.parametrize(("low", "high"), [(80, 120), (150, 300), (250, 450)])
def test_pitch_follows_a_glide(low: float, high: float) -> None:
    glide = np.geomspace(low, high, 3 * RATE)
    tracks = tracks_of(voice(glide))
    expected = glide[80::160][: len(tracks.pitch)]
    middle = slice(5, len(expected) - 5)
    assert (tracks.voicing[middle] > 0.8).all()
    assert np.abs(np.log2(tracks.pitch[middle] / expected[middle])).max() < 0.02


def test_noise_and_silence_have_no_pitch() -> None:
    rng = np.random.default_rng(0)
    sound = np.concatenate([voice(np.full(RATE, 150.0)), 0.1 * rng.standard_normal(RATE), np.zeros(RATE)])
    tracks = tracks_of(sound)
    assert (tracks.pitch[5:95] > 0).all()
    assert (tracks.pitch[105:] > 0).mean() < 0.1
    assert tracks.loudness[210:].max() == 0.0
    assert tracks.loudness[20] > 0.8


def test_blocks_make_no_difference(samples: NDArray[np.float32]) -> None:
    whole, parts = (tracks_of(samples.astype(np.float64), block) for block in (10**9, 4321))
    np.testing.assert_allclose(whole.loudness, parts.loudness, atol=1e-4)
    both = (whole.pitch > 0) & (parts.pitch > 0)
    assert both.sum() > 0.95 * (whole.pitch > 0).sum()
    assert np.median(np.abs(whole.pitch[both] - parts.pitch[both])) < 0.5


def test_loudness_does_not_depend_on_the_level(
    listener: Listener, samples: NDArray[np.float32], tmp_path: Path
) -> None:
    loud = listener.listen(write_wav(tmp_path / "loud.wav", samples)).loudness
    soft = listener.listen(write_wav(tmp_path / "soft.wav", samples * 0.1)).loudness
    assert np.abs(loud - soft).mean() < 0.02


def test_the_syllable_that_stands_out_is_accented() -> None:
    syllables = np.full(10, 120.0)
    syllables[6] = 180.0
    pitch = np.repeat(syllables, RATE // 5)
    swell = np.tile(np.hanning(RATE // 5), 10) * np.repeat(np.where(syllables > 150, 1.0, 0.6), RATE // 5)
    sound = voice(pitch) * swell
    phones = tuple(Phone("ɑ", k / 5, (k + 1) / 5) for k in range(10))
    found = accents(phones, tracks_of(sound))
    strongest = max(found, key=lambda accent: accent.strength)
    assert strongest.time == pytest.approx(1.3, abs=0.1)
    track = emphasis(found, 200)
    assert int(track.argmax()) == pytest.approx(130, abs=10)


def test_accents_come_as_often_as_people_make_them(listener: Listener, spoken: Path, text: str) -> None:
    for said in (text, None):
        speech = listener.listen(spoken, said)
        fluent = sum(p.end - p.start for p in speech.phones if p.symbol)
        assert 0.5 < fluent / len(speech.accents) < 1.6
        for accent in speech.accents:
            assert speech.emphasis[int(accent.time * 100)] > 0.8 * accent.strength
            assert speech.loudness[int(accent.time * 100)] > 0.3


def test_function_words_are_seldom_accented(listener: Listener, spoken: Path, text: str) -> None:
    speech = listener.listen(spoken, text)
    accented = {w.text for w in speech.words for a in speech.accents if w.start <= a.time < w.end}
    assert not accented & {"is", "but"}


def test_short_sounds_have_whole_tracks(tmp_path: Path) -> None:
    for seconds in (0.1, 0.105, 1.0, 1.234):
        path = write_wav(tmp_path / "short.wav", voice(np.full(round(seconds * RATE), 150.0)))
        sound = open_sound(path)
        prosody = Prosody()
        for block in sound.blocks():
            prosody.add(block)
        assert len(prosody.tracks(sound.duration).loudness) == int(np.ceil(seconds * 100 - 1e-6))
