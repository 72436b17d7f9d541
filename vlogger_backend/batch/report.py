"""The report of a batch: a table for programs (report.csv) and a page to look at (report.html).

Both hold what others wrote. In the page all of it is escaped, and a policy in its head forbids it to load or run
anything but the page's own script; in the table no cell begins like a formula.
"""

from __future__ import annotations

import base64
import csv
import hashlib
import io
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from html import escape
from importlib.resources import files
from pathlib import Path
from urllib.parse import quote

from ..files import writing
from .board import duration
from .lines import REPORT, REPORT_PAGE, counted
from .making import Result, Status

COLUMNS = ("line", "output", "status", "seconds", "elapsed", "method", "warnings", "error", "files")

_ORDER = (Status.FAILED, Status.LEFT, Status.MADE, Status.UNCHANGED)
_WORDS = {Status.FAILED: "failed", Status.LEFT: "not reached", Status.MADE: "made", Status.UNCHANGED: "unchanged"}


@dataclass(frozen=True)
class Summary:
    """About the whole batch: the table's name, when it began, and how many seconds it took."""

    table: str
    began: datetime
    elapsed: float


def write_report(folder: Path, results: Sequence[Result], summary: Summary) -> None:
    """Write `report.csv` and `report.html`.

    Raises InputError if they can't be written.
    """
    for name, text in (
        (REPORT, "\ufeff" + table_of(folder, results)),
        (REPORT_PAGE, page_of(folder, results, summary)),
    ):
        with writing(folder / name) as temporary:
            temporary.write_bytes(text.encode("utf-8", "replace"))


def table_of(folder: Path, results: Sequence[Result]) -> str:
    """The report as CSV, in the order of the lines; files are relative to `folder`."""
    out = io.StringIO(newline="")
    writer = csv.writer(out)
    writer.writerow(COLUMNS)
    for result in results:
        values = {**result.to_json(), "files": "; ".join(_relative(path, folder) for path in result.files)}
        values["warnings"] = " ".join(result.warnings)
        writer.writerow([_harmless(values[column]) for column in COLUMNS])
    return out.getvalue()


def page_of(folder: Path, results: Sequence[Result], summary: Summary) -> str:
    """The report as one page of HTML that needs no other file but the pictures; failed lines come first."""
    template = files(__package__).joinpath("report.html").read_text("utf-8")
    script = template.partition("<script>")[2].partition("</script>")[0]
    counts = Counter(result.status for result in results)
    ordered = sorted(results, key=lambda result: (_ORDER.index(result.status), result.line.number))
    pictures = any(path.suffix == ".png" for result in results for path in result.files)
    parts = {
        "policy": base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
        "title": escape(summary.table),
        "about": escape(_about(results, summary)),
        "tiles": "".join(_tile(status, counts[status]) for status in _ORDER if counts[status]),
        "share": "".join(f'<i class="{s.value}" style="flex:{counts[s]}"></i>' for s in _ORDER if counts[s]),
        "pictures": "" if pictures else "no-pictures",
        "count": counted(len(results)),
        "rows": "\n".join(_row(result, folder) for result in ordered),
    }
    for name, value in parts.items():
        template = template.replace(f"<!--{name}-->", value)  # what is escaped holds no "<"
    return template


def _about(results: Sequence[Result], summary: Summary) -> str:
    sound = sum(result.seconds for result in results)
    return (
        f"{counted(len(results))}, {duration(sound)} of sound. {summary.began:%d %B %Y, %H:%M}, "
        f"took {duration(summary.elapsed)}."
    )


def _tile(status: Status, count: int) -> str:
    return (
        f'<button class="tile {status.value}" aria-pressed="false" data-status="{status.value}">'
        f"<b>{count}</b> {_WORDS[status]}</button>"
    )


def _row(result: Result, folder: Path) -> str:
    line = result.line
    picture = next((path for path in result.files if path.suffix == ".png"), None)
    notes = [("error", result.error)] if result.error else []
    notes += [("warning", warning) for warning in result.warnings]
    who = f'<span class="who">{escape(line.character)}</span>' if line.character else ""
    said = f"<p>{who}{escape(line.request.text or '')}</p>" if line.character or line.request.text else ""
    links = [f'<a href="{_link(path, folder)}">{escape(path.suffix[1:])}</a>' for path in result.files]
    image = (
        f'<a href="{_link(picture, folder)}"><img src="{_link(picture, folder)}" alt="" loading="lazy"></a>'
        if picture
        else ""
    )
    return (
        f'<tr class="{result.status.value}" data-rank="{_ORDER.index(result.status)}">'
        f'<td class="status"><span>{_WORDS[result.status]}</span></td>'
        f'<td class="number" data-label="line">{line.number}</td>'
        f'<td class="what"><b>{escape(line.name)}</b>{said}'
        + "".join(f'<p class="note {kind}">{escape(note)}</p>' for kind, note in notes)
        + f'</td><td class="picture">{image}</td>'
        + _number(result.seconds, "sound")
        + _number(result.elapsed, "took")
        + f'<td class="method">{escape(result.method)}</td><td class="files">{" ".join(links)}</td></tr>'
    )


def _number(seconds: float, label: str) -> str:
    shown = f"{seconds:.1f} s" if seconds else ""
    return f'<td class="number" data-label="{label}" data-value="{seconds:.3f}">{shown}</td>'


def _link(path: Path, folder: Path) -> str:
    return escape("./" + quote(_relative(path, folder).encode("utf-8", "replace")))


def _relative(path: Path, folder: Path) -> str:
    return path.relative_to(folder).as_posix()


def _harmless(value: object) -> object:
    """A cell that no spreadsheet takes for a formula."""
    return f"'{value}" if isinstance(value, str) and value[:1] in ("=", "+", "-", "@", "\t", "\r") else value
