"""What is written in one cell of a table: numbers, dials and sliders, names of files.

Each function raises InputError with the remedy for a cell that can't be used."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import fields
from difflib import get_close_matches
from pathlib import PurePosixPath, PureWindowsPath

from ..avatars.licensed import shelf
from ..errors import InputError
from ..products import SUFFIXES
from ..request import Body, Request, Style

DIALS = tuple(field.name for field in fields(Style))
SLIDERS = tuple(field.name for field in fields(Body))

_NUMBER = r"[+-]?(?:\d+(?:[.,]\d+)?|[.,]\d+)"
"""A decimal comma too: many a spreadsheet writes one."""
_SETTING = re.compile(rf"\s*([^\s=,;]+)\s*=\s*({_NUMBER})(?:[\s,;]+|$)")
_FORBIDDEN = re.compile(r'[<>:"|?*\x00-\x1f\x7f]')
_LONGEST_NAME = 200
"""Bytes of one part of a path; file systems allow 255, and an ending and a temporary name's beginning are added."""
_LONGEST_MADE_NAME = 48


def settings(cell: str, known: Iterable[str]) -> dict[str, float]:
    """`energy=1.4 gesture=0.5` as numbers by name."""
    found: dict[str, float] = {}
    at = 0
    while at < len(cell.strip()):
        match = _SETTING.match(cell.strip(), at)
        if match is None:
            rest = cell.strip()[at:].split()[0]
            raise InputError(f"{rest!r} is not understood; write NAME=NUMBER, with spaces between several.")
        name = match[1].lower()
        if name not in known:
            raise InputError(f"there is no {match[1]!r}; write {_choice(name, known)}.")
        if name in found:
            raise InputError(f"{name} is set twice; leave one of them out.")
        found[name] = float(match[2].replace(",", "."))
        at = match.end()
    return found


def dial_settings(cell: str) -> dict[str, float]:
    """The dials of a style."""
    found = settings(cell, DIALS)
    Style(**found)
    return found


def sliders_of(cell: str) -> Body:
    """The built-in body of `gender=1 age=0.6`."""
    return Body(**settings(cell, SLIDERS))


def body_of(cell: str) -> Body | str:
    """A body by sliders, or the name of the user's model that the cell holds."""
    return sliders_of(cell) if "=" in cell else model_named(cell)


def model_named(name: str) -> str:
    """The name of a model that the user has registered, or of a person, whose file is there and the same."""
    shelf.find(name)
    return name


def seed_of(cell: str) -> int:
    if not re.fullmatch(r"\d{1,18}", cell):
        raise InputError(f"{cell!r} is not a seed; write a whole number, 0 or larger.")
    return int(cell)


def fps_of(cell: str) -> float:
    if not re.fullmatch(_NUMBER, cell):
        raise InputError(f"{cell!r} is not a frame rate; write a number between 1 and 240.")
    return Request("", fps=float(cell.replace(",", "."))).fps


def language_of(cell: str) -> str:
    """A language that espeak-ng knows, as it was written."""
    from ..speech.espeak import espeak

    espeak().language(cell)
    return cell


def output_name(cell: str) -> str:
    """The name of a line's files inside the output folder, without an ending, `/` between its parts.

    It can't leave the folder, and works on every file system.
    """
    path = PurePosixPath(cell.replace("\\", "/"))
    if path.is_absolute() or PureWindowsPath(cell).drive or ".." in path.parts:
        raise InputError(f"{cell!r} leads out of the output folder; give a name inside it, such as act1/hello.")
    if path.suffix.lower() == ".npz":
        path = path.with_suffix("")
    elif path.suffix.lower() in (*SUFFIXES, ".wav"):
        raise InputError(f"{cell!r} has an ending; leave {path.suffix} out, --products says what is made.")
    for part in path.parts:
        if match := _FORBIDDEN.search(part):
            raise InputError(f"{cell!r} can't be a file's name everywhere; leave {match.group()!r} out.")
        if part != part.strip() or part.endswith(".") or PureWindowsPath(part).is_reserved():
            raise InputError(f"{cell!r} can't be a file's name on Windows; choose another.")
        if len(part.encode()) > _LONGEST_NAME:
            raise InputError(f"{cell[:40]!r}… is too long for a file's name; shorten it to {_LONGEST_NAME} bytes.")
    if not path.parts:
        raise InputError(f"{cell!r} is not a name; give one such as act1/hello.")
    return path.as_posix()


def name_of_sound(cell: str) -> str:
    """The name of a line that is called as its sound is: in the same folders, if they are below the table's."""
    path = PurePosixPath(cell.replace("\\", "/"))
    outside = path.is_absolute() or PureWindowsPath(cell).drive or ".." in path.parts
    return output_name(_FORBIDDEN.sub("_", (PurePosixPath(path.name) if outside else path).with_suffix("").as_posix()))


def name_of_text(text: str) -> str:
    """A name made of a text's first words: `Hello! A moment ago` is `hello-a-moment-ago`."""
    name = ""
    for word in re.findall(r"[^\W_]+", re.sub("['’]", "", text).lower()):
        if name and len(f"{name}-{word}".encode()) > _LONGEST_MADE_NAME:
            break
        name = f"{name}-{word}" if name else word
    return output_name(name.encode()[:_LONGEST_MADE_NAME].decode(errors="ignore"))


def _choice(name: str, known: Iterable[str]) -> str:
    near = get_close_matches(name, list(known), n=1)
    return near[0] if near else f"one of {', '.join(known)}"
