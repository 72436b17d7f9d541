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
    words = [word for batch in _batches(tokens) for word in _read(batch, code, lookup)]
    if not words:
        raise InputError(f"The text {_short(text)!r} can't be read aloud in {code!r}: choose its language.")
    return tuple(words)


def _tokens(text: str) -> list[str]:
    """The text cut at spaces, and around every Han character, without what can't be said."""
    spaced = re.sub(r"([\u3400-\u9fff\uf900-\ufaff])", r" \1 ", unicodedata.normalize("NFC", text))
    spaced = re.sub(r"[—–…/_]|--+|\.\.+", _keep_between_digits, spaced)
    audible = ("".join(c for c in token if unicodedata.category(c) not in _MUTE) for token in spaced.split())
    return [token for token in audible if any(unicodedata.category(c)[0] in "LN" or c in "&%+@" for c in token)]


_MUTE = {"So", "Sk", "Cf", "Cc", "Co", "Cs", "Cn"}


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
    said = [_respell(token) if english else token for token in tokens]
    starts = [0]
    for token in said:
        starts.append(starts[-1] + len(token) + 1)
    spoken = espeak().say(" ".join(said), code)
    heard: list[list[list[str]]] = [[] for _ in tokens]
    place = 0
    previous = -1
    for phone in spoken.phones:
        if phone.word < 0:
            continue
        if phone.word != previous:
            previous = phone.word
            while place + 1 < len(tokens) and spoken.words[phone.word] >= starts[place + 1]:
                place += 1
            heard[place].append([])
        heard[place][-1].append(phone.symbol)
    for text, parts in _joined_han(tokens, heard):
        words = [pronunciation for part in parts if (pronunciation := _from_espeak(part, english))]
        if english and len(words) == 1:
            yield WrittenWord(text, (_with_dictionary(text, words[0], lookup),))
        elif words:
            yield WrittenWord(text, tuple((word,) for word in words))


def _joined_han(tokens: list[str], heard: list[list[list[str]]]) -> Iterator[tuple[str, list[list[str]]]]:
    """Tokens with their phones; one that was read together with the one before it is joined to it."""
    joined: list[tuple[str, list[list[str]]]] = []
    for text, parts in zip(tokens, heard, strict=True):
        if not parts and joined and unicodedata.category(text[0]) == "Lo":
            joined[-1] = (joined[-1][0] + text, joined[-1][1])
        else:
            joined.append((text, parts))
    yield from joined


def _respell(token: str) -> str:
    """Sums of money as English says them: the unit after the number, where espeak-ng has it before."""
    match = re.fullmatch(r"(\W*)([$£€¥])(\d[\d,]*(?:\.\d+)?)(\w*)(\W*)", token)
    if not match:
        return token
    before, sign, amount, scale, after = match.groups()
    unit = {"$": "dollar", "£": "pound", "€": "euro", "¥": "yen"}[sign]
    large = {"k": " thousand", "m": " million", "bn": " billion", "b": " billion"}.get(scale.lower(), scale)
    return f"{before}{amount}{large} {unit}{'' if amount == '1' or sign == '¥' else 's'}{after}"


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
