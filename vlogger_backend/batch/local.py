"""A batch on this machine: some worker processes, a thread for each, that take one line after the other."""

from __future__ import annotations

import contextlib
import errno
import os
import queue
import shutil
import socket
import tempfile
import threading
import time
import traceback
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import psutil

from ..errors import InputError
from ..files import cannot_write, writing
from ..work.process import WorkerProcess
from ..work.task import Advanced, Died, Event, Failed, FileDone, Outcome
from .making import TAKE, Result, Todo, failed, result_of, speak, task_of

Watch = Callable[[Todo, str, float], None]
"""Called from any thread with a line at work, the stage that it is in, and the part of the stage that is done."""

_MEMORY, _MEMORY_WITH_PRODUCTS = 600 << 20, 1500 << 20
"""Bytes that a worker takes for lines of some minutes, with a margin; Blender alone takes 400 MB more."""
_WAKE_UP = 1.0
"""Seconds after which a wait is begun anew, since on Windows Ctrl-C doesn't end one."""


def memory_of_worker(products: Sequence[str]) -> int:
    """Bytes that should be free for each worker."""
    return _MEMORY_WITH_PRODUCTS if products else _MEMORY


def sensible_workers(products: Sequence[str]) -> int:
    """How many workers this machine has cores and free memory for; at least one."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    free = int(psutil.virtual_memory().available)
    return max(1, min(cores, free // memory_of_worker(products)))


def make_here(todos: Sequence[Todo], watch: Watch, *, folder: Path, workers: int) -> Iterator[Result]:
    """Make lines, several at a time; their results in the order in which they end.

    If the iteration is left, by Ctrl-C for example, the workers are ended and nothing is half-written.

    Raises InputError if nothing can be written in `folder`, or another batch is at work in it.
    """
    with _work_folder(folder) as work:
        crew = _Crew(todos, work, watch)
        try:
            crew.start(min(workers, len(todos)))
            for _ in todos:
                yield crew.next_result()
        finally:
            crew.stop()


class _Crew:
    def __init__(self, todos: Sequence[Todo], work: Path, watch: Watch) -> None:
        self._todos = deque(todos)
        self._work = work
        self._watch = watch
        self._results: queue.SimpleQueue[Result] = queue.SimpleQueue()
        self._stopping = threading.Event()
        self._workers: list[WorkerProcess] = []
        self._threads: list[threading.Thread] = []

    def start(self, workers: int) -> None:
        for i in range(workers):
            worker = WorkerProcess(f"batch {i + 1}")
            thread = threading.Thread(target=self._live, args=(worker,), name=f"batch {i + 1}", daemon=True)
            self._workers.append(worker)
            self._threads.append(thread)
            thread.start()

    def next_result(self) -> Result:
        while True:
            with contextlib.suppress(queue.Empty):
                return self._results.get(timeout=_WAKE_UP)

    def stop(self) -> None:
        self._stopping.set()
        for worker in self._workers:
            worker.cancel()  # a run that has not started its process yet hears this only
            worker.stop()
        for thread in self._threads:
            thread.join()

    def _live(self, worker: WorkerProcess) -> None:
        """Make lines until there is none left."""
        while not self._stopping.is_set():
            try:
                todo = self._todos.popleft()
            except IndexError:
                break
            try:
                result = self._make(todo, worker)
            except InputError as error:
                result = failed(todo.line, str(error), trace=traceback.format_exc())
            except Exception as error:
                sentence = f"vlogger itself failed: {type(error).__name__}: {error}".splitlines()[0]
                result = failed(todo.line, sentence, mendable=False, trace=traceback.format_exc())
            if not self._stopping.is_set():
                self._results.put(result)
        worker.stop()

    def _make(self, todo: Todo, worker: WorkerProcess) -> Result:
        started = time.perf_counter()
        self._watch(todo, "Speaking" if todo.line.voice else "Starting", 0.0)
        speak(todo)
        died = ""
        while True:
            with tempfile.TemporaryDirectory(dir=self._work, prefix="line-", ignore_cleanup_errors=True) as name:
                outcome, done = self._run(todo, worker, Path(name))
                if isinstance(outcome, Died) and not died and not self._stopping.is_set():
                    died = outcome.sentence
                    continue
                made = [] if self._stopping.is_set() else _put_in_place(todo, done)
                return result_of(todo, outcome, made, started, died)

    def _run(self, todo: Todo, worker: WorkerProcess, folder: Path) -> tuple[Outcome, list[Path]]:
        """Let the worker do it in `folder`; returns the files that are complete too, whatever came of it."""
        done: list[Path] = []

        def tell(event: Event) -> None:
            if self._stopping.is_set():
                worker.cancel()
            elif isinstance(event, Advanced):
                self._watch(todo, event.stage, event.done)
            elif isinstance(event, FileDone):
                done.append(folder / event.name)

        task = task_of(todo, folder, todo.path(TAKE), Path(todo.line.request.audio))
        outcome = worker.run(task, tell)
        if isinstance(outcome, Failed):  # it may name a file that is unknown to the user
            sentence = outcome.sentence.replace(str(folder), str(todo.path(TAKE).parent))
            outcome = replace(outcome, sentence=sentence)
        return outcome, done


def _put_in_place(todo: Todo, files: Sequence[Path]) -> list[str]:
    """Move a line's files, the take first, to where they belong; returns their suffixes."""
    made = []
    for suffix in todo.wanted:
        place = todo.path(suffix)
        for file in files:
            if file.name == place.name:
                _move(file, place)
                made.append(suffix)
    return made


def _move(file: Path, place: Path) -> None:
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        os.replace(file, place)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise cannot_write(place, error) from error
        with writing(place) as temporary:  # a folder on another disk
            shutil.copyfile(file, temporary)


@contextlib.contextmanager
def _work_folder(folder: Path) -> Iterator[Path]:
    """A folder for the files that are being made, on the same disk. What a killed batch left of its own is removed."""
    me = psutil.Process()
    prefix = f".batch-{socket.gethostname()}-"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for other in folder.glob(f"{prefix}*"):
            _remove_or_refuse(other, other.name.removeprefix(prefix))
        work = folder / f"{prefix}{me.pid}-{me.create_time():.0f}"
        work.mkdir()
    except OSError as error:
        raise cannot_write(folder / "report.csv", error) from error
    try:
        yield work
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _remove_or_refuse(other: Path, owner: str) -> None:
    pid, _, created = owner.partition("-")
    with contextlib.suppress(psutil.Error, ValueError):
        if abs(psutil.Process(int(pid)).create_time() - float(created)) < 2:
            raise InputError(
                f"Another batch (process {pid}) is at work in {other.parent}; wait until it ends, or choose another "
                "folder with -o."
            )
    shutil.rmtree(other, ignore_errors=True)
