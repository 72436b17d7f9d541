"""The worker: `python -m vlogger_backend.work.child`. It speaks with its parent as `wire.py` says.

When the parent is gone (its end of our stdin is closed), the worker and all that it has started end at once.
"""

from __future__ import annotations

import contextlib
import faulthandler
import os
import queue
import signal
import sys
import threading
import time
from typing import BinaryIO

import psutil

from blender_addon.core.orphan import end_with_starter

from .run import Kept, outcome_of
from .task import Advanced, Cancelled, Event, Task
from .wire import Begun, Message, message_line, read_command

_NEWS_EVERY = 0.05
"""Seconds between two tellings of how far a stage is."""


class Cancel(BaseException):
    """The parent has asked to leave the task. Not an Exception, so that nothing but us catches it."""


class Talk:
    """The talk with the parent, who is heard by a thread of its own at any time."""

    def __init__(self, source: BinaryIO, sink: BinaryIO) -> None:
        self._source = source
        self._sink = sink
        self._lock = threading.RLock()
        self._tasks: queue.SimpleQueue[tuple[int, Task]] = queue.SimpleQueue()
        self._begun = self._cancelled = 0
        threading.Thread(target=self._listen, daemon=True).start()

    def next_task(self) -> tuple[int, Task]:
        """Wait for the next task that was not cancelled meanwhile."""
        while True:
            run, task = self._tasks.get()
            with self._lock:
                if not self.cancelled(run):
                    self._begun = run
                    self.tell(run, Begun())
                    return run, task

    def cancelled(self, run: int) -> bool:
        return self._cancelled == run

    def tell(self, run: int, message: Message) -> None:
        try:
            with self._lock:
                self._sink.write(message_line(run, message))
                self._sink.flush()
        except OSError:
            end_with_children()

    def _listen(self) -> None:
        try:
            for line in self._source:
                run, task = read_command(line)
                if task is not None:
                    self._tasks.put((run, task))
                    continue
                with self._lock:
                    self._cancelled = run
                    if self._begun != run:
                        self.tell(run, Cancelled())
        finally:
            end_with_children()


def main() -> None:
    talk = Talk(*_private_streams())
    end_with_starter()
    for number in (signal.SIGINT, signal.SIGTERM):  # a system that shuts down asks all at once; our parent decides
        signal.signal(number, signal.SIG_IGN)
    _be_modest()
    faulthandler.enable()
    kept = Kept()
    with contextlib.suppress(Exception):  # it comes again with the first task that needs what is missing
        kept.warm()
    while True:
        run, task = talk.next_task()
        _work(talk, run, task, kept)


def _work(talk: Talk, run: int, task: Task, kept: Kept) -> None:
    told, told_at = Advanced("", 0.0), 0.0

    def tell(event: Event) -> None:
        talk.tell(run, event)

    def progress(stage: str, done: float) -> None:
        nonlocal told, told_at
        if talk.cancelled(run):
            raise Cancel
        news, now = Advanced(stage, min(max(float(done), 0.0), 1.0)), time.monotonic()
        # What is said again is no sign of life: who waits for a child process says so all the time.
        if news != told and (stage != told.stage or done >= 1.0 or now - told_at > _NEWS_EVERY):
            told, told_at = news, now
            tell(news)

    try:
        outcome: Message = outcome_of(task, kept, tell, progress)
    except Cancel:
        outcome = Cancelled()
    talk.tell(run, outcome)


def end_with_children() -> None:
    """End this process and all that it has started, without a word."""
    try:
        for child in psutil.Process().children(recursive=True):
            child.kill()
    except psutil.Error:
        pass
    finally:
        os._exit(1)


def _private_streams() -> tuple[BinaryIO, BinaryIO]:
    """Our stdin and stdout for ourselves: what libraries print goes to stderr, and they find nothing to read."""
    source, sink = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    os.dup2(2, 1)
    return source, sink


def _be_modest() -> None:
    """Leave the processor to who sits before it, and be the first to go when memory runs out."""
    if sys.platform == "win32":
        psutil.Process().nice(psutil.BELOW_NORMAL_PRIORITY_CLASS)
    else:
        os.nice(5)
    if sys.platform == "linux":
        with contextlib.suppress(OSError), open("/proc/self/oom_score_adj", "w", encoding="ascii") as file:
            file.write("500")


if __name__ == "__main__":
    main()
