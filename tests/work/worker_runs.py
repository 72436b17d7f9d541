"""What tests do with the events of a run."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import psutil

from vlogger_backend.work.process import WorkerProcess
from vlogger_backend.work.task import Advanced, Event, Outcome, Task

SOON = 10.0
"""Seconds in which what ends at once has ended, whatever else the machine does; `benchmarks/cancelling.py` times it."""


def run(worker: WorkerProcess, task: Task) -> tuple[Outcome, list[Event]]:
    """Run a task to its end."""
    events: list[Event] = []
    return worker.run(task, events.append), events


def at_stage(worker: WorkerProcess, task: Task, stage: str, act: Callable[[], None]) -> tuple[Outcome, float]:
    """Run a task, and `act` once when `stage` is first told; also the seconds from then to the end."""
    acted: list[float] = []

    def tell(event: Event) -> None:
        if not acted and isinstance(event, Advanced) and event.stage.startswith(stage):
            acted.append(time.monotonic())
            act()

    outcome = worker.run(task, tell)
    return outcome, time.monotonic() - acted[0]


def temporary_files(folder: Path) -> list[Path]:
    """What nobody wants to find: by the house's custom its name begins with a dot."""
    return [path for path in folder.rglob("*") if path.name.startswith(".")]


def assert_gone(family: list[psutil.Process]) -> None:
    """A process that has ended may still be listed, as a zombie, until the system has noticed that it has no parent."""
    deadline = time.monotonic() + SOON
    alive = family
    while alive and time.monotonic() < deadline:
        alive = [process for process in alive if is_alive(process)]
    assert not alive


def is_alive(process: psutil.Process) -> bool:
    try:
        return process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
