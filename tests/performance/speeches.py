"""Made-up speech for the tests: plausible phones, accents and tracks, from a seed."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from vlogger_backend.motion.speech import SILENCE, TRACK_RATE, Accent, Phone, Speech, Word

_CONSONANTS = ("p", "t", "k", "m", "n", "s", "f", "l", "ɹ", "b", "d", "ʃ", "w")
_VOWELS = ("ɑ", "i", "u", "ɛ", "ə", "oʊ", "æ", "ɪ")


@lru_cache(maxsize=64)
def made_up_speech(seconds: float, seed: int = 0) -> Speech:
    """Phrases of 1 to 5 s, pauses of 0.25 to 1.2 s, words of 1 to 3 syllables, an accent every 0.3 to 0.9 s."""
    rng = np.random.default_rng(seed)
    phones: list[Phone] = []
    words: list[Word] = []
    accents: list[Accent] = []
    time = 0.0

    def silence(length: float) -> None:
        nonlocal time
        end = min(time + length, seconds)
        if end > time:
            phones.append(Phone(SILENCE, time, end))
        time = end

    silence(rng.uniform(0.1, 0.6))
    while time < seconds - 0.4:
        stop = min(time + rng.uniform(1.0, 5.0), seconds - 0.15)
        next_accent = time + rng.uniform(0.1, 0.5)
        while time < stop - 0.15:
            start = time
            for syllable in range(rng.integers(1, 4)):
                vowel_start = time + rng.uniform(0.04, 0.09)
                vowel_end = vowel_start + rng.uniform(0.06, 0.16)
                if vowel_end > stop:
                    break
                phones.append(Phone(str(rng.choice(_CONSONANTS)), time, vowel_start, 0, len(words)))
                phones.append(
                    Phone(
                        str(rng.choice(_VOWELS)),
                        vowel_start,
                        vowel_end,
                        2 if syllable == 0 else 0,
                        len(words),
                    )
                )
                if vowel_start > next_accent:
                    peak = (vowel_start + vowel_end) / 2
                    accents.append(Accent(peak, time, vowel_end, float(rng.uniform(0.15, 1.0))))
                    next_accent = vowel_end + rng.uniform(0.2, 0.7)
                time = vowel_end
            if time == start:
                break
            words.append(Word(f"word{len(words)}", start, time))
        silence(rng.uniform(0.25, 1.2))
    silence(seconds)
    frames = int(np.ceil(seconds * TRACK_RATE))
    at = np.arange(frames) / TRACK_RATE
    emphasis = np.zeros(frames)
    for accent in accents:
        near = slice(max(int((accent.time - 0.4) * TRACK_RATE), 0), int((accent.time + 0.4) * TRACK_RATE))
        bump = accent.strength * np.exp(-(((at[near] - accent.time) / 0.08) ** 2))
        emphasis[near] = np.maximum(emphasis[near], bump)
    voiced = np.zeros(frames)
    for phone in phones:
        if phone.symbol != SILENCE:
            voiced[round(phone.start * TRACK_RATE) : round(phone.end * TRACK_RATE)] = 1.0
    return Speech(
        duration=seconds,
        phones=tuple(phones),
        words=tuple(words),
        accents=tuple(accents),
        method="aligned",
        loudness=(voiced * (0.6 + 0.4 * emphasis)).astype(np.float32),
        pitch=(voiced * (110 + 50 * emphasis)).astype(np.float32),
        voicing=voiced.astype(np.float32),
        emphasis=emphasis.astype(np.float32),
    )


def silent_speech(seconds: float) -> Speech:
    """A recording in which nobody speaks."""
    empty = np.zeros(int(np.ceil(seconds * TRACK_RATE)), np.float32)
    return Speech(seconds, (Phone(SILENCE, 0.0, seconds),), loudness=empty, pitch=empty, voicing=empty, emphasis=empty)
