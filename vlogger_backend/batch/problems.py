"""All that is wrong with what a batch was given, told at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from ..errors import InputError


@dataclass(frozen=True)
class Problem:
    """Something to mend.

    where    : the file
    line     : of that file, from 1; 0 if it is not about a line
    row      : of the spreadsheet, from 1; another number than the line's if cells before hold several lines
    column   : its name; "" if it is about the whole line
    sentence : what is wrong and what to do
    """

    where: str
    line: int
    row: int
    column: str
    sentence: str

    def __str__(self) -> str:
        place = [self.where]
        if self.line:
            place.append(f"line {self.line}" + (f" (row {self.row})" if self.row != self.line else ""))
        if self.column:
            place.append(f"column {self.column}" if self.line else self.column)
        return f"{', '.join(place)}: {self.sentence}"

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


class ProblemsError(InputError):
    """What a batch was given can't be used; `found` is every reason."""

    def __init__(self, found: Sequence[Problem]) -> None:
        self.found = tuple(found)
        count = f"{len(found)} things have" if len(found) > 1 else "1 thing has"
        super().__init__("\n".join([*map(str, found), f"Nothing was made: {count} to be mended first."]))
