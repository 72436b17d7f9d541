"""What the command line shows: progress bars with an estimate, and plain sentences. All of it goes to stderr, so that
`--json` has stdout to itself."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType, TracebackType

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn, TimeRemainingColumn

_NEWS_EVERY = 10.0
"""Seconds between two lines of news about a stage where no bar can be drawn."""


def open_console() -> Console:
    return Console(stderr=True, highlight=False)


class _Interruption:
    """Ctrl-C, remembered: libraries that call back into Python (OpenGL, espeak-ng) may swallow the exception."""

    asked = False

    def __call__(self, number: int, frame: FrameType | None) -> None:
        self.asked = True
        raise KeyboardInterrupt


@contextmanager
def watching_interruptions() -> Iterator[None]:
    """Ctrl-C, and the wish of the system that we end (SIGTERM), are KeyboardInterrupts that `interrupted` remembers."""
    numbers = (signal.SIGINT, signal.SIGTERM)
    handler = _Interruption()
    before = [signal.signal(number, handler) for number in numbers]
    try:
        yield
    finally:
        for number, old in zip(numbers, before, strict=True):
            signal.signal(number, old)


def interrupted() -> bool:
    """Has the user asked us to stop?"""
    return getattr(signal.getsignal(signal.SIGINT), "asked", False)


class Bars:
    """A progress bar for each stage, in the order in which they begin; use it as the `progress` of a long step.

    Without a terminal (a log file, CI) each stage is a line when it begins, and one every ten seconds. `quiet` shows
    nothing. A call after Ctrl-C raises KeyboardInterrupt, if whatever ran then has swallowed it.
    """

    def __init__(self, console: Console, quiet: bool = False) -> None:
        self._console = console
        self._quiet = quiet
        self._stages: dict[str, TaskID] = {}
        self._started = self._told = 0.0
        self._live = console.is_terminal and not quiet
        self._progress = Progress(
            TextColumn("{task.description:<40}"),
            BarColumn(bar_width=28),
            TextColumn("{task.percentage:>3.0f} %"),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
            console=console,
            disable=not self._live,
        )

    def __enter__(self) -> Bars:
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.stop()

    def __call__(self, stage: str, done: float) -> None:
        if interrupted():
            raise KeyboardInterrupt
        now = time.monotonic()
        if stage not in self._stages:
            for earlier in self._stages.values():
                self._progress.update(earlier, completed=1.0)
            self._stages[stage] = self._progress.add_task(stage, total=1.0)
            self._started = self._told = now
            if not self._live and not self._quiet:
                self._console.print(f"{stage} …", markup=False)
        elif not self._live and not self._quiet and done > 0 and now - self._told > _NEWS_EVERY:
            self._told = now
            left = (now - self._started) * (1 - done) / done
            self._console.print(f"{stage} … {done:.0%}, about {left:.0f} s left", markup=False)
        self._progress.update(self._stages[stage], completed=min(max(done, 0.0), 1.0))
