"""Speech sounds: IPA as the rest of the program sees it, ARPAbet as the acoustic model has it.

Every phone that leaves this package is an IPA symbol without stress, length, tone or other marks; diphthongs and
affricates are one symbol. English comes out in the closed set `ENGLISH_IPA`. Other languages bring whatever
their espeak-ng voice says, normalised by `plain`; each such symbol is sounded, for the acoustic model, by the English
phones nearest to it (`nearest`).
"""

from __future__ import annotations

import re
import unicodedata

ARPABET_TO_IPA: dict[str, str] = {
    "AA": "ɑ", "AE": "æ", "AH": "ʌ", "AO": "ɔ", "AW": "aʊ", "AY": "aɪ", "B": "b", "CH": "tʃ", "D": "d",
    "DH": "ð", "EH": "ɛ", "ER": "ɝ", "EY": "eɪ", "F": "f", "G": "ɡ", "HH": "h", "IH": "ɪ", "IY": "i",
    "JH": "dʒ", "K": "k", "L": "l", "M": "m", "N": "n", "NG": "ŋ", "OW": "oʊ", "OY": "ɔɪ", "P": "p", "R": "ɹ",
    "S": "s", "SH": "ʃ", "T": "t", "TH": "θ", "UH": "ʊ", "UW": "u", "V": "v", "W": "w", "Y": "j", "Z": "z",
    "ZH": "ʒ",
}  # fmt: skip
UNSTRESSED_IPA: dict[str, str] = {"ʌ": "ə", "ɝ": "ɚ"}
"""What the two vowels that have a symbol of their own in unstressed syllables become there."""
ENGLISH_IPA: frozenset[str] = frozenset(ARPABET_TO_IPA.values()) | frozenset(UNSTRESSED_IPA.values())
"""Every symbol that English speech is told in, silence apart."""

VOWELS: frozenset[str] = frozenset("aɑɐæʌəɜɝɚɘɤɞɵeɛɪiɨɯɔoɒœøɶyʏʉuʊᵻᵿ")

_NEAREST: dict[str, tuple[str, ...]] = {
    # vowels
    "a": ("AA",), "ɑ": ("AA",), "ɐ": ("AH",), "æ": ("AE",), "ʌ": ("AH",), "ə": ("AH",), "ɜ": ("ER",),
    "ɝ": ("ER",), "ɚ": ("ER",), "ɘ": ("AH",), "ɤ": ("AH",), "ɞ": ("ER",), "ɵ": ("UH",), "e": ("EH",), "ɛ": ("EH",),
    "ɪ": ("IH",), "i": ("IY",), "ɨ": ("IH",), "ɯ": ("UW",), "ɔ": ("AO",), "o": ("AO",), "ɒ": ("AA",),
    "œ": ("ER",), "ø": ("ER",), "ɶ": ("AE",), "y": ("UW",), "ʏ": ("UH",), "ʉ": ("UW",), "u": ("UW",),
    "ʊ": ("UH",), "ᵻ": ("IH",), "ᵿ": ("UH",),
    # English diphthongs, and those near them
    "aɪ": ("AY",), "ɑɪ": ("AY",), "ai": ("AY",), "ɑi": ("AY",), "aʊ": ("AW",), "ɑʊ": ("AW",), "au": ("AW",),
    "ɑu": ("AW",), "eɪ": ("EY",), "ei": ("EY",), "ɛɪ": ("EY",), "oʊ": ("OW",), "ou": ("OW",), "əʊ": ("OW",),
    "ɔɪ": ("OY",), "ɔø": ("OY",), "oi": ("OY",), "ɔi": ("OY",), "ɪə": ("IH", "R"), "iə": ("IY", "AH"),
    # consonants
    "p": ("P",), "b": ("B",), "ɓ": ("B",), "ʙ": ("B",), "ɸ": ("F",), "β": ("V",), "m": ("M",), "ɱ": ("M",),
    "t": ("T",), "d": ("D",), "ɗ": ("D",), "ʈ": ("T",), "ɖ": ("D",), "ɾ": ("D",), "n": ("N",), "ɳ": ("N",),
    "ɲ": ("N", "Y"), "ŋ": ("NG",), "ɴ": ("NG",), "k": ("K",), "ɡ": ("G",), "ɠ": ("G",), "c": ("K",), "ɟ": ("G",),
    "q": ("K",), "ɢ": ("G",), "ʔ": ("T",), "f": ("F",), "v": ("V",), "ʋ": ("V",), "ⱱ": ("V",), "θ": ("TH",),
    "ð": ("DH",), "s": ("S",), "z": ("Z",), "ʃ": ("SH",), "ʒ": ("ZH",), "ɕ": ("SH",), "ʑ": ("ZH",),
    "ʂ": ("SH",), "ʐ": ("ZH",), "ç": ("SH",), "ʝ": ("Y",), "x": ("HH",), "χ": ("HH",), "ɣ": ("G",),
    "ʁ": ("R",), "ħ": ("HH",), "ʕ": ("AA",), "h": ("HH",), "ɦ": ("HH",), "ɬ": ("SH",), "ɮ": ("L",), "l": ("L",),
    "ɫ": ("L",), "ɭ": ("L",), "ʎ": ("L", "Y"), "ʟ": ("L",), "r": ("R",), "ɹ": ("R",), "ɻ": ("R",), "ɽ": ("R",),
    "ʀ": ("R",), "ɺ": ("L",), "j": ("Y",), "ɥ": ("W",), "w": ("W",), "ʍ": ("W",), "ɰ": ("W",),
    "ʘ": ("P",), "ǀ": ("T",), "ǃ": ("K",), "ǂ": ("T",), "ǁ": ("L",),
    # affricates
    "tʃ": ("CH",), "dʒ": ("JH",), "tɕ": ("CH",), "dʑ": ("JH",), "tʂ": ("CH",), "dʐ": ("JH",), "ts": ("T", "S"),
    "dz": ("D", "Z"), "cç": ("CH",), "ɟʝ": ("JH",), "pf": ("P", "F"),
}  # fmt: skip

_SPELLINGS: dict[str, str] = {
    "g": "ɡ", "ʧ": "tʃ", "ʤ": "dʒ", "ʦ": "ts", "ʣ": "dz", "ʨ": "tɕ", "ʥ": "dʑ", "ɫ": "l",
}  # fmt: skip
_PRECOMPOSED = "ç"
"""Letters that Unicode would take apart into a letter and a mark, though to IPA they are one."""


def plain(symbol: str) -> str:
    """`symbol` without stress, length, tone, syllabicity, secondary articulation and other marks; may be empty."""
    letters = []
    for letter in unicodedata.normalize("NFC", symbol):
        if letter in _PRECOMPOSED:
            letters.append(letter)
            continue
        for part in unicodedata.normalize("NFD", letter):
            spelled = _SPELLINGS.get(part, part)
            if spelled in _NEAREST:
                letters.append(spelled)
    return "".join(letters)


def stress_of(symbol: str) -> int:
    """The stress that an espeak-ng symbol is marked with: 2 primary, 1 secondary, 0 none."""
    return 2 if "ˈ" in symbol else 1 if "ˌ" in symbol else 0


def split(symbol: str) -> list[str]:
    """A plain symbol cut into those that stand for one sound each: espeak-ng writes some vowels with their r ("ɔɹ")."""
    if symbol in _NEAREST:
        return [symbol]
    if len(symbol) > 1 and symbol.endswith("h"):  # aspiration, as the Chinese voices write it
        return split(symbol[:-1])
    return _UNIT.findall(symbol)


def nearest(symbol: str) -> tuple[str, ...]:
    """The ARPAbet phones that sound most like a plain IPA symbol; at least one for every symbol, known or not."""
    if symbol in _NEAREST:
        return _NEAREST[symbol]
    known = [phone for letter in symbol for phone in _NEAREST.get(letter, ())]
    return tuple(known) or ("AH",)


def is_vowel(symbol: str) -> bool:
    """Whether a plain IPA symbol is a vowel or a diphthong."""
    return symbol[:1] in VOWELS


def from_arpabet(phone: str, stress: int | None = None) -> str:
    """IPA of an ARPAbet phone, `""` for silence and noises; with `stress` 0 the reduced form of AH and ER."""
    symbol = ARPABET_TO_IPA.get(phone, "")
    return UNSTRESSED_IPA.get(symbol, symbol) if stress == 0 else symbol


_VOWEL = "[" + "".join(sorted(VOWELS)) + "]"
_UNIT = re.compile(f"{_VOWEL}{{1,2}}|t[ʃɕʂs]|d[ʒʑʐz]|cç|ɟʝ|pf|.")
