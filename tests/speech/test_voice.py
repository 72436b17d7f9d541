"""The offline voice."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from vlogger_backend.errors import InputError
from vlogger_backend.speech.audio import open_sound
from vlogger_backend.speech.voice import say


def test_it_says_the_text_between_two_silences(tmp_path: Path) -> None:
    say("Hello there, this is a test.", tmp_path / "a.wav")
    samples = np.concatenate(list(open_sound(tmp_path / "a.wav").blocks()))
    assert 1.5 < len(samples) / 16000 < 4
    assert np.abs(samples[:2400]).max() < 0.01
    assert np.abs(samples[-4800:]).max() < 0.01
    assert np.abs(samples).max() > 0.5


def test_the_same_text_gives_the_same_bytes(tmp_path: Path) -> None:
    say("Once more.", tmp_path / "a.wav")
    say("Ein anderer Satz.", tmp_path / "b.wav", "de")
    say("Once more.", tmp_path / "c.wav")
    assert (tmp_path / "a.wav").read_bytes() == (tmp_path / "c.wav").read_bytes()


@pytest.mark.parametrize(
    ("text", "language", "told"), [("", "en", "no words"), ("…", "en", "no words"), ("Hello", "xx-yy", "xx-yy")]
)
def test_what_cannot_be_said_leaves_no_file(tmp_path: Path, text: str, language: str, told: str) -> None:
    with pytest.raises(InputError, match=told):
        say(text, tmp_path / "a.wav", language)
    assert list(tmp_path.iterdir()) == []


def test_the_voices_differ_and_another_is_refused(tmp_path: Path) -> None:
    say("Good morning.", tmp_path / "a.wav", voice="female")
    say("Good morning.", tmp_path / "b.wav", voice="male")
    assert (tmp_path / "a.wav").read_bytes() != (tmp_path / "b.wav").read_bytes()
    with pytest.raises(InputError, match="female, male"):
        say("Good morning.", tmp_path / "c.wav", voice="robot")
