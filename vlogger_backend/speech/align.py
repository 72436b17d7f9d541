"""Forced alignment: when each word and phone of a known text is said.

A window of sound is decoded with a grammar that says the next words in order, with pauses allowed between them; then
the phones inside the found words are placed by a second pass over their states (Viterbi). Long recordings are done
window by window: the words that ended well before the end of the window are kept, and the next window starts there.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from ..motion.speech import SILENCE, Phone
from .acoustics import FRAME, aligning_decoder, decode
from .audio import RATE
from .pronounce import Pronunciation, WrittenWord

WINDOW = 25.0
"""Seconds of sound that are aligned at once."""
_CUT = (0.4, 0.9)
"""The part of a window in which the cut to the next is looked for."""
_FASTEST = 25.0
"""Phones per second that no speaker exceeds; how far a window looks ahead in the text."""

_Spoken = tuple[int, tuple[Pronunciation, ...]]
"""A spoken word to be found: the index of its written word, and its pronunciations."""


_Run = list[Phone]
"""The phones of one spoken word, or one pause."""


class NoAlignment(Exception):  # noqa: N818 - it is an outcome, not a fault
    """The text can't be said in this sound, however badly."""


class Aligner:
    """Aligns texts with sounds. Made once: the dictionary and the acoustic model stay loaded."""

    def __init__(self) -> None:
        self._decoder = aligning_decoder()
        self._names: dict[tuple[Pronunciation, ...], str] = {}

    def lookup(self, word: str) -> list[tuple[str, ...]]:
        """The ARPAbet pronunciations of a lower-case English word in the CMU dictionary, best first."""
        found: list[tuple[str, ...]] = []
        name = word
        while word and (entry := self._decoder.lookup_word(name)):
            found.append(tuple(entry.split()))
            name = f"{word}({len(found) + 1})"
        return found

    def align(
        self, blocks: Iterator[NDArray[np.float32]], words: Sequence[WrittenWord]
    ) -> Iterator[list[Phone]]:
        """Place `words` in a sound (blocks of 16 kHz mono), window by window: all its phones, in order, gapless.

        Raises NoAlignment if the words can't be said in that sound.
        """
        text = [(index, alternatives) for index, word in enumerate(words) for alternatives in word.spoken]
        held = np.zeros(0, np.float32)
        start = 0.0
        for block in blocks:
            held = np.concatenate([held, block])
            # a little more than a window is held, so that what remains at the end is never too short to align
            while len(held) >= (WINDOW + 1.0) * RATE:
                found = self._align_window(held[: int(WINDOW * RATE)], text, last=False)
                kept = _until_cut(found)
                end = kept[-1][-1].end
                yield _moved(kept, start)
                text = text[sum(not _is_pause(run) for run in kept) :]
                start += end
                held = held[round(end * RATE) :]
        yield _moved(self._align_window(held, text, last=True), start)

    def _align_window(self, samples: NDArray[np.float32], text: list[_Spoken], last: bool) -> list[_Run]:
        """One window's words and pauses; every word of `text` must be in it if it is the last."""
        duration = len(samples) / RATE
        ahead = text if last else _next_words(text, _FASTEST * duration)
        if not ahead:
            return [[Phone(SILENCE, 0.0, duration)]]
        self._set_grammar([alternatives for _, alternatives in ahead], every=last)
        decode(self._decoder, samples)
        if self._decoder.hyp() is None:
            raise NoAlignment
        self._decoder.set_alignment()
        decode(self._decoder, samples)
        return self._read_alignment(ahead, duration)

    def _set_grammar(self, words: list[tuple[Pronunciation, ...]], every: bool) -> None:
        """Say the words in order, all of them or (not `every`) as many as the sound has; pauses come by themselves."""
        names = [self._name(alternatives) for alternatives in words]
        final = len(names)
        steps: list[tuple[int, int, float] | tuple[int, int, float, str]] = [
            (state, state + 1, 1.0, name) for state, name in enumerate(names)
        ]
        if not every:
            steps += [(state, final, 1.0) for state in range(final)]
        grammar = self._decoder.create_fsg("text", 0, final, steps)
        self._decoder.add_fsg("text", grammar)
        self._decoder.activate_search("text")

    def _name(self, alternatives: tuple[Pronunciation, ...]) -> str:
        """The decoder's name for a spoken word with these pronunciations; added to its dictionary if new."""
        name = self._names.get(alternatives)
        if name is None:
            name = self._names[alternatives] = f"={len(self._names)}"
            for number, pronunciation in enumerate(alternatives, 1):
                heard = " ".join(phone for sound in pronunciation for phone in sound.arpabet)
                self._decoder.add_word(name if number == 1 else f"{name}({number})", heard, False)
        return name

    def _read_alignment(self, ahead: list[_Spoken], duration: float) -> list[_Run]:
        runs: list[_Run] = []
        spoken = iter(ahead)
        for entry in self._decoder.get_alignment():
            if not entry.name.startswith("="):
                runs.append([Phone(SILENCE, entry.start * FRAME, (entry.start + entry.duration) * FRAME)])
                continue
            index, alternatives = next(spoken)
            number = re.search(r"\((\d+)\)$", entry.name)
            run: _Run = []
            heard = iter(entry)
            for sound in alternatives[int(number.group(1)) - 1 if number else 0]:
                parts = [next(heard) for _ in sound.arpabet]
                end = parts[-1].start + parts[-1].duration
                run.append(Phone(sound.symbol, parts[0].start * FRAME, end * FRAME, sound.stress, index))
            runs.append(run)
        if not runs:
            raise NoAlignment
        runs[-1][-1] = replace(runs[-1][-1], end=duration)
        return runs


def _next_words(text: list[_Spoken], most: float) -> list[_Spoken]:
    """The first words, as many as have `most` phones."""
    phones = np.cumsum([len(alternatives[0]) for _, alternatives in text[: int(most)]])
    return text[: int(np.searchsorted(phones, most, side="right"))]


def _is_pause(run: _Run) -> bool:
    return run[0].symbol == SILENCE


def _until_cut(runs: list[_Run]) -> list[_Run]:
    """The runs before the place to cut a window: the middle of the longest pause in its later part, else a word's end."""
    earliest, latest = _CUT[0] * WINDOW, _CUT[1] * WINDOW
    pauses = [
        i for i, run in enumerate(runs) if _is_pause(run) and run[0].start < latest and run[0].end > earliest
    ]
    if pauses:
        longest = max(pauses, key=lambda i: runs[i][0].end - runs[i][0].start)
        pause = runs[longest][0]
        middle = round(float(np.clip((pause.start + pause.end) / 2, earliest, latest)), 2)
        return [*runs[:longest], [replace(pause, end=middle)]]
    kept = [run for run in runs if run[-1].end <= latest]
    if not kept or kept[-1][-1].end < earliest:
        raise NoAlignment
    return kept


def _moved(runs: list[_Run], seconds: float) -> list[Phone]:
    return [replace(p, start=p.start + seconds, end=p.end + seconds) for run in runs for p in run]
