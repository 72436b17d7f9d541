"""Running other programs, one after another, in a thread: their lines as they come, their silence, their end.

None of them outlives this process (see leash.py), and `Commands.cancel` ends the one that runs with its children.
"""

from __future__ import annotations

import os
import queue
import re
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from . import leash
from .errors import AddonError

_TICK = 0.1
"""Seconds between two looks at whether to go on."""
_LONGEST_LINE = 4000
_AT_ONCE = 500
"""Lines taken from one block of output; whoever writes more at once writes nonsense."""
_REMEMBERED = 300
_OWN = ("VIRTUAL_ENV", "__PYVENV_LAUNCHER__", "PIP_USER", "PIP_TARGET", "PIP_PREFIX", "PIP_REQUIRE_VIRTUALENV")
_ESCAPES = re.compile(r"\x1b(\[[0-?]*[ -/]*[@-~]|\][^\x07]*\x07|.)")


class CancelledError(Exception):
    """`Commands.cancel` was called."""


class CommandError(Exception):
    """A program failed. `code` is its exit code, None if it was ended because nothing came of it any more."""

    def __init__(self, lines: Sequence[str], code: int | None) -> None:
        super().__init__(lines[-1] if lines else f"exit code {code}")
        self.lines = tuple(lines)
        self.code = code


class Commands:
    """Runs programs for the thread that calls `run`; `cancel` may be called from any.

    environment : what is set besides, or in place of, the variables that this process has
    unlogged    : lines that match are told, and not remembered
    """

    def __init__(self, environment: Mapping[str, str], unlogged: str = r"(?!)") -> None:
        own = {name: value for name, value in os.environ.items() if not _is_pythons_own(name)}
        self._environment = {**own, **environment}
        self._unlogged = re.compile(unlogged)
        self._log: deque[str] = deque(maxlen=_REMEMBERED)
        self._cancelled = threading.Event()

    @property
    def log(self) -> tuple[str, ...]:
        """The commands and what they said last, for a report."""
        return tuple(self._log)

    def cancel(self) -> None:
        """End the program that runs and all that it started; this and every further `run` raises CancelledError."""
        self._cancelled.set()

    def check(self) -> None:
        """Raise CancelledError if `cancel` was called."""
        if self._cancelled.is_set():
            raise CancelledError

    def run(
        self,
        command: Sequence[str | Path],
        hear: Callable[[str], None] = lambda line: None,
        patience: float = 60.0,
        signs: Callable[[], object] = lambda: None,
    ) -> tuple[str, ...]:
        """Run `command` and return its last lines; `hear` is called with each.

        It is ended when for `patience` seconds it has said nothing, and `signs` (looked at each second) is the same.

        Raises CommandError, CancelledError, and AddonError if this Python can't start programs.
        """
        self.check()
        self._log.append("$ " + " ".join(map(str, command)))
        lines: deque[str] = deque(maxlen=_REMEMBERED)

        def take(line: str) -> None:
            hear(line)
            if not self._unlogged.match(line):
                lines.append(line)
                self._log.append(line)

        process = _start(command, self._environment)
        try:
            code = self._attend(process, take, patience, signs)
        finally:
            _end(process)
        if code:
            raise CommandError(lines, code)
        return tuple(lines)

    def _attend(
        self,
        process: subprocess.Popen[bytes],
        take: Callable[[str], None],
        patience: float,
        signs: Callable[[], object],
    ) -> int:
        said: queue.SimpleQueue[list[str] | None] = queue.SimpleQueue()
        threading.Thread(target=_listen, args=(process, said), name="vlogger-lines", daemon=True).start()
        last, seen, looked = time.monotonic(), signs(), time.monotonic()
        while True:
            self.check()
            now = time.monotonic()
            try:
                block = said.get(timeout=_TICK)
            except queue.Empty:
                if now - looked > 1.0:
                    looked, before, seen = now, seen, signs()
                    last = now if seen != before else last
                if now - last > patience:
                    raise CommandError([f"Nothing has come of it for {patience:.0f} s."], None) from None
                if process.poll() is not None:
                    _kill_group(process)  # what it has left behind may hold the pipe open
                continue
            if block is None:
                return process.wait()
            last = now
            for line in block:
                take(line)


def _start(command: Sequence[str | Path], environment: Mapping[str, str]) -> subprocess.Popen[bytes]:
    python = Path(sys.executable or "")
    if not python.stem.lower().startswith("python"):
        raise AddonError(
            f"This Blender does not say where its Python is ({sys.executable or 'no path'}), so it can run no "
            "programs. Install Blender from blender.org, or use a backend on another machine."
        )
    try:
        return subprocess.Popen(
            [str(python), "-I", leash.__file__, *map(str, command)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            cwd=Path.home(),  # Blender's own is that of the .blend: nothing must be imported from there
            env=dict(environment),
            creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
            start_new_session=True,
        )
    except OSError as error:
        raise AddonError(
            f"Blender's Python can't be run: {python} ({error.strerror or error}). Install Blender anew."
        ) from error


def _end(process: subprocess.Popen[bytes]) -> None:
    """End the program and all that it started, if it has not ended well."""
    with suppress(OSError):
        process.stdin.close()  # type: ignore[union-attr]
    if process.returncode != 0:
        _kill_group(process)
    process.wait()


def _kill_group(process: subprocess.Popen[bytes]) -> None:
    if sys.platform == "win32":
        with suppress(subprocess.TimeoutExpired):  # the leash does it, once its stdin is closed
            process.wait(5.0)
        process.kill()
    else:
        with suppress(ProcessLookupError, PermissionError):  # they are gone, all of them
            os.killpg(process.pid, signal.SIGKILL)


def _listen(process: subprocess.Popen[bytes], said: queue.SimpleQueue[list[str] | None]) -> None:
    """Hand on blocks of lines, None at the end."""
    rest = b""
    with process.stdout as stream, suppress(OSError, ValueError):  # type: ignore[union-attr]
        while block := os.read(stream.fileno(), 1 << 16):
            *whole, rest = re.split(rb"[\r\n]+", rest + block)
            rest = rest[-_LONGEST_LINE:]
            if whole:
                said.put([line for part in whole[-_AT_ONCE:] if (line := _clean(part))])
    if last := _clean(rest):
        said.put([last])
    said.put(None)


def _clean(line: bytes) -> str:
    text = _ESCAPES.sub("", line[:_LONGEST_LINE].decode("utf-8", "replace"))
    return "".join(c if c.isprintable() else " " for c in text).strip()


def _is_pythons_own(name: str) -> bool:
    """Whether a variable would change where another Python imports from, or where pip installs."""
    return name.upper().startswith("PYTHON") or name.upper() in _OWN
