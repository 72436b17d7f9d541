"""What the mouth does for each speech sound: IPA symbol -> articulatory target.

The targets are computed from phonetic features (place, manner, height, backness, rounding: IPA chart, 2020), so that
any language has them, and follow the hard constraints of JALI (Edwards, Landreth, Fiume and Singh 2016): bilabials
close the lips, labiodentals bring the lower lip to the upper teeth, sibilants narrow the jaw, and sounds that are made
by the tongue alone leave the lips to their neighbours.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass, replace
from functools import cache

from ..motion.speech import SILENCE


@dataclass(frozen=True)
class Viseme:
    """Targets of the mouth for one sound, each 0 to 1, and how firmly each is insisted on (dominance, 0 to 1).

    jaw    : opening of the jaw; 1 is the widest that a person can
    pucker : lips pushed forward and together, as in /u/
    funnel : lips forward and open, as in /ʃ/ or /ɔ/
    spread : corners of the mouth drawn back, as in /i/
    teeth  : lips drawn apart so that the teeth show, as in /s/
    tongue : tip between or in front of the teeth, as in /θ/
    close  : lips sealed, as in /p b m/; `bite` : lower lip under the upper teeth, as in /f v/. They override the rest.
    """

    jaw: float = 0.0
    pucker: float = 0.0
    funnel: float = 0.0
    spread: float = 0.0
    teeth: float = 0.0
    tongue: float = 0.0
    close: float = 0.0
    bite: float = 0.0
    jaw_dominance: float = 1.0
    lips_dominance: float = 1.0
    vowel: bool = False


REST = Viseme()

_HEIGHTS = {  # vowel height -> jaw
    "close": ("iyɨʉɯu", 0.08),
    "near-close": ("ɪʏʊᵻ", 0.13),
    "close-mid": ("eøɘɵɤo", 0.165),
    "mid": ("əɚᵊ", 0.16),
    "open-mid": ("ɛœɜɞʌɔɝ", 0.24),
    "near-open": ("æɐ", 0.31),
    "open": ("aɶɑɒä", 0.34),
}
_ROUNDED = "yʉuʏʊøɵoœɞɔɶɒ"
_FRONT_UNROUNDED = "iɪeɛæaɨ"
_ROUNDING = {
    "close": (0.80, 0.16),
    "near-close": (0.50, 0.14),
    "close-mid": (0.52, 0.20),
    "open-mid": (0.30, 0.24),
    "open": (0.16, 0.24),
}
_SPREAD = {
    "close": 0.55,
    "near-close": 0.36,
    "close-mid": 0.42,
    "open-mid": 0.26,
    "near-open": 0.24,
    "open": 0.10,
}

_CONSONANTS: dict[str, Viseme] = {}


def _define(symbols: str, viseme: Viseme) -> None:
    _CONSONANTS.update(dict.fromkeys(symbols.split(), viseme))


_define("p b m ɓ ʙ", Viseme(jaw=0.06, close=1, jaw_dominance=0.5, lips_dominance=0.25))
_define("ɸ β", Viseme(jaw=0.04, close=0.55, jaw_dominance=0.5, lips_dominance=0.25))
_define("f v ɱ ʋ ⱱ", Viseme(jaw=0.05, bite=1, jaw_dominance=0.75, lips_dominance=0.3))
_define("θ ð", Viseme(jaw=0.085, teeth=0.25, tongue=0.5, jaw_dominance=0.8, lips_dominance=0.3))
_define("s z ts dz", Viseme(jaw=0.045, spread=0.42, teeth=0.85, jaw_dominance=1.0, lips_dominance=0.35))
_define("ʃ ʒ tʃ dʒ ɕ ʑ tɕ dʑ ʂ ʐ ɧ ʈʂ ɖʐ", Viseme(jaw=0.05, pucker=0.22, funnel=0.48, teeth=0.40))
_define("t d n", Viseme(jaw=0.075, teeth=0.18, tongue=0.08, jaw_dominance=0.55, lips_dominance=0.08))
_define("l ɬ ɮ ɫ ɾ r ɺ", Viseme(jaw=0.10, teeth=0.12, tongue=0.12, jaw_dominance=0.5, lips_dominance=0.10))
_define("ɹ ɻ", Viseme(jaw=0.085, pucker=0.34, funnel=0.16, jaw_dominance=0.6, lips_dominance=0.55))
_define("ʈ ɖ ɳ ɭ ɽ", Viseme(jaw=0.09, jaw_dominance=0.5, lips_dominance=0.10))
_define("j ɲ c ɟ ç ʝ ʎ", Viseme(jaw=0.075, spread=0.35, teeth=0.12, jaw_dominance=0.6, lips_dominance=0.35))
_define("k ɡ g ŋ x ɣ q ɢ ɴ χ ʁ ʀ ɰ", Viseme(jaw=0.11, teeth=0.08, jaw_dominance=0.4, lips_dominance=0.06))
_define("h ɦ ħ ʕ ʔ ʡ ʜ ʢ", Viseme(jaw=0.12, jaw_dominance=0.15, lips_dominance=0.04))
_define("w ɥ ʍ", Viseme(jaw=0.05, pucker=0.85, funnel=0.14, lips_dominance=1.0))


@cache
def visemes_of(symbol: str) -> tuple[Viseme, ...]:
    """The visemes of an IPA symbol, in order: one, or two for a diphthong or a sound with a secondary articulation.

    Unknown signs are passed over; a symbol without any known sign moves the jaw a little and leaves the lips alone.
    """
    if symbol == SILENCE:
        return (REST,)
    plain = "".join(c for c in unicodedata.normalize("NFD", symbol) if not unicodedata.combining(c) and c not in "ːˑ")
    if plain in _CONSONANTS:
        return (_CONSONANTS[plain],)
    found = [viseme for c in plain if (viseme := _letter(c)) is not None]
    if "ʷ" in plain and found:
        found = [replace(v, pucker=max(v.pucker, 0.6), lips_dominance=1.0) for v in found]
    return tuple(found[:2]) or (Viseme(jaw=0.10, jaw_dominance=0.3, lips_dominance=0.05),)


def _letter(letter: str) -> Viseme | None:
    if letter in _CONSONANTS:
        return _CONSONANTS[letter]
    for height, (letters, jaw) in _HEIGHTS.items():
        if letter in letters:
            pucker, funnel = _ROUNDING.get(height, (0.3, 0.2)) if letter in _ROUNDED else (0.0, 0.0)
            if letter in "ɚɝ":
                pucker, funnel = 0.26, 0.14
            spread = _SPREAD.get(height, 0.1) if letter in _FRONT_UNROUNDED else 0.0
            reduced = letter in "əᵊᵻ"
            return Viseme(
                jaw=jaw,
                pucker=pucker,
                funnel=funnel,
                spread=spread,
                teeth=0.25 * spread,
                jaw_dominance=0.6 if reduced else 1.0,
                lips_dominance=0.35 if reduced else 1.0,
                vowel=True,
            )
    return None
