"""Every speech sound of every language has a place in the acoustic model and a plain symbol."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vlogger_backend.speech import phones
from vlogger_backend.speech.espeak import espeak

PANGRAMS = {
    "en-us": "The quick brown fox jumps over the lazy dog, judging measures of thick wax.",
    "en-gb": "The quick brown fox jumps over the lazy dog, judging measures of thick wax.",
    "de": "Zwölf Boxkämpfer jagen Viktor quer über den großen Sylter Deich.",
    "fr": "Portez ce vieux whisky au juge blond qui fume, un bon vin blanc.",
    "es": "El pingüino Wenceslao hizo kilómetros bajo exhaustiva lluvia y frío.",
    "it": "Quel vituperabile xenofobo zelante assaggia il whisky ed esclama alleluja.",
    "ru": "Съешь же ещё этих мягких французских булок да выпей чаю.",
    "cmn": "视野无限广，窗外有蓝天。",
    "ja": "いろはにほへと ちりぬるを わかよたれそ",
    "ko": "키스의 고유조건은 입술끼리 만나야 하고",
    "ar": "نص حكيم له سر قاطع وذو شأن عظيم",
    "hi": "ऋषियों को सताने वाले दुष्ट राक्षसों",
    "pl": "Pchnąć w tę łódź jeża lub ośm skrzyń fig.",
    "vi": "Do bạch kim rất quý nên sẽ dùng để lắp vô xương",
    "sv": "Flygande bäckasiner söka hwila på mjuka tuvor",
    "tr": "Pijamalı hasta yağız şoföre çabucak güvendi",
    "sw": "Ninapenda kusoma vitabu vya ng'ombe na mbwa",
}


@pytest.mark.parametrize("language", PANGRAMS)
def test_all_that_a_language_says_can_be_heard(language: str) -> None:
    for spoken in espeak().say(PANGRAMS[language], language).phones:
        symbol = phones.plain(spoken.symbol)
        assert symbol or not any(unicodedata.category(c) in ("Ll", "Lo") for c in spoken.symbol), spoken
        for unit in phones.split(symbol):
            assert unit in phones._NEAREST or len(unit) > 1, unit
            assert all(phone in phones.ARPABET_TO_IPA for phone in phones.nearest(unit))


@given(st.text(max_size=8))
def test_any_text_is_some_sound(symbol: str) -> None:
    plain = phones.plain(symbol)
    assert phones.plain(plain) == plain
    assert "".join(phones.split(plain)) == plain or plain.endswith("h")
    for unit in phones.split(plain):
        assert phones.nearest(unit)


def test_marks_are_taken_off() -> None:
    assert phones.plain("ˈɑː") == "ɑ"
    assert phones.plain("t͡ʃ") == "tʃ"
    assert phones.plain("nʲ") == "n"
    assert phones.plain("ɛ̃") == "ɛ"
    assert phones.plain("ç") == "ç"
    assert phones.plain("ɑu5") == "ɑu"
    assert phones.split("ɔɹ") == ["ɔ", "ɹ"]
    assert phones.split("tɕh") == ["tɕ"]


def test_english_symbols_go_there_and_back() -> None:
    for arpabet, symbol in phones.ARPABET_TO_IPA.items():
        assert phones.nearest(symbol) == (arpabet,)
        assert phones.from_arpabet(arpabet) == symbol
    assert {phones.from_arpabet(phone, stress) for phone in phones.ARPABET_TO_IPA for stress in (0, 2)} == set(
        phones.ENGLISH_IPA
    )
    assert phones.from_arpabet("SIL") == ""
