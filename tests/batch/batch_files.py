"""Tables for tests, and what batches leave."""

import csv
from collections.abc import Callable, Sequence
from pathlib import Path

Run = Callable[..., int]


def write_table(folder: Path, rows: Sequence[Sequence[object]]) -> Path:
    """`lines.csv` with the columns audio, text, output and fps."""
    path = folder / "lines.csv"
    with open(path, "w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([("audio", "text", "output", "fps"), *rows])
    return path


def read_report(folder: Path) -> dict[str, dict[str, str]]:
    """The rows of the report by the names of the lines."""
    with open(folder / "report.csv", encoding="utf-8-sig", newline="") as file:
        return {row["output"]: row for row in csv.DictReader(file)}


def contents(folder: Path) -> dict[str, bytes]:
    """Every file below a folder but the reports, by its path."""
    files = (path for path in folder.rglob("*") if path.is_file() and path.stem != "report")
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def times(folder: Path) -> dict[str, int]:
    """When each of these files was written, in nanoseconds."""
    return {path: (folder / path).stat().st_mtime_ns for path in contents(folder)}
