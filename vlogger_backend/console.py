"""What the command line shows: progress bars with an estimate, and plain sentences. All of it goes to stderr, so that
`--json` has stdout to itself."""

from __future__ import annotations

from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn, TimeRemainingColumn


def open_console() -> Console:
    return Console(stderr=True, highlight=False)


class Bars:
    """A progress bar for each stage, in the order in which they begin; use it as the `progress` of a long step.

    Without a terminal (a log file, CI) each stage is a line when it begins. `quiet` shows nothing.
    """

    def __init__(self, console: Console, quiet: bool = False) -> None:
        self._console = console
        self._quiet = quiet
        self._stages: dict[str, TaskID] = {}
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
        if stage not in self._stages:
            for earlier in self._stages.values():
                self._progress.update(earlier, completed=1.0)
            self._stages[stage] = self._progress.add_task(stage, total=1.0)
            if not self._live and not self._quiet:
                self._console.print(f"{stage} …")
        self._progress.update(self._stages[stage], completed=min(max(done, 0.0), 1.0))
