"""The table of lines as text: a CSV as people's programs write it becomes rows of cells by column."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

from ..errors import InputError
from .problems import Problem

COLUMNS = ("audio", "text", "language", "character", "body", "style", "output", "seed", "fps")
_ALSO = {"output name": "output"}
_LARGEST = 100_000_000
"""Bytes; a hundred thousand lines are a tenth of it."""


@dataclass(frozen=True)
class Row:
    """The cells of a line that hold something, by column. `line` and `row` as in `Problem`."""

    line: int
    row: int
    cells: Mapping[str, str]


@dataclass(frozen=True)
class Table:
    """`unused` are the columns that mean nothing to us."""

    path: Path
    rows: tuple[Row, ...]
    unused: tuple[str, ...]


def read_table(path: Path, found: list[Problem]) -> Table:
    """The rows of a CSV, UTF-8 with or without BOM, with commas, semicolons or tabs between its cells.

    The first row names the columns: any of `COLUMNS`, in any order and case. What is wrong with rows is added to
    `found`.

    Raises InputError if the file can't be read, or names no column.
    """
    text = _text_of(path)
    records = _records(text, _delimiter(text), path, found)
    head = next((record for record in records if any(record[2])), None)
    if head is None:
        raise InputError(f"{path} is empty; its first line must name its columns, such as: audio,text,output")
    line, row, names = head
    columns = [_ALSO.get(name, name) for name in (" ".join(n.casefold().replace("_", " ").split()) for n in names)]
    known = [column for column in columns if column in COLUMNS]
    if "audio" not in known and "text" not in known:
        raise InputError(
            f"{path} has neither a column audio nor one called text. Its first line must name its columns, some of: "
            f"{', '.join(COLUMNS)}."
        )
    for column in sorted({column for column in known if known.count(column) > 1}):
        found.append(Problem(str(path), line, row, column, "it is there twice; rename one of them."))
    unused = tuple(name for name, column in zip(names, columns, strict=True) if column not in COLUMNS and name)
    for name in unused:
        near = get_close_matches(name.casefold(), [c for c in COLUMNS if c not in known], n=1, cutoff=0.75)
        if near:
            said = f"it is unknown; call it {near[0]} if it is that, or else something less like it."
            found.append(Problem(str(path), line, row, name, said))
    return Table(path, tuple(_rows(records, columns, path, found)), unused)


def _text_of(path: Path) -> str:
    if path.exists() and not path.is_file():
        raise InputError(f"{path} is not a file; give a CSV with a line of dialogue in each of its lines.")
    try:
        if path.stat().st_size > _LARGEST:
            raise InputError(f"{path} is too large to be a table of lines; give a CSV of at most 100 MB.")
        return path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(f"{path} is not UTF-8 text; save it as CSV in UTF-8.") from error
    except OSError as error:
        raise InputError(f"{path} can't be read: {error.strerror}. Give a CSV of lines.") from error


def _delimiter(text: str) -> str:
    """The one by which the first line falls into the most columns that we know."""
    first = next((line for line in text.splitlines() if line.strip()), "")

    def columns(delimiter: str) -> int:
        cells = [cell.strip(' "').casefold() for cell in first.split(delimiter)]
        return sum(cell in COLUMNS or cell in _ALSO for cell in cells)

    return max(",;\t", key=columns)


def _records(text: str, delimiter: str, path: Path, found: list[Problem]) -> Iterator[tuple[int, int, Sequence[str]]]:
    """Line, row and cells of each record, as far as they can be told apart."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True, skipinitialspace=True)
    row = 0
    while True:
        line, row = reader.line_num + 1, row + 1
        try:
            record = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            said = (
                "its quotation marks don't pair up; a cell that begins with one ends with one, and one inside it is "
                "written twice."
            )
            found.append(Problem(str(path), line, row, "", said))
            if "expected after" not in str(error):
                return  # a quotation that runs to the end of the file
            continue
        yield line, row, [cell.strip() for cell in record]


def _rows(
    records: Iterator[tuple[int, int, Sequence[str]]], columns: Sequence[str], path: Path, found: list[Problem]
) -> Iterator[Row]:
    for line, row, record in records:
        if not any(record):
            continue
        if any(record[len(columns) :]):
            said = (
                f"it has {len(record)} cells where the first line names {len(columns)}; a text with the separator in "
                "it must be in quotation marks."
            )
            found.append(Problem(str(path), line, row, "", said))
            continue
        cells = {column: cell for column, cell in zip(columns, record, strict=False) if cell and column in COLUMNS}
        odd = [column for column, cell in cells.items() if any(_is_control(letter) for letter in cell)]
        for column in odd:
            found.append(Problem(str(path), line, row, column, "it holds control characters; type it anew."))
        if not odd:
            yield Row(line, row, cells)


def _is_control(letter: str) -> bool:
    return (letter < " " and letter not in "\t\r\n") or letter == "\x7f"
