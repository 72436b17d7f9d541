"""The lines of a batch: what is performed, by whom, and what it is called, all of it checked before work starts."""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from pathlib import Path
from typing import Any, TypeVar

from ..errors import InputError
from ..request import Request, Style
from ..speech.voice import is_spoken
from .cells import (
    body_of,
    dial_settings,
    fps_of,
    language_of,
    name_of_sound,
    name_of_text,
    output_name,
    seed_of,
    sliders_of,
)
from .characters import Character, read_characters
from .problems import Problem, ProblemsError
from .table import Row, Table, read_table

REPORT, REPORT_PAGE = "report.csv", "report.html"
"""What the report of a batch is called in its folder."""

T = TypeVar("T")


@dataclass(frozen=True)
class Line:
    """One line of dialogue of a table.

    number    : its line in the file, from 1
    row       : of the spreadsheet, as in `Problem`
    name      : of its files in the output folder, without an ending, with `/` between its parts
    request   : what is performed; its `audio` is where the sound is, or will be once it is spoken
    voice     : who speaks it first, one of `VOICES`; "" if there is a recording
    character : who it is, as written in the table
    """

    number: int
    row: int
    name: str
    request: Request
    voice: str = ""
    character: str = ""


@dataclass(frozen=True)
class Script:
    """All lines of a table; `unused` are its columns that mean nothing to us."""

    path: Path
    lines: tuple[Line, ...]
    unused: tuple[str, ...] = ()

    def describe(self) -> str:
        """What there is to do, in words."""
        spoken = sum(bool(line.voice) for line in self.lines)
        kinds = [f"{len(self.lines) - spoken} recorded"] if spoken < len(self.lines) else []
        kinds += [f"{spoken} for the offline voice"] if spoken else []
        unused = f" Columns that mean nothing here: {', '.join(self.unused)}." if self.unused else ""
        return f"{counted(len(self.lines))}, {' and '.join(kinds)}.{unused}"


def read_script(path: Path, folder: Path, characters: Path | None, products: Sequence[str]) -> Script:
    """The lines of the CSV at `path`, whose files go to `folder`: a take each, and `products` (suffixes).

    `folder` is absolute. `characters` is a file that describes those whom the table names.

    Raises ProblemsError with everything that is wrong in them; InputError if one of them can't be read at all.
    """
    if os.path.abspath(path) in [str(folder / name) for name in (REPORT, REPORT_PAGE)]:
        raise InputError(
            f"{path} would be overwritten by the report; give the table another name, or a folder with -o."
        )
    found: list[Problem] = []
    known = read_characters(characters, found) if characters is not None else {}
    table = read_table(path, found)
    reader = _Reader(table, folder, known, found)
    lines = [line for row in table.rows if (line := reader.line(row)) is not None]
    _check_names(table, lines, found)
    _check_sounds(table, lines, folder, products, found)
    if found:
        raise ProblemsError(sorted(found, key=lambda problem: problem.line))
    if not lines:
        raise InputError(f"{path} holds no lines below its first; add some.")
    return Script(path, tuple(lines), table.unused)


def counted(lines: int) -> str:
    return "1 line" if lines == 1 else f"{lines} lines"


class _Reader:
    """Makes lines of rows, and notes what is wrong with their cells."""

    def __init__(self, table: Table, folder: Path, characters: Mapping[str, Character], found: list[Problem]) -> None:
        self._where = table.path
        self._folder = folder
        self._characters = characters
        self._found = found

    def line(self, row: Row) -> Line | None:
        """The line of a row, or None if something is wrong with it."""
        before = len(self._found)
        cells = row.cells
        who = self._read(row, "character", self._character, Character())
        who = replace(who, body=self._read(row, "body", body_of, who.body))
        language = self._read(row, "language", language_of, who.language)
        dials: dict[str, float] = self._read(row, "style", dial_settings, {})
        seed = self._read(row, "seed", seed_of, who.seed)
        fps = self._read(row, "fps", fps_of, 30.0)
        text = self._read(row, "text", _text, None)
        recording = self._read(row, "audio", self._sound, None)
        if "audio" not in cells and "text" not in cells:
            self._note(row, "", "it has neither audio nor text; give one of them.")
        name = self._name(row)
        if len(self._found) > before:
            return None
        style = Style(**{**who.dials, **dials})
        sound = recording or os.path.abspath(self._folder / f"{name}.wav")
        request = Request(sound, text, language, fps, seed, style, who.body)
        voice = "" if recording else who.speaker
        return Line(row.line, row.row, name, request, voice, cells.get("character", ""))

    def _read(self, row: Row, column: str, reader: Any, default: T) -> T:
        """The cell as `reader` reads it; `default` if it is empty or wrong."""
        try:
            return reader(row.cells[column]) if column in row.cells else default
        except InputError as error:
            self._note(row, column, str(error))
            return default

    def _note(self, row: Row, column: str, sentence: str) -> None:
        self._found.append(Problem(str(self._where), row.line, row.row, column, sentence))

    def _character(self, cell: str) -> Character:
        if "=" in cell:
            return Character(sliders_of(cell))
        name = " ".join(cell.split()).casefold()
        if name in self._characters:
            return self._characters[name]
        near = get_close_matches(name, self._characters, n=1)
        if not self._characters:
            remedy = "describe it in a file and give that with --characters, or write sliders such as gender=1 age=0.6"
        else:
            remedy = f"write {near[0]}" if near else f"write one of {', '.join(self._characters)}"
        raise InputError(f"{cell!r} is not described; {remedy}.")

    def _sound(self, cell: str) -> str:
        for written in (cell, cell.replace("\\", "/")):
            path = os.path.abspath(self._where.parent / written)
            if os.path.isfile(path):
                return path
        if os.path.isdir(path):
            raise InputError(f"{path} is a folder; name a sound.")
        raise InputError(f"there is no sound at {path}; correct the path, which starts from the folder of the table.")

    def _name(self, row: Row) -> str:
        """The output cell; else the sound's own name and folder; else the text's first words."""
        if "output" in row.cells:
            return self._read(row, "output", output_name, "")
        column, make = ("audio", name_of_sound) if "audio" in row.cells else ("text", name_of_text)
        try:
            return make(row.cells[column]) if column in row.cells else ""
        except InputError:
            self._note(row, "output", "no name for its files can be made of the line; write one here.")
            return ""


def _text(cell: str) -> str:
    if not any(letter.isalnum() for letter in cell):
        raise InputError(f"{cell[:40]!r} has no words in it; write what is said, or leave the cell empty.")
    return cell


def _check_names(table: Table, lines: Sequence[Line], found: list[Problem]) -> None:
    """Two lines can't have the same files, also where the file system takes `A` for `a`."""
    first: dict[str, Line] = {}
    for line in lines:
        other = first.setdefault(unicodedata.normalize("NFC", line.name).casefold(), line)
        if other is not line:
            said = f"{line.name!r} is what line {other.number} is called too; write another name."
            found.append(Problem(str(table.path), line.number, line.row, "output", said))


def _check_sounds(
    table: Table, lines: Sequence[Line], folder: Path, products: Sequence[str], found: list[Problem]
) -> None:
    """No file that we would write is somebody's recording."""
    place = os.path.realpath(folder)
    recordings = {os.path.normcase(os.path.realpath(line.request.audio)): line for line in lines if not line.voice}
    for line in lines:
        own = [".npz", *products, *([".wav"] if line.voice else [])]
        for suffix in own:
            path = os.path.join(place, *f"{line.name}{suffix}".split("/"))
            if other := recordings.get(os.path.normcase(path)):
                said = f"its {suffix} would overwrite the sound of line {other.number}; choose another name or folder."
                found.append(Problem(str(table.path), line.number, line.row, "output", said))
            elif suffix == ".wav" and os.path.isfile(path) and not is_spoken(Path(path)):
                said = f"{path} is there and is not by our voice; name it here to use it, or move it away."
                found.append(Problem(str(table.path), line.number, line.row, "audio", said))
