"""Listening: a sound file, and its text if known, become a Speech."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError
from ..motion.speech import SILENCE, Phone, Speech, Word
from ..progress import Progress, no_progress
from .acoustics import AcousticModel
from .align import NoAlignment, align
from .audio import RATE, Sound, open_sound
from .espeak import espeak
from .pronounce import Dictionary, WrittenWord, pronounce
from .prosody import Prosody, accents, emphasis
from .recognise import Recogniser

_HIGHEST_COST, _HIGHEST_COST_FOREIGN = 5.5, 8.5
"""What a text may cost to align before it is taken as not what is said; the acoustic model is an English one."""


class Listener:
    """Makes Speech of sound files. The models are loaded on first use and kept for the next file."""

    @cached_property
    def _model(self) -> AcousticModel:
        return AcousticModel()

    @cached_property
    def _recogniser(self) -> Recogniser:
        return Recogniser(self._model)

    @cached_property
    def _dictionary(self) -> Dictionary:
        return Dictionary()

    def load(self) -> None:
        """Load the models now."""
        espeak(), self._recogniser, self._dictionary

    def listen(
        self,
        path: Path | str,
        text: str | None = None,
        language: str = "en",
        progress: Progress = no_progress,
    ) -> Speech:
        """What is said in the sound file `path`, and when.

        With `text` (what is said in it, in `language`, an espeak-ng code) its words and phones are placed in time;
        without, phones are recognised. Memory does not grow with the length of the sound, beyond the result.

        Raises InputError for a file, a text or a language that can't be used, and a text that is not what is said.
        """
        code = espeak().language(language)
        sound = open_sound(path, progress=progress)
        words = pronounce(text, code, self._dictionary) if text is not None else ()
        if sound.silent:
            if words:
                raise InputError(f"{sound.path} is silent, but a text is given: choose another file or leave it out.")
            return _silence(sound, code)
        prosody = Prosody()
        blocks = _watched(sound, prosody, progress)
        try:
            parts = (
                align(self._model, blocks, words, _HIGHEST_COST if code.startswith("en") else _HIGHEST_COST_FOREIGN)
                if words
                else self._recogniser.recognise(blocks)
            )
            phones = _joined(phone for part in parts for phone in part)
        except NoAlignment:
            raise _mismatch(sound) from None
        tracks = prosody.tracks(sound.duration)
        accented = accents(phones, tracks)
        return Speech(
            duration=sound.duration,
            phones=phones,
            words=_words(words, phones),
            accents=accented,
            language=code,
            method="aligned" if words else "recognised",
            loudness=tracks.loudness,
            pitch=tracks.pitch,
            voicing=tracks.voicing,
            emphasis=emphasis(accented, len(tracks.loudness)),
        )


def to_json(speech: Speech, tracks: bool = False) -> dict[str, Any]:
    """The Speech as plain JSON values; times in seconds. `tracks` adds those at 100 Hz."""
    result: dict[str, Any] = {
        "duration": round(speech.duration, 4),
        "language": speech.language,
        "method": speech.method,
        "phones": [
            {
                "symbol": p.symbol,
                "start": round(p.start, 4),
                "end": round(p.end, 4),
                "stress": p.stress,
                "word": p.word,
            }
            for p in speech.phones
        ],
        "words": [{"text": w.text, "start": round(w.start, 4), "end": round(w.end, 4)} for w in speech.words],
        "accents": [
            {
                "time": round(a.time, 4),
                "start": round(a.start, 4),
                "end": round(a.end, 4),
                "strength": round(a.strength, 3),
            }
            for a in speech.accents
        ],
    }
    if tracks:
        for name in ("loudness", "pitch", "voicing", "emphasis"):
            result[name] = [round(float(value), 3) for value in getattr(speech, name)]
    return result


def _watched(sound: Sound, prosody: Prosody, progress: Progress) -> Iterator[NDArray[np.float32]]:
    """The sound's blocks, passed on to the prosody and reported on the way."""
    heard = 0
    for block in sound.blocks():
        prosody.add(block)
        yield block
        heard += len(block)
        progress("Listening", min(heard / RATE / sound.duration, 1.0))


def _joined(phones: Iterable[Phone]) -> tuple[Phone, ...]:
    """The phones with neighbouring pauses made one."""
    joined: list[Phone] = []
    for phone in phones:
        if joined and phone.symbol == SILENCE == joined[-1].symbol:
            joined[-1] = replace(joined[-1], end=phone.end)
        else:
            joined.append(phone)
    return tuple(joined)


def _words(written: tuple[WrittenWord, ...], phones: tuple[Phone, ...]) -> tuple[Word, ...]:
    starts: dict[int, float] = {}
    ends: dict[int, float] = {}
    for phone in phones:
        if phone.word >= 0:
            starts.setdefault(phone.word, phone.start)
            ends[phone.word] = phone.end
    return tuple(Word(word.text, starts[i], ends[i]) for i, word in enumerate(written))


def _silence(sound: Sound, code: str) -> Speech:
    nothing = np.zeros(int(np.ceil(sound.duration * 100 - 1e-6)), np.float32)
    return Speech(
        duration=sound.duration,
        phones=(Phone(SILENCE, 0.0, sound.duration),),
        language=code,
        method="recognised",
        loudness=nothing,
        pitch=nothing,
        voicing=nothing,
        emphasis=nothing,
    )


def _mismatch(sound: Sound) -> InputError:
    return InputError(f"The text is not what is said in {sound.path}: correct the text, or leave it out.")
