"""espeak-ng, the speech synthesiser: it knows how text sounds in over 100 languages and can say it.

A thin binding of the library that the espeakng-loader wheel carries (speak_lib.h). The library keeps global state
from one text to the next (filters, echo, random numbers), so that the same text would never sound the same twice: it
is loaded afresh for each, which takes some milliseconds, and used under a lock.
"""

from __future__ import annotations

import ctypes
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError

_SYNCHRONOUS = 2  # AUDIO_OUTPUT_SYNCHRONOUS: sound comes through the callback before espeak_Synth returns
_PHONEME_EVENTS_IN_IPA = 3
_DONT_EXIT = 0x8000
_CHARS_UTF8 = 1
_RATE_PARAMETER = 1
_END, _WORD, _PHONEME = 0, 1, 7
_ONE_AT_A_TIME = threading.Lock()
"""The library is one in a process, whoever calls it."""


class _Id(ctypes.Union):
    _fields_ = (("number", ctypes.c_int), ("name", ctypes.c_char_p), ("string", ctypes.c_char * 8))


class _Event(ctypes.Structure):
    _fields_ = (
        ("type", ctypes.c_int),
        ("unique_identifier", ctypes.c_uint),
        ("text_position", ctypes.c_int),
        ("length", ctypes.c_int),
        ("audio_position", ctypes.c_int),
        ("sample", ctypes.c_int),
        ("user_data", ctypes.c_void_p),
        ("id", _Id),
    )


class _Voice(ctypes.Structure):
    _fields_ = (
        ("name", ctypes.c_char_p),
        ("languages", ctypes.c_char_p),
        ("identifier", ctypes.c_char_p),
        ("gender", ctypes.c_ubyte),
        ("age", ctypes.c_ubyte),
        ("variant", ctypes.c_ubyte),
        ("xx1", ctypes.c_ubyte),
        ("score", ctypes.c_int),
        ("spare", ctypes.c_void_p),
    )


if TYPE_CHECKING:
    _Samples = ctypes._Pointer[ctypes.c_short]
    _Events = ctypes._Pointer[_Event]

_Callback = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.POINTER(_Event))


@dataclass(frozen=True)
class SpokenPhone:
    """A phone as espeak-ng says it: IPA with its marks ("" is a pause), when (s), and in which word."""

    symbol: str
    start: float
    word: int


@dataclass(frozen=True)
class Spoken:
    """What espeak-ng said. `words` are the characters of the text at which its spoken words start."""

    samples: NDArray[np.int16]
    rate: int
    words: tuple[int, ...]
    phones: tuple[SpokenPhone, ...]


class Espeak:
    """The voices that there are, and speaking with them. Get it by `espeak()`."""

    def __init__(self) -> None:
        with _ONE_AT_A_TIME, _library() as (library, _):
            self.languages = _list_languages(library)  # language code to the identifier of its voice

    def say(self, text: str, language: str, words_per_minute: int = 175, variant: str = "") -> Spoken:
        """Speak `text` with the voice of `language` (an espeak-ng code), or a named variant of it.

        Raises InputError if espeak-ng does not know the language.
        """
        voice = self.languages[self.language(language)] + (f"+{variant}" if variant else "")
        data = text.encode() + b"\0"
        sound: list[bytes] = []
        words: list[int] = []
        phones: list[SpokenPhone] = []

        stopped: list[BaseException] = []

        def collect(samples: _Samples, count: int, events: _Events) -> int:
            try:
                if samples and count > 0:
                    sound.append(ctypes.string_at(samples, 2 * count))
                _take_events(events, words, phones)
            except BaseException as error:  # Ctrl-C too: ctypes would swallow it
                stopped.append(error)
            return len(stopped)  # not 0: the library stops

        callback = _Callback(collect)
        with _ONE_AT_A_TIME, _library() as (library, rate):
            library.espeak_SetSynthCallback(callback)
            if library.espeak_SetVoiceByName(voice.encode()) != 0:
                raise RuntimeError(f"espeak-ng could not load its voice {voice}")
            library.espeak_SetParameter(_RATE_PARAMETER, words_per_minute, 0)
            status = library.espeak_Synth(data, ctypes.c_size_t(len(data)), 0, 1, 0, _CHARS_UTF8, None, None)
        if stopped:
            raise stopped[0]
        if status != 0:
            raise RuntimeError(f"espeak-ng failed with status {status}")
        return Spoken(np.frombuffer(b"".join(sound), np.int16), rate, tuple(words), tuple(phones))

    def language(self, code: str) -> str:
        """The espeak-ng language that `code` means: itself, or the first of its family ("en" is American).

        Raises InputError that names near codes if there is none.
        """
        wanted = code.strip().lower().replace("_", "-")
        wanted = _USUAL.get(wanted, wanted)
        if wanted in self.languages:
            return wanted
        family = [known for known in sorted(self.languages) if known.split("-")[0] == wanted]
        if family:
            return family[0]
        raise InputError(
            f"{code!r} is not a language that vlogger knows: use an espeak-ng code such as {self._near(wanted)}."
        )

    def _near(self, wanted: str) -> str:
        from difflib import get_close_matches

        family = [known for known in sorted(self.languages) if known.split("-")[0] == wanted.split("-")[0]]
        near = (family + get_close_matches(wanted, sorted(self.languages), n=5, cutoff=0.5))[:5]
        return ", ".join(near or ["en", "de", "fr", "es", "it", "cmn", "ja"])


@contextmanager
def _library() -> Iterator[tuple[ctypes.CDLL, int]]:
    """The library, freshly loaded and initialised, and its sampling rate; unloaded at the end."""
    import _ctypes

    import espeakng_loader

    library = ctypes.CDLL(espeakng_loader.get_library_path())
    try:
        data = str(espeakng_loader.get_data_path()).encode()
        rate = int(library.espeak_Initialize(_SYNCHRONOUS, 0, data, _PHONEME_EVENTS_IN_IPA | _DONT_EXIT))
        if rate <= 0:
            raise RuntimeError("espeak-ng could not be initialised: its data files are missing or damaged")
        library.espeak_ng_SetRandSeed(ctypes.c_long(1))  # else it is the time of day
        yield library, rate
        library.espeak_Terminate()
    finally:
        getattr(_ctypes, "FreeLibrary" if sys.platform == "win32" else "dlclose")(library._handle)


def _list_languages(library: ctypes.CDLL) -> dict[str, str]:
    """Language code to the identifier of its first voice; variants and voices of other engines left out."""
    library.espeak_ListVoices.restype = ctypes.POINTER(ctypes.POINTER(_Voice))
    voices = library.espeak_ListVoices(None)
    languages: dict[str, str] = {}
    index = 0
    while voices[index]:
        voice = voices[index].contents
        identifier = voice.identifier.decode()
        code = voice.languages[1:].decode()  # its first byte is a priority
        if not identifier.startswith("mb/") and code != "variant":
            languages.setdefault(code.lower(), identifier)
        index += 1
    return languages


def _take_events(events: _Events, words: list[int], phones: list[SpokenPhone]) -> None:
    """Add the words and phones among the events (an array with a last event of type 0) to those so far."""
    index = 0
    while events[index].type != _END:
        event = events[index]
        index += 1
        if event.type == _WORD:
            words.append(event.text_position - 1)
        elif event.type == _PHONEME:
            symbol = bytes(event.id.string).decode(errors="ignore")
            if not symbol.startswith("("):  # "(en)": the voice reads the next word as another language's
                phones.append(SpokenPhone(symbol, event.audio_position / 1000.0, len(words) - 1))


_USUAL = {
    "en": "en-us", "zh": "cmn", "zh-cn": "cmn", "zh-tw": "cmn", "zh-hk": "yue", "fr": "fr-fr", "no": "nb",
    "pt-pt": "pt", "de-de": "de", "es-es": "es", "it-it": "it", "ja-jp": "ja",
}  # fmt: skip
"""What people write for a language where espeak-ng has another code."""


@cache
def espeak() -> Espeak:
    """The process's one espeak-ng; its voices are listed on first use."""
    return Espeak()
