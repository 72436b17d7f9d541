"""Real recordings, labelled by hand: how many closures of /p b m/ are found, and how well the text fits."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from sounds import check_whole

from vlogger_backend.errors import InputError
from vlogger_backend.motion.speech import Speech
from vlogger_backend.speech.listen import Listener

_BILABIAL = {"p", "b", "m"}


def closures(labels: Path) -> list[float]:
    """The middles (s) of the hand-labelled /p b m/."""
    return [(a + b) / 2 for a, b, label in json.loads(labels.read_text())["phones"] if label.lower() in _BILABIAL]


def closed_at(speech: Speech, times: list[float]) -> int:
    return sum(any(p.symbol in _BILABIAL and p.start <= t <= p.end for p in speech.phones) for t in times)


def folder(shared_data: Path, name: str) -> Path:
    return shared_data / "speech" / name


@pytest.mark.parametrize(("with_text", "lowest"), [(True, 0.93), (False, 0.65)])
def test_closures_of_english_sentences(listener: Listener, shared_data: Path, with_text: bool, lowest: float) -> None:
    found = total = 0
    for sound in sorted(folder(shared_data, "english").glob("*.flac")):
        text = sound.with_suffix(".txt").read_text() if with_text else None
        times = closures(sound.with_suffix(".phn.json"))
        speech = listener.listen(sound, text)
        check_whole(speech)
        found += closed_at(speech, times)
        total += len(times)
    assert total >= 14
    assert found / total >= lowest


def test_closures_in_many_languages(listener: Listener, shared_data: Path) -> None:
    found = total = 0
    for sound in sorted(folder(shared_data, "many_languages").glob("*.flac"))[::8]:
        times = closures(sound.with_suffix(".phn.json"))
        if times:
            found += closed_at(listener.listen(sound), times)
            total += len(times)
    assert found / total >= 0.5


def test_transcripts_are_told_from_others(listener: Listener, shared_data: Path) -> None:
    sounds = sorted(folder(shared_data, "english").glob("*.flac"))
    refused = 0
    for sound, other in zip(sounds, sounds[1:] + sounds[:1], strict=True):
        listener.listen(sound, sound.with_suffix(".txt").read_text())
        try:
            listener.listen(sound, other.with_suffix(".txt").read_text())
        except InputError:
            refused += 1
    assert refused >= 0.6 * len(sounds)


def test_wild_speech_is_spoken_and_paused(listener: Listener, shared_data: Path) -> None:
    for sound in sorted(folder(shared_data, "wild").glob("*.flac")):
        speech = listener.listen(sound)
        check_whole(speech)
        spoken = sum(p.end - p.start for p in speech.phones if p.symbol)
        assert 0.6 < spoken / speech.duration < 1.0
        assert 7 < sum(p.symbol != "" for p in speech.phones) / spoken < 18
        assert 0.5 < spoken / len(speech.accents) < 1.6
