"""Sound, and its text if known, become phones, words and accents in their places."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from sounds import check_whole, write_wav

from vlogger_backend.errors import InputError
from vlogger_backend.motion.speech import Speech
from vlogger_backend.speech.audio import RATE
from vlogger_backend.speech.espeak import espeak
from vlogger_backend.speech.listen import Listener, to_json
from vlogger_backend.speech.phones import ENGLISH_IPA
from vlogger_backend.speech.voice import VOICES, WORDS_PER_MINUTE, say

Samples = NDArray[np.float32]
LEAD = 0.2
"""Seconds of silence before our voice speaks."""


def word_error(speech: Speech, text: str, language: str) -> float:
    """Mean distance (s) of the words' starts from where the voice says that it put them."""
    spoken = espeak().say(text, language, WORDS_PER_MINUTE, VOICES["female"])
    trimmed = np.flatnonzero(spoken.samples)[0] / spoken.rate
    begun: dict[int, float] = {}
    for phone in spoken.phones:
        if phone.symbol:
            begun.setdefault(phone.word, phone.start - trimmed + LEAD)
    starts = np.array(sorted(begun.values()))
    return float(np.mean([np.abs(starts - word.start).min() for word in speech.words]))


def test_words_and_phones_are_where_they_are_said(listener: Listener, spoken: Path, text: str) -> None:
    speech = listener.listen(spoken, text)
    check_whole(speech)
    assert speech.method == "aligned"
    assert speech.language == "en-us"
    assert [word.text for word in speech.words] == text.split()
    assert {phone.symbol for phone in speech.phones} <= ENGLISH_IPA | {""}
    assert word_error(speech, text, "en") < 0.035
    assert speech.phones[0].symbol == speech.phones[-1].symbol == ""
    assert speech.phones[0].end == pytest.approx(0.2, abs=0.05)
    [maybe] = [w for w in speech.words if w.text == "Maybe"]
    inside = [p.symbol for p in speech.phones if maybe.start <= p.start < maybe.end]
    assert inside == ["m", "eɪ", "b", "i"]


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("de", "Die Straße ist schön und der Bär bleibt im Park."),
        ("fr", "Les enfants ont mangé trois pommes à Paris."),
        ("es", "Buenos días, son las tres y media."),
        ("zh", "你好世界，今天天气很好。"),
        ("ja", "こんにちは せかい"),
        ("ru", "Привет, мир, как дела сегодня?"),
    ],
)
def test_other_languages_keep_their_own_sounds(listener: Listener, tmp_path: Path, language: str, text: str) -> None:
    say(text, tmp_path / "x.wav", language)
    speech = listener.listen(tmp_path / "x.wav", text, language)
    check_whole(speech)
    assert word_error(speech, text, language) < 0.05
    if language == "fr":
        assert "ʁ" in {phone.symbol for phone in speech.phones}
    # the same sound without its text
    check_whole(listener.listen(tmp_path / "x.wav", None, language))


def test_numbers_and_unknown_words_are_aligned(listener: Listener, tmp_path: Path) -> None:
    text = "In 2024 Dr. Smith paid $5 at 3:30 for a Zyxquorp."
    say(text, tmp_path / "x.wav")
    speech = listener.listen(tmp_path / "x.wav", text)
    check_whole(speech)
    assert [word.text for word in speech.words] == text.split()


def test_a_pause_in_the_middle_is_found(listener: Listener, samples: Samples, tmp_path: Path, text: str) -> None:
    whole = listener.listen(write_wav(tmp_path / "whole.wav", samples), text)
    cut = next(word.start for word in whole.words if word.text == "people")
    at = round(cut * RATE)
    rng = np.random.default_rng(1)
    pause = 0.0005 * rng.standard_normal(round(0.8 * RATE))
    parted = np.concatenate([samples[:at], pause, samples[at:]])
    for said in (text, None):
        speech = listener.listen(write_wav(tmp_path / "parted.wav", parted), said)
        found = [p for p in speech.phones if p.symbol == "" and p.start < cut + 0.4 < p.end]
        assert len(found) == 1, speech.phones
        assert found[0].start == pytest.approx(cut, abs=0.08)
        assert found[0].end == pytest.approx(cut + 0.8, abs=0.08)


def test_without_text_phones_are_recognised(listener: Listener, spoken: Path) -> None:
    speech = listener.listen(spoken)
    check_whole(speech)
    assert speech.method == "recognised"
    assert speech.words == ()
    assert {phone.symbol for phone in speech.phones} <= ENGLISH_IPA | {""}
    assert sum(phone.symbol != "" for phone in speech.phones) > 30


def test_silence_and_noise_are_no_speech(listener: Listener, tmp_path: Path) -> None:
    rng = np.random.default_rng(2)
    for sound in (np.zeros(2 * RATE), 0.1 * rng.standard_normal(3 * RATE)):
        speech = listener.listen(write_wav(tmp_path / "none.wav", sound))
        check_whole(speech)
        assert [phone.symbol for phone in speech.phones] == [""]
        assert speech.accents == ()


def test_text_for_a_silent_file_is_refused(listener: Listener, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is silent"):
        listener.listen(write_wav(tmp_path / "silence.wav", np.zeros(RATE)), "Hello")


@pytest.mark.parametrize(
    "other",
    [
        "This is a completely different sentence, which nobody ever said in that recording.",
        "Hello there, my name is Victor. Maybe people buy apples, but I prefer bread. " * 12,
        "Hello",
    ],
)
def test_text_that_is_not_what_is_said_is_refused(listener: Listener, spoken: Path, other: str) -> None:
    with pytest.raises(InputError, match="not what is said") as error:
        listener.listen(spoken, other)
    assert str(spoken) in str(error.value)


def test_noise_and_reverberation_raise_no_false_alarm(
    listener: Listener, samples: Samples, tmp_path: Path, text: str
) -> None:
    rng = np.random.default_rng(3)
    noisy = samples + 0.1 * np.sqrt(np.mean(samples**2)) * rng.standard_normal(len(samples))
    room = np.exp(-np.arange(4000) / 800) * rng.standard_normal(4000)
    room[0] = 4
    reverberant = np.convolve(samples, room)[: len(samples)]
    for sound in (noisy, reverberant):
        speech = listener.listen(write_wav(tmp_path / "poor.wav", sound / np.abs(sound).max()), text)
        assert len(speech.words) == len(text.split())


def test_the_same_file_gives_the_same_speech_whatever_came_before(
    listener: Listener, spoken: Path, tmp_path: Path, text: str
) -> None:
    say("Something else was said in between.", tmp_path / "other.wav")
    for said in (text, None):
        first = json.dumps(to_json(listener.listen(spoken, said), tracks=True))
        listener.listen(tmp_path / "other.wav")
        assert json.dumps(to_json(listener.listen(spoken, said), tracks=True)) == first
        assert json.dumps(to_json(Listener().listen(spoken, said), tracks=True)) == first


def test_progress_goes_up_to_the_end(listener: Listener, spoken: Path) -> None:
    seen: list[float] = []
    listener.listen(spoken, progress=lambda stage, done: seen.append(done))
    assert seen == sorted(seen)
    assert seen[-1] == pytest.approx(1.0)


def test_long_recordings_are_aligned_to_the_end(listener: Listener, tmp_path: Path) -> None:
    sentence = "People who make films often say that the sound is half of the picture, and they may be right. "
    text = sentence * 14
    say(text, tmp_path / "long.wav")
    speech = listener.listen(tmp_path / "long.wav", text)
    check_whole(speech)
    assert speech.duration > 60
    assert len(speech.words) == len(text.split())
    assert word_error(speech, text, "en") < 0.04
    check_whole(listener.listen(tmp_path / "long.wav"))


_MEASURE = """
import resource, sys
from vlogger_backend.speech.listen import Listener
listener = Listener()
listener.listen(sys.argv[1], sys.argv[2] or None)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
listener.listen(sys.argv[3], sys.argv[4] or None)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="peak memory is measured by getrusage")
@pytest.mark.parametrize("with_text", [False, True])
def test_memory_does_not_grow_with_length(tmp_path: Path, with_text: bool) -> None:
    sentence = "People who make films often say that the sound is half of the picture, and they may be right. "
    paths, texts = [], []
    for name, count in (("minute", 9), ("minutes", 36)):
        paths.append(tmp_path / f"{name}.wav")
        texts.append(sentence * count)
        say(texts[-1], paths[-1])
    told = [text if with_text else "" for text in texts]
    command = [sys.executable, "-c", _MEASURE, str(paths[0]), told[0], str(paths[1]), told[1]]
    grown = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    unit = 1 if sys.platform == "darwin" else 1024
    # four times the length; the sound alone would be 9 MB more, its features and scores over 100
    assert int(grown) * unit < 8e6
