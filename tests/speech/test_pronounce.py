"""Text as people write it is read as they would say it."""

from __future__ import annotations

import pytest

from vlogger_backend.errors import InputError
from vlogger_backend.speech.espeak import espeak
from vlogger_backend.speech.phones import ENGLISH_IPA
from vlogger_backend.speech.pronounce import Dictionary, pronounce


@pytest.fixture(scope="module")
def dictionary() -> Dictionary:
    return Dictionary()


def sounds(text: str, language: str, dictionary: Dictionary) -> list[tuple[str, str]]:
    """Each word as written, with its first pronunciation, its spoken words parted by spaces."""
    return [
        (word.text, " ".join("".join(sound.symbol for sound in spoken[0]) for spoken in word.spoken))
        for word in pronounce(text, language, dictionary)
    ]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("1995", "naɪntinnaɪntifaɪv"),
        ("3:30", "θɹi θɝdi"),
        ("$5", "faɪv dɑlɚz"),
        ("£1", "wʌn paʊnd"),
        ("50%", "fɪfti pɚsɛnt"),
        ("R&D", "ɑɹ ænd di"),
    ],
)
def test_numbers_and_signs(text: str, said: str, dictionary: Dictionary) -> None:
    [(written, found)] = sounds(text, "en", dictionary)
    assert written == text
    assert found == said


def test_abbreviations_names_and_contractions(dictionary: Dictionary) -> None:
    words = pronounce("Dr. Smith of NASA doesn't co-operate with Zyxquorp…", "en", dictionary)
    assert [word.text for word in words] == "Dr. Smith of NASA doesn't co-operate with Zyxquorp…".split()
    said = {word.text: ["".join(s.symbol for s in p) for spoken in word.spoken for p in spoken] for word in words}
    assert "dɑktɚ" in said["Dr."]
    assert "næsə" in said["NASA"]
    assert "dʌzənt" in said["doesn't"]
    assert any(said["co-operate"])


def test_years_can_be_read_in_several_ways(dictionary: Dictionary) -> None:
    [word] = pronounce("2024", "en", dictionary)
    found = {"".join(s.symbol for s in p) for p in word.spoken[0]}
    assert found >= {"twɛntitwɛntifɔɹ", "tuθaʊzəndtwɛntifɔɹ"}
    assert len(found) == 3


def test_words_that_are_read_together_stay_apart(dictionary: Dictionary) -> None:
    text = "half of the picture may be for a friend in the house"
    assert [w for w, _ in sounds(text, "en", dictionary)] == text.split()


def test_english_comes_in_its_closed_set_with_stress(dictionary: Dictionary) -> None:
    for word in pronounce("Photographers photograph beautiful, unusual vegetables: squirrels!", "en-gb", dictionary):
        for pronunciation in (p for spoken in word.spoken for p in spoken):
            assert {sound.symbol for sound in pronunciation} <= ENGLISH_IPA
            assert max(sound.stress for sound in pronunciation) == 2


def test_dictionary_words_have_their_alternatives(dictionary: Dictionary) -> None:
    [word] = pronounce("either", "en", dictionary)
    assert {"".join(s.symbol for s in p) for p in word.spoken[0]} >= {"iðɚ", "aɪðɚ"}


def test_signs_and_emoji_are_not_words(dictionary: Dictionary) -> None:
    assert [w for w, _ in sounds("Well — 🙂 yes... * no!", "en", dictionary)] == ["Well", "yes...", "no!"]


@pytest.mark.parametrize(
    ("language", "text", "count"),
    [
        ("de", "Im Jahr 1995 war es schön.", 6),
        ("fr", "Les enfants ont mangé à Paris.", 6),
        ("es", "¿Qué hora es?", 3),
        ("ru", "Привет, мир!", 2),
        ("zh", "今天天气很好。", 5),
        ("ja", "こんにちは せかい", 2),
        ("ko", "안녕하세요 세계", 2),
        ("hi", "नमस्ते दुनिया", 2),
    ],
)
def test_other_languages(language: str, text: str, count: int, dictionary: Dictionary) -> None:
    words = pronounce(text, language, dictionary)
    assert len(words) == count
    assert all(pronunciation for word in words for spoken in word.spoken for pronunciation in spoken)


@pytest.mark.parametrize(
    ("text", "language", "told"),
    [
        ("", "en", "no words"),
        (" … 🙂", "en", "no words"),
        ("привет мир", "en", "Cyrillic letters"),
        ("你好", "en", "Chinese letters"),
        ("hello", "ru", "Latin letters"),
        ("東京は日本の首都です", "ja", "kana"),
    ],
)
def test_text_that_cannot_be_read_is_refused(text: str, language: str, told: str, dictionary: Dictionary) -> None:
    with pytest.raises(InputError, match=told):
        pronounce(text, language, dictionary)


def test_language_codes() -> None:
    assert espeak().language("en") == "en-us"
    assert espeak().language("EN_gb") == "en-gb"
    assert espeak().language("zh") == "cmn"
    assert espeak().language("fr") == "fr-fr"
    with pytest.raises(InputError, match="en-gb"):
        espeak().language("en-xx")
    with pytest.raises(InputError, match="klingon"):
        espeak().language("klingon")
