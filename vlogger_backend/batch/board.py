"""What is shown of a batch while it runs: one bar for the whole, and the lines that are being worked on."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

from rich.progress import BarColumn, Progress, TaskID, TextColumn
from rich.table import Column

from .making import Result, Status, Todo

if TYPE_CHECKING:
    from rich.console import Console

_NEWS_EVERY = 10.0
"""Seconds between two lines of news where no bar can be drawn."""
_MOST_SHOWN = 8
"""Lines at work that are shown; a cluster may have hundreds."""
_NAME = 28
"""Columns for the name of a line."""


class Board:
    """The display of one batch. `console` is where; with `quiet`, only failures are told.

    Its methods may be called from any thread.
    """

    def __init__(self, console: Console, quiet: bool = False) -> None:
        self._console = console
        self._quiet = quiet
        self._live = console.is_terminal and not quiet
        self._lock = threading.RLock()
        self._total = self._ended = self._failed = self._unchanged = 0
        self._now: dict[str, TaskID | None] = {}
        self._started = self._told = time.monotonic()
        self._bars = Progress(
            TextColumn("{task.description}", markup=False, table_column=Column(width=_NAME, no_wrap=True)),
            BarColumn(bar_width=14),
            TextColumn("{task.fields[note]}", markup=False, table_column=Column(no_wrap=True)),
            console=console,
            disable=not self._live,
            transient=True,
        )
        self._whole = self._bars.add_task("", total=None, note="", start=False)

    def __enter__(self) -> Board:
        self._bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bars.stop()

    def looked(self, seen: int, total: int) -> None:
        """`seen` of `total` lines were compared with what is there."""
        with self._lock:
            self._bars.update(self._whole, description="Looking at what is there", completed=seen, total=total)
            self._news(f"Looking at what is there … {seen} of {total}", now=False)

    def preparing(self, stage: str, done: float) -> None:
        """A model of the user's is being prepared."""
        with self._lock:
            self._bars.update(self._whole, description=stage, completed=done, total=1.0)
            self._news(f"{stage} …", now=False)

    def begins(self, total: int, unchanged: int) -> None:
        """The work on all lines but the `unchanged` ones begins."""
        with self._lock:
            self._total, self._unchanged = total, unchanged
            self._started = time.monotonic()
            self._tell(now=True)

    def at_work(self, todo: Todo, stage: str, done: float) -> None:
        """A line is being worked on."""
        with self._lock:
            name = todo.line.name
            if name not in self._now:
                shown = self._live and len([t for t in self._now.values() if t is not None]) < _MOST_SHOWN
                self._now[name] = self._bars.add_task(f"  {_short(name)}", total=1.0, note="") if shown else None
            task = self._now[name]
            if task is not None:
                self._bars.update(task, completed=done, note=stage)
            self._tell()

    def ended(self, result: Result) -> None:
        """A line is made, or has failed, which is told at once."""
        with self._lock:
            task = self._now.pop(result.line.name, None)
            if task is not None:
                self._bars.remove_task(task)
            self._ended += 1
            if result.status is Status.FAILED:
                self._failed += 1
                said = f"{result.line.name} (line {result.line.number}): {result.error}"
                self._console.print(said, style="red", markup=False, soft_wrap=True)
            self._tell()

    def summary(self, report: Path) -> str:
        """How it ended, in words, and where the report is."""
        done = self._unchanged + self._ended - self._failed
        unchanged = f" ({self._unchanged} unchanged)" if self._unchanged else ""
        failed = f", {self._failed} failed" if self._failed else ""
        took = duration(time.monotonic() - self._started)
        return f"{done} of {self._total} done{unchanged}{failed}, in {took}. Report: {report}"

    def _tell(self, now: bool = False) -> None:
        done = self._unchanged + self._ended
        failed, left = f", {self._failed} failed" if self._failed else "", self._left()
        said = f"{done} of {self._total}{failed}" + (f", about {left} left" if left else "")
        self._bars.update(self._whole, description="All lines", completed=done, total=self._total, note=said)
        at_work = ", ".join(list(self._now)[:_MOST_SHOWN])
        self._news(said + (f"; now {at_work}" if at_work else ""), now)

    def _news(self, said: str, now: bool) -> None:
        """A line of news, if it is time for one, where no bar can be drawn."""
        if not self._live and not self._quiet and (now or time.monotonic() - self._told > _NEWS_EVERY):
            self._told = time.monotonic()
            self._console.print(said, markup=False, soft_wrap=True)

    def _left(self) -> str:
        """The time that the rest will take, in words; "" if nobody knows."""
        rest = self._total - self._unchanged - self._ended
        if not self._ended or not rest:
            return ""
        return duration((time.monotonic() - self._started) / self._ended * rest)


def duration(seconds: float) -> str:
    """Seconds as people say them: `45 s`, `12 min`, `3 h 20 min`."""
    if seconds < 100:
        return f"{max(seconds, 1):.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 100 else f"{minutes // 60} h {minutes % 60:02} min"


def _short(name: str) -> str:
    """The end of a name, which tells it from others, as far as there is room for it."""
    room = _NAME - 2
    return name if len(name) <= room else f"…{name[1 - room :]}"
