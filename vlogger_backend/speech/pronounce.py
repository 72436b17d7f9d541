"""How a text is pronounced: written words, the spoken words that each is read as, and their phones.

espeak-ng reads the text in its context (numbers, abbreviations, liaison); for English the CMU dictionary that the
acoustic model was trained with adds its pronunciations.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ..errors import InputError
from . import phones
from .espeak import espeak


class Sound(NamedTuple):
    """One phone of a pronunciation: its plain IPA, its stress (2, 1, 0), and the ARPAbet phones it is heard as."""

    symbol: str
    stress: int
    arpabet: tuple[str, ...]


Pronunciation = tuple[Sound, ...]
Lookup = Callable[[str], list[tuple[str, ...]]]
"""A dictionary: lower-case word to its ARPAbet pronunciations, best first; none if it is unknown."""


@dataclass(frozen=True)
class WrittenWord:
    """A word as written, and the spoken words that it is read as ("1995" is four), each with its pronunciations."""

    text: str
    spoken: tuple[tuple[Pronunciation, ...], ...]


class Dictionary:
    """The CMU dictionary of American English, as in PocketSphinx's wheel: words to ARPAbet pronunciations."""

    def __init__(self) -> None:
        import pocketsphinx

        path = Path(pocketsphinx.get_model_path()) / "en-us" / "cmudict-en-us.dict"
        self._lines: dict[str, list[str]] = {}
        for line in path.read_text(encoding="utf-8").splitlines():
            word, _, phones = line.partition(" ")
            self._lines.setdefault(word.partition("(")[0], []).append(phones)

    def __call__(self, word: str) -> list[tuple[str, ...]]:
        """The pronunciations of a lower-case word, best first; none if it is unknown."""
        return [tuple(phones.split()) for phones in self._lines.get(word, [])]


_HAN = "\u3400-\u9fff\uf900-\ufaff"
"""Chinese characters, as a regular expression's range."""
_MUTE = {"So", "Sk", "Cf", "Cc", "Co", "Cs", "Cn"}
"""Unicode categories of characters that nobody says."""


def pronounce(text: str, language: str, lookup: Lookup) -> tuple[WrittenWord, ...]:
    """The words of `text` that can be heard, in order; marks, emoji and the like are left out.

    `language` is an espeak-ng code. `lookup` is only asked for English. Raises InputError for an unknown language, a
    text in a script that the language is not written in, and a text without a word in it.
    """
    code = espeak().language(language)
    tokens = _tokens(text)
    if not tokens:
        raise InputError(f"The text {_short(text)!r} has no words in it: write what is said, or leave the text out.")
    _check_script(text, code)
    if code == "ja" and re.search(f"[{_HAN}]", text):
        raise InputError(f"The text {_short(text)!r} has kanji, which espeak-ng can't read: write it in kana.")
    words = [word for batch in _batches(tokens) for word in _read(batch, code, lookup)]
    if not words:
        raise InputError(f"The text {_short(text)!r} can't be read aloud in {code!r}: choose its language.")
    return tuple(words)


def _tokens(text: str) -> list[str]:
    """The text cut at spaces, and around every Han character, without what can't be said."""
    spaced = re.sub(f"([{_HAN}])", r" \1 ", unicodedata.normalize("NFC", text))
    spaced = re.sub(r"[—–…/_]|--+|\.\.+", _keep_between_digits, spaced)
    audible = ("".join(c for c in token if unicodedata.category(c) not in _MUTE) for token in spaced.split())
    return [token for token in audible if any(unicodedata.category(c)[0] in "LN" or c in "&%+@" for c in token)]


def _keep_between_digits(match: re.Match[str]) -> str:
    """A stroke in "5/6" is read; elsewhere a dash or a row of dots parts two words."""
    before, after = match.string[: match.start()][-1:], match.string[match.end() :][:1]
    return match.group() if match.group() == "/" and before.isdigit() and after.isdigit() else f"{match.group()} "


def _batches(tokens: list[str]) -> Iterator[list[str]]:
    """Runs of tokens for espeak-ng to read at once, cut at the ends of sentences where there are any."""
    batch: list[str] = []
    for token in tokens:
        batch.append(token)
        if len(batch) >= 100 or (len(batch) >= 20 and token[-1] in ".!?;。！？"):
            yield batch
            batch = []
    if batch:
        yield batch


def _read(tokens: list[str], code: str, lookup: Lookup) -> Iterator[WrittenWord]:
    english = code.split("-")[0] == "en"
    said = [readings(token)[0] if english else token for token in tokens]
    for text, parts in _parted(tokens, said, _heard(said, code), code):
        words = [pronunciation for part in parts if (pronunciation := _from_espeak(part, english))]
        others = readings(text)[1:] if english else ()
        if others:
            yield WrittenWord(text, (_whole_readings(words, others, code),))
        elif english and len(words) == 1:
            yield WrittenWord(text, (_with_dictionary(text, words[0], lookup),))
        elif words:
            yield WrittenWord(text, tuple((word,) for word in words))


def _heard(tokens: list[str], code: str) -> list[list[list[str]]]:
    """For each token, the spoken words that espeak-ng reads there, each a list of its symbols."""
    starts = np.cumsum([0] + [len(token) + 1 for token in tokens])
    spoken = espeak().say(" ".join(tokens), code)
    heard: list[list[list[str]]] = [[] for _ in tokens]
    previous = -1
    for phone in spoken.phones:
        if phone.word < 0:
            continue
        place = min(int(np.searchsorted(starts, spoken.words[phone.word], side="right")) - 1, len(tokens) - 1)
        if phone.word != previous:
            previous = phone.word
            heard[place].append([])
        heard[place][-1].append(phone.symbol)
    return heard


def _parted(
    tokens: list[str], said: list[str], heard: list[list[list[str]]], code: str
) -> Iterator[tuple[str, list[list[str]]]]:
    """Tokens with their phones. Some are read together ("of the"): they are read again, each alone; Chinese ones,
    which are characters of one word, are joined."""
    first = 0
    while first < len(tokens):
        stop = first + 1
        while stop < len(tokens) and not heard[stop]:
            stop += 1
        if stop == first + 1:
            yield tokens[first], heard[first]
        elif unicodedata.category(tokens[first + 1][0]) == "Lo":
            yield "".join(tokens[first:stop]), heard[first]
        else:
            for token, spelling in zip(tokens[first:stop], said[first:stop], strict=True):
                yield token, _heard([spelling], code)[0]
        first = stop


def _whole_readings(main: list[Pronunciation], others: tuple[str, ...], code: str) -> tuple[Pronunciation, ...]:
    """What can be read in several ways, as one spoken word with all of them."""
    found = [tuple(sound for word in main for sound in word)]
    for other in others:
        symbols = [symbol for word in _heard([other], code)[0] for symbol in word]
        found.append(_from_espeak(symbols, english=True))
    return tuple(dict.fromkeys(found))


def readings(token: str) -> tuple[str, ...]:
    """How a token of English is said, spelled so that espeak-ng says it like that: mostly just as it is written.

    espeak-ng reads the sign of a sum of money before its number, and years as numbers.
    """
    match = re.fullmatch(r"(\W*)([$£€¥])(\d[\d,]*(?:\.\d+)?)(\w*)(\W*)", token)
    if match:
        before, sign, amount, scale, after = match.groups()
        unit = {"$": "dollar", "£": "pound", "€": "euro", "¥": "yen"}[sign]
        large = {"k": " thousand", "m": " million", "bn": " billion", "b": " billion"}.get(scale.lower(), scale)
        return (f"{before}{amount}{large} {unit}{'' if amount == '1' or sign == '¥' else 's'}{after}",)
    match = re.fullmatch(r"(\W*)(1[1-9]|20)([1-9]\d)(\W*)", token)
    if match:
        before, century, year, after = match.groups()
        thousand = f"2 thousand and {year}" if century == "20" else f"1 thousand {century[1]} hundred and {year}"
        other = f"2 thousand {year}" if century == "20" else f"{century} hundred and {year}"
        return tuple(f"{before}{said}{after}" for said in (f"{century} {year}", other, thousand))
    return (token,)


def _from_espeak(symbols: list[str], english: bool) -> Pronunciation:
    sounds = []
    for marked in symbols:
        stress = phones.stress_of(marked)
        for symbol in phones.split(phones.plain(marked)):
            of_this = stress if phones.is_vowel(symbol) else 0
            arpabet = phones.nearest(symbol)
            if english:
                sounds += [Sound(phones.from_arpabet(phone, of_this), of_this, (phone,)) for phone in arpabet]
            else:
                sounds.append(Sound(symbol, of_this, arpabet))
    return tuple(sounds)


def _with_dictionary(text: str, by_rule: Pronunciation, lookup: Lookup) -> tuple[Pronunciation, ...]:
    """The dictionary's pronunciations of an English word, and espeak-ng's where it differs from them."""
    word = text.lower().replace("’", "'").strip('"“”‘()[]{}<>,;:!?*«»')
    entries = lookup(word) or lookup(word.rstrip(".")) or lookup(word.strip("'"))
    found = {entry: _from_dictionary(entry, by_rule) for entry in entries}
    found.setdefault(tuple(phone for sound in by_rule for phone in sound.arpabet), by_rule)
    return tuple(found.values())


def _from_dictionary(entry: tuple[str, ...], by_rule: Pronunciation) -> Pronunciation:
    """A dictionary entry, which has no stress, with that of espeak-ng's reading, syllable by syllable."""
    stresses = [sound.stress for sound in by_rule if phones.is_vowel(sound.symbol)]
    symbols = [phones.from_arpabet(phone) for phone in entry]
    syllables = sum(phones.is_vowel(symbol) for symbol in symbols)
    sounds = []
    syllable = 0
    for phone, symbol in zip(entry, symbols, strict=True):
        stress = 0
        if phones.is_vowel(symbol):
            if stresses:
                stress = stresses[syllable * len(stresses) // syllables]
            syllable += 1
        sounds.append(Sound(phones.from_arpabet(phone, stress), stress, (phone,)))
    return tuple(sounds)


_SCRIPTS: dict[str, str] = {
    "am": "ETHIOPIC", "ti": "ETHIOPIC", "ar": "ARABIC", "fa": "ARABIC", "sd": "ARABIC", "ug": "ARABIC",
    "ur": "ARABIC", "as": "BENGALI", "bn": "BENGALI", "bpy": "BENGALI", "ba": "CYRILLIC", "be": "CYRILLIC",
    "bg": "CYRILLIC", "cv": "CYRILLIC", "kk": "CYRILLIC", "ky": "CYRILLIC", "mk": "CYRILLIC", "nog": "CYRILLIC",
    "ru": "CYRILLIC", "tt": "CYRILLIC", "uk": "CYRILLIC", "cmn": "CJK", "yue": "CJK",
    "hak": "CJK LATIN", "cmn-latn-pinyin": "LATIN", "el": "GREEK", "grc": "GREEK", "gu": "GUJARATI",
    "he": "HEBREW", "hi": "DEVANAGARI", "kok": "DEVANAGARI", "mr": "DEVANAGARI", "ne": "DEVANAGARI",
    "hy": "ARMENIAN", "hyw": "ARMENIAN", "ja": "HIRAGANA KATAKANA KATAKANA-HIRAGANA CJK", "ka": "GEORGIAN",
    "kn": "KANNADA", "ko": "HANGUL CJK", "ml": "MALAYALAM", "my": "MYANMAR", "or": "ORIYA", "pa": "GURMUKHI",
    "shn": "MYANMAR", "si": "SINHALA", "sr": "CYRILLIC LATIN", "bs": "CYRILLIC LATIN", "ta": "TAMIL",
    "te": "TELUGU", "th": "THAI", "chr": "CHEROKEE", "en-shaw": "SHAVIAN", "az": "LATIN CYRILLIC",
    "uz": "LATIN CYRILLIC", "ku": "LATIN ARABIC", "piqd": "LATIN", "fa-latn": "LATIN", "kaa": "LATIN CYRILLIC",
    "qya": "LATIN", "sjn": "LATIN",
}  # fmt: skip
"""The scripts, by the first word of their characters' Unicode names, that a language is written in; else Latin."""


def _check_script(text: str, code: str) -> None:
    scripts = _SCRIPTS.get(code, _SCRIPTS.get(code.split("-")[0], "LATIN")).split()
    letters = [unicodedata.name(c, "?").split()[0] for c in text if unicodedata.category(c)[0] == "L"]
    foreign = [script for script in letters if script not in scripts and script not in ("MODIFIER", "FULLWIDTH")]
    if len(foreign) > 0.5 * len(letters):
        common = max(sorted(set(foreign)), key=foreign.count).replace("CJK", "Chinese").capitalize()
        raise InputError(
            f"The text {_short(text)!r} is in {common} letters, which {code!r} is not written in: "
            f"give the language of the text, or leave the text out."
        )


def _short(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= 40 else f"{text[:37]}..."
