"""A lane: a thread that gives one worker process one job of the queue after the other."""

from __future__ import annotations

import logging
import threading
from typing import Protocol

import psutil

from ..work.process import WorkerProcess
from ..work.task import Event, Failed, Outcome
from .tasks import LaneName, Run

IDLE = 600.0
"""Seconds after which an idle worker is ended, and its models with it."""
SHORT = 0.1
"""The part of the memory below which the free memory is short."""
_PAUSE = 1.0
"""Seconds after which a lane that stumbled goes on."""

_log = logging.getLogger(__name__)


class Work(Protocol):
    """What a lane needs of the queue."""

    def begin(self, lane: LaneName) -> Run | None:
        """The next job, which runs from now on; None if there is none."""

    def tell(self, run: Run, event: Event) -> bool:
        """Note what the worker tells. False if the job is not wanted any longer."""

    def end(self, run: Run, outcome: Outcome) -> None:
        """Note how it ended."""


class Lane:
    """`warm` has the worker load its models before there is a job for it."""

    def __init__(self, work: Work, name: LaneName, warm: bool) -> None:
        self._work = work
        self._name: LaneName = name
        self._warm = warm
        self._worker = WorkerProcess(name)
        self._news = threading.Event()
        self._lock = threading.Lock()
        self._running: str | None = None
        self._stopping = False
        self._thread = threading.Thread(target=self._live, name=f"lane {name}", daemon=True)

    @property
    def pid(self) -> int | None:
        """The worker's process id, if there is a process."""
        return self._worker.pid

    def start(self) -> None:
        self._thread.start()

    def wake(self) -> None:
        """There is a new job."""
        self._news.set()

    def cancel(self, id: str) -> None:
        """Let go of this job, if it is the one that runs here; returns at once."""
        with self._lock:
            if self._running == id:
                self._worker.cancel()

    def stop(self) -> None:
        """End the worker and then the thread; the job under way ends as died."""
        self._stopping = True
        self._worker.stop()
        self._news.set()
        self._thread.join()
        self._worker.stop()

    def _live(self) -> None:
        if self._warm:
            self._worker.start()
        while not self._stopping:
            try:
                self._news.clear()
                run = self._work.begin(self._name)
                if run is not None:
                    self._do(run)
                elif self._worker.pid is None:
                    self._news.wait()
                elif not self._news.wait(IDLE):
                    self._worker.stop()
            except Exception:  # our own fault; the jobs that wait shall not wait for ever
                _log.exception("the lane of %s stumbled", self._name)
                self._news.wait(_PAUSE)

    def _do(self, run: Run) -> None:
        def tell(event: Event) -> None:
            if self._stopping:
                self._worker.stop()
            elif not self._work.tell(run, event):
                self._worker.cancel()

        with self._lock:
            self._running = run.id
        try:
            outcome = self._worker.run(run.task, tell)
        except Exception as error:
            _log.exception("a run failed")
            outcome = Failed(f"The service itself failed: {type(error).__name__}: {error}", mendable=False)
        with self._lock:
            self._running = None
        self._work.end(run, outcome)
        memory = psutil.virtual_memory()
        if memory.available < SHORT * memory.total:
            self._worker.stop()
        elif self._warm and not self._stopping:
            self._worker.start()
