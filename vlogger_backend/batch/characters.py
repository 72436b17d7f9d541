"""Who speaks: characters described by name in a TOML file, so that a table needs only their names.

[maria]
body = { gender = 1, age = 0.6 }
style = { gesture = 1.3 }
voice = "female"
seed = 4
language = "es"

[tom]
body = "smplx-neutral"
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..avatars.licensed import shelf
from ..errors import InputError
from ..request import Body, Request, Style
from ..speech.voice import VOICES
from .cells import DIALS, SLIDERS, language_of, model_named
from .problems import Problem


@dataclass(frozen=True)
class Character:
    """Who speaks a line. What the line's own cells say comes before `dials`, `seed` and `language`.

    `voice` speaks the lines without a recording; "" lets the body decide. `body` is the built-in one's sliders, or the
    name of a model of the user's.
    """

    body: Body | str = field(default_factory=Body)
    dials: Mapping[str, float] = field(default_factory=dict)
    voice: str = ""
    seed: int = 0
    language: str = "en"

    @property
    def speaker(self) -> str:
        """The voice, one of `VOICES`."""
        return self.voice or ("female" if _is_female(self.body) else "male")


def _is_female(body: Body | str) -> bool:
    if isinstance(body, str):
        return "female" in shelf.find(body).title
    return body.gender > 0.5


def read_characters(path: Path, found: list[Problem]) -> dict[str, Character]:
    """The characters of a TOML file, by their names in lower case. What is wrong with them is added to `found`.

    Raises InputError if the file can't be read.
    """
    try:
        tables = tomllib.loads(path.read_text("utf-8-sig"))
    except OSError as error:
        raise InputError(f"{path} can't be read: {error.strerror}. Give the file of the characters.") from error
    except UnicodeDecodeError as error:
        raise InputError(f"{path} is not UTF-8 text; save it as UTF-8.") from error
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise InputError(
            f"{path} is not TOML: {error}. Mend it there; names with spaces need quotation marks."
        ) from error
    characters: dict[str, Character] = {}
    for name, table in tables.items():
        if not isinstance(table, dict):
            found.append(Problem(str(path), 0, 0, name, "it is not a character; write [NAME] and its keys below."))
            continue
        if name.strip().casefold() in characters:
            found.append(Problem(str(path), 0, 0, name, "it is described twice; leave one of them out."))
        characters[name.strip().casefold()] = _character(table, str(path), name, found)
    return characters


def _character(table: dict[str, Any], where: str, name: str, found: list[Problem]) -> Character:
    values: dict[str, Any] = {}
    for key, value in table.items():
        try:
            if key not in _READERS:
                raise InputError(f"it is unknown; there are {', '.join(_READERS)}.")
            field_name, reader = _READERS[key]
            values[field_name] = reader(value)
        except InputError as error:
            found.append(Problem(where, 0, 0, f"{name}, {key}", str(error)))
    return Character(**values)


def _numbers(value: object, known: tuple[str, ...]) -> dict[str, float]:
    if not isinstance(value, dict):
        raise InputError(f"{value!r} is not understood; write {{ {known[0]} = 0.5, {known[1]} = 0.5 }}.")
    for name, number in value.items():
        if name not in known:
            raise InputError(f"there is no {name!r}; there are {', '.join(known)}.")
        if isinstance(number, bool) or not isinstance(number, int | float) or not abs(number) < 1e9:
            raise InputError(f"{name} is {str(number)[:20]}; write a number.")
    return {name: float(number) for name, number in value.items()}


def _body(value: object) -> Body | str:
    if isinstance(value, str):
        return model_named(value)
    if not isinstance(value, dict):
        raise InputError(f"{value!r} is not understood; write {{ gender = 1, age = 0.6 }}, or a model's name.")
    return Body(**_numbers(value, SLIDERS))


def _dials(value: object) -> dict[str, float]:
    dials = _numbers(value, DIALS)
    Style(**dials)
    return dials


def _voice(value: object) -> str:
    if not isinstance(value, str) or value not in VOICES:
        raise InputError(f"there is no voice {value!r}; choose one of {', '.join(VOICES)}.")
    return value


def _seed(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise InputError(f"{value!r} is not a seed; write a whole number, 0 or larger.")
    return Request("", seed=value).seed


def _language(value: object) -> str:
    if not isinstance(value, str):
        raise InputError(f'{value!r} is not a language; write an espeak-ng code such as "en".')
    return language_of(value)


_READERS: dict[str, tuple[str, Callable[[Any], Any]]] = {
    "body": ("body", _body),
    "style": ("dials", _dials),
    "voice": ("voice", _voice),
    "seed": ("seed", _seed),
    "language": ("language", _language),
}
