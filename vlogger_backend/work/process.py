"""A worker process as its parent sees it: it is given tasks, tells what happens, can be cancelled, and may die."""

from __future__ import annotations

import contextlib
import itertools
import logging
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import IO

import psutil

from .task import Advanced, Cancelled, Died, Done, Event, Failed, Outcome, Task
from .wire import LONGEST_LINE, Begun, Message, cancel_line, read_message, run_line

_PATIENCE = 15 * 60.0
"""Seconds without a sign after which a worker is taken as hung."""
_GRACE = 0.25
"""Seconds that a worker has to leave a task by itself."""
_FAREWELL = 0.15
"""Seconds that a killed process is waited for."""
_WAKE_UP = 1.0
"""Seconds after which a wait is begun anew, since on Windows Ctrl-C doesn't end one."""

_START = """\
import sys
if sys.argv[1] not in sys.path:
    sys.path.insert(0, sys.argv[1])
from vlogger_backend.work.child import main
main()
"""
"""What the process runs; it finds this package where we did."""
_OUT_OF_MEMORY = (-9, 0xC0000017, 0xC000012D)
"""Exit codes: SIGKILL, which Linux and macOS send; STATUS_NO_MEMORY and STATUS_COMMITMENT_LIMIT of Windows."""
_WINDOWS_CRASHES = 0xC0000000
_STOPPED = Died("The worker was stopped.")

_log = logging.getLogger(__name__)


class WorkerProcess:
    """A process that does one task after the other and keeps its models between them.

    `patience` is the number of seconds without a sign after which the process is taken as hung.
    """

    def __init__(self, name: str, patience: float = _PATIENCE) -> None:
        self._name = name
        self._patience = patience
        self._numbers = itertools.count(1)
        self._lock = threading.Lock()
        self._child: _Child | None = None
        self._run: _Run | None = None

    @property
    def pid(self) -> int | None:
        """The process's id; None while there is no process."""
        child = self._child
        return None if child is None or child.gone else child.pid

    def start(self) -> None:
        """Start the process, if there is none, and let it load its models; returns at once. Thread-safe."""
        with self._lock:
            self._living_child()

    def run(self, task: Task, tell: Callable[[Event], None]) -> Outcome:
        """Do a task; blocks until it ends. One at a time, from any thread.

        `tell` is called in this thread for each event, first of all with `Advanced("Starting", 0.0)`: from then on
        `cancel` is heard, `tell` itself may call it. What happens to the process is an Outcome, never an exception;
        if `tell` raises, or Ctrl-C is pressed, the process is ended.
        """
        run = _Run(next(self._numbers))
        line = run_line(run.number, task)
        with self._lock:
            if self._run is not None:
                raise RuntimeError(f"the worker {self._name} is at work already")
            self._run = run
        child = None
        try:
            tell(Advanced("Starting", 0.0))
            for again in (True, False):
                with self._lock:
                    if run.cancelled is not None:
                        return Cancelled()
                    if run.stopped:
                        return _STOPPED
                    child = run.child = self._living_child()
                    child.send(line)
                outcome = self._follow(run, child, tell)
                # A process that died before it saw the task (while idle, say) is none of the task's business.
                if not (again and isinstance(outcome, Died) and not run.begun):
                    break
            return outcome
        except BaseException:
            if child is not None:
                child.kill()
            raise
        finally:
            with self._lock:
                self._run = None

    def cancel(self) -> None:
        """Let the run under way, if there is one, return Cancelled within half a second; returns at once.

        The process is asked first, and keeps its models if it obeys in time; if not, it is ended with its children.
        Thread-safe.
        """
        with self._lock:
            run = self._run
            if run is None or run.cancelled is not None:
                return
            run.cancelled = time.monotonic()
            if run.child is not None:
                run.child.send(cancel_line(run.number))
                run.child.inbox.put(None)

    def stop(self) -> None:
        """End the process and its children now; a run under way returns Died. Thread-safe."""
        with self._lock:
            child, self._child = self._child, None
            if self._run is not None:
                self._run.stopped = True
        if child is not None:
            child.kill()

    def _living_child(self) -> _Child:
        if self._child is None or self._child.gone:
            self._child = _Child(self._name)
        return self._child

    def _follow(self, run: _Run, child: _Child, tell: Callable[[Event], None]) -> Outcome:
        """Pass on what the child tells of the run, until it ends."""
        stage, silence = "Starting", 0.0
        while True:
            asleep = time.monotonic()
            left = self._patience - silence if run.cancelled is None else run.cancelled + _GRACE - asleep
            if left <= 0:
                child.kill()
                return Died(_no_sign(self._patience, stage)) if run.cancelled is None else Cancelled()
            try:
                item = child.inbox.get(timeout=min(left, _WAKE_UP))
            except queue.Empty:
                # Not the whole time by the clock: the machine may have slept.
                silence += min(time.monotonic() - asleep, _WAKE_UP)
                continue
            if item is None:
                continue
            if isinstance(item, _Ended):
                if run.cancelled is not None:
                    return Cancelled()
                return _STOPPED if run.stopped else Died(_reason_of_death(item, stage))
            number, message = item
            if number != run.number:
                continue
            silence = 0.0
            if isinstance(message, Begun):
                run.begun = True
            elif isinstance(message, Done | Failed | Cancelled):
                return message if run.cancelled is None else Cancelled()
            else:
                stage = message.stage if isinstance(message, Advanced) else stage
                tell(message)


class _Run:
    """One call of `run`: what has been asked of it meanwhile."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.child: _Child | None = None
        self.begun = False
        self.stopped = False
        self.cancelled: float | None = None


class _Ended:
    """The process has ended; `code` as `Popen.returncode` has it, `last_words` what it said last on stderr."""

    def __init__(self, code: int | None, last_words: str) -> None:
        self.code = code
        self.last_words = last_words


class _Child:
    """One process. It is started by the thread that reads what it says, and lives no longer than that thread."""

    def __init__(self, name: str) -> None:
        self.inbox: queue.SimpleQueue[tuple[int, Message] | _Ended | None] = queue.SimpleQueue()
        self.gone = False
        self.pid: int | None = None
        self._name = name
        self._outbox: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        self._started = threading.Event()
        self._family: psutil.Process | None = None
        self._reader = threading.Thread(target=self._live, name=f"{name} worker", daemon=True)
        self._reader.start()
        self._started.wait()

    def send(self, line: bytes) -> None:
        """Say a line to the process; returns at once, even if the process doesn't listen."""
        self._outbox.put(line)

    def kill(self) -> None:
        """End the process and all that it has started, and wait a moment for its end."""
        self.gone = True
        if self._family is not None:
            _kill_family(self._family)
            self._reader.join(_FAREWELL)

    def _live(self) -> None:
        last_words: deque[str] = deque(maxlen=1)
        try:
            popen = _start_process()
        except OSError as error:
            self.gone = True
            self.inbox.put(_Ended(None, str(error)))
            self._started.set()
            return
        assert popen.stdin is not None
        assert popen.stdout is not None
        assert popen.stderr is not None
        with contextlib.suppress(psutil.NoSuchProcess):
            self._family = psutil.Process(popen.pid)
        self.pid = popen.pid
        self._started.set()
        writer = threading.Thread(target=self._write, args=(popen.stdin,), daemon=True)
        listener = threading.Thread(target=self._overhear, args=(popen.stderr, last_words), daemon=True)
        writer.start()
        listener.start()
        with popen.stdout:
            while line := popen.stdout.readline(LONGEST_LINE):
                message = read_message(line)
                if message is not None:
                    self.inbox.put(message)
        try:
            popen.wait(_FAREWELL)
        except subprocess.TimeoutExpired:  # it can't tell us anything any more
            if self._family is not None:
                _kill_family(self._family)
            popen.wait()
        self._outbox.put(None)
        listener.join(_FAREWELL)
        self.gone = True
        self.inbox.put(_Ended(popen.returncode, last_words[0] if last_words else ""))

    def _write(self, stdin: IO[bytes]) -> None:
        try:
            with stdin:
                while line := self._outbox.get():
                    stdin.write(line)
                    stdin.flush()
        except OSError:
            return  # it is gone, as its reader will see

    def _overhear(self, stderr: IO[bytes], last_words: deque[str]) -> None:
        with stderr:
            while line := stderr.readline(LONGEST_LINE):
                if said := line.decode("utf-8", "replace").strip():
                    last_words.append(said)
                    _log.debug("%s: %s", self._name, said)


def _start_process() -> subprocess.Popen[bytes]:
    flags = 0
    if sys.platform == "win32":
        flags = subprocess.CREATE_NO_WINDOW | subprocess.CREATE_NEW_PROCESS_GROUP
    return subprocess.Popen(
        [sys.executable, "-P", "-c", _START, str(Path(__file__).resolve().parents[2])],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        env={**os.environ, "PYTHONIOENCODING": "utf-8"},
        start_new_session=True,  # Ctrl-C in a terminal is its parent's business
        creationflags=flags,
    )  # fmt: skip


def _kill_family(process: psutil.Process) -> None:
    try:
        process.suspend()  # so that it starts no more of them
        family = [*process.children(recursive=True), process]
    except psutil.Error:
        family = [process]
    for member in family:
        try:
            member.kill()
        except psutil.Error:
            continue


def _no_sign(patience: float, stage: str) -> str:
    time_ = f"{patience / 60:.0f} minutes" if patience >= 120 else f"{patience:g} seconds"
    return f"The worker gave no sign for {time_} ({stage}) and was ended: try it again."


def _reason_of_death(end: _Ended, stage: str) -> str:
    code = end.code
    if code is None:
        return f"The worker can't be started: {end.last_words}."
    if code in _OUT_OF_MEMORY:
        return (
            f"The worker was ended by the system ({stage}), probably because memory ran out: close other programs, "
            "or try something shorter."
        )
    if code < 0 or code >= _WINDOWS_CRASHES:
        names = {-number: number.name for number in signal.Signals}
        return f"The worker crashed ({names.get(code, hex(code))}, {stage}): try it again."
    words = f" and said: {end.last_words}" if end.last_words else ""
    return f"The worker ended with exit code {code} ({stage}){words}"
