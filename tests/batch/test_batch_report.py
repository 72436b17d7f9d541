"""The report of a batch: what others wrote in the table does nothing in it, and what matters comes first."""

import base64
import csv
import hashlib
import io
import re
from datetime import datetime
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote

from hypothesis import given, settings
from hypothesis import strategies as st

from vlogger_backend.batch.lines import Line
from vlogger_backend.batch.making import Result, Status
from vlogger_backend.batch.report import Summary, page_of, table_of, write_report
from vlogger_backend.request import Request

FOLDER = Path("/takes")
HOSTILE = "\"><script>alert(1)</script><img src=x onerror=alert(2)>'<!--rows-->&amp;"
SUMMARY = Summary(HOSTILE, datetime(2026, 1, 2, 3, 4), 100.0)


def result(number: int, status: Status = Status.MADE, said: str = "Hello.", error: str = "") -> Result:
    name = f"act1/line {number}#&"
    files = tuple(FOLDER / f"{name}{suffix}" for suffix in (".npz", ".png"))
    line = Line(number, number, name, Request("/a.wav", said), character=said)
    return Result(line, status, 1.5, 0.25, "aligned", error=error, files=files if not error else ())


class Page(HTMLParser):
    """The elements of a page, and the text of its rows."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.rows: list[str] = []
        self.script = ""
        self._inside = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attributes)))
        self._inside = tag
        if tag == "tr":
            self.rows.append("")

    def handle_data(self, data: str) -> None:
        if self._inside == "script":
            self.script += data
        elif self.rows:
            self.rows[-1] += data


@settings(max_examples=100, deadline=None)
@given(st.text())
def test_what_is_written_in_a_table_is_text_in_the_page(said: str) -> None:
    plain = Page(page_of(FOLDER, [result(1, said="x", error="x")], Summary("x", SUMMARY.began, 1.0)))
    for text in (f"x{said}", said + HOSTILE):
        page = Page(page_of(FOLDER, [result(1, said=text, error=text)], Summary(text, SUMMARY.began, 1.0)))
        assert page.elements == plain.elements
        assert page.script == plain.script
    assert "<script>alert(1)</script>" in page.rows[1]


def test_the_page_may_run_its_own_script_and_load_nothing() -> None:
    text = page_of(FOLDER, [result(2)], SUMMARY)
    [policy] = [a["content"] or "" for tag, a in Page(text).elements if tag == "meta" and "http-equiv" in a]
    [script] = re.findall("<script>(.*?)</script>", text, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert policy.startswith("default-src 'none'")
    assert f"script-src 'sha256-{digest}'" in policy
    links = [value for _, a in Page(text).elements for key, value in a.items() if key in ("src", "href")]
    assert {unquote(link or "") for link in links} == {"./act1/line 2#&.npz", "./act1/line 2#&.png"}
    assert all("#" not in (link or "") for link in links)
    assert "<!--" not in text.partition("<body>")[2]


def test_failed_lines_come_first_then_the_order_of_the_table() -> None:
    statuses = [Status.UNCHANGED, Status.MADE, Status.LEFT, Status.MADE, Status.FAILED, Status.FAILED]
    results = [result(i, status, error="No." if status is Status.FAILED else "") for i, status in enumerate(statuses)]
    page = Page(page_of(FOLDER, results, SUMMARY))
    numbers = [int(re.findall(r"line (\d)", row)[0]) for row in page.rows[1:]]
    assert numbers == [4, 5, 2, 1, 3, 0]
    tiles = [a["data-status"] for tag, a in page.elements if tag == "button" and "data-status" in a]
    assert tiles == ["failed", "left", "made", "unchanged"]


def test_no_cell_of_the_table_is_a_formula(tmp_path: Path) -> None:
    for start in "=+-@\t\r":
        line = Line(1, 1, f"{start}x", Request("/a.wav"))
        text = table_of(FOLDER, [Result(line, Status.FAILED, error=f"{start}cmd|' /C calc'!A0")])
        [row] = csv.DictReader(io.StringIO(text, newline=""))
        assert row["output"] == f"'{start}x"
        assert row["error"] == f"'{start}cmd|' /C calc'!A0"
    write_report(tmp_path, [], SUMMARY)
    assert {path.name for path in tmp_path.iterdir()} == {"report.csv", "report.html"}
    assert (tmp_path / "report.csv").read_bytes().startswith(b"\xef\xbb\xbfline,"), "Excel takes it for UTF-8 so"


def test_the_table_holds_what_programs_want(tmp_path: Path) -> None:
    [row] = csv.DictReader(io.StringIO(table_of(FOLDER, [result(3)])))
    assert row == {
        "line": "3", "output": "act1/line 3#&", "status": "made", "seconds": "1.5", "elapsed": "0.25",
        "method": "aligned", "warnings": "", "error": "", "files": "act1/line 3#&.npz; act1/line 3#&.png",
    }  # fmt: skip


def test_text_that_is_no_unicode_does_not_cost_the_report(tmp_path: Path) -> None:
    write_report(tmp_path, [result(1, Status.FAILED, error="no \udcff such file")], SUMMARY)
    assert "such file" in (tmp_path / "report.html").read_text("utf-8")
