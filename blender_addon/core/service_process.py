"""The service's process on this machine: finding the one that runs, starting one, and ending it.

The UI of the preferences will show: where the library is (`LocalService.library`), whether a service runs there and
which (`find`), and its last lines when it could not start (in the sentence of the error).
"""

from __future__ import annotations

import json
import os
import queue
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .connection import Address, Connection, NonsenseError, Patience, RefusedError, StoppedError, UnreachableError
from .errors import AddonError
from .version import API, VERSION

_TICK = 0.1
"""Seconds between two looks at whether to go on waiting."""


class OtherVersionError(AddonError):
    """The service is of another version. Its button: `Client.connect(replace=True)`."""


class StartError(AddonError):
    """No service could be started. Its button: the preferences, where the backend is installed."""


@dataclass(frozen=True)
class LocalService:
    """The service of this machine, which keeps its jobs in `library`.

    `program` starts one if none runs: the Python of the environment that vlogger is installed in, or its `vlogger`
    command. With None, only one that runs already is used.
    """

    library: Path
    program: Path | None = None


@dataclass(frozen=True)
class RemoteService:
    """A service that someone started on another machine; it is never started or ended from here."""

    address: Address


@dataclass(frozen=True)
class Found:
    """A service that answers, is ours, and is of our version. `health` is what it says of itself."""

    address: Address
    health: dict[str, Any]


def default_library() -> Path:
    """Where the service keeps its jobs, as the service itself decides it (docs/service.md)."""
    named = os.environ.get("VLOGGER_LIBRARY")
    return Path(named).expanduser() if named else Path.home() / ".vlogger"


def find(library: Path, patience: Patience) -> Found | None:
    """The service that runs on `library`, None if there is none. What a crashed one left behind counts as none.

    Raises OtherVersionError; UnreachableError if its process does not answer; AddonError if it can't be used.
    """
    address = _written_address(library)
    if address is None:
        return None
    try:
        return check(address, patience)
    except NonsenseError:
        return None  # the port was given to another program after a crash


def check(address: Address, patience: Patience) -> Found:
    """Ask the service at `address` who it is.

    Raises UnreachableError; NonsenseError for another program; OtherVersionError; AddonError if it refuses the token.
    """
    connection = Connection(address, patience)
    try:
        health = connection.ask("GET", f"/v{API}/health")
    except RefusedError as refusal:
        if refusal.status == 401:
            raise AddonError(
                f"The vlogger service at {address.url} refuses the token. Copy it again from the file `token` in the "
                "service's library."
            ) from refusal
        if refusal.status == 404:
            raise OtherVersionError(_other_version(address, "")) from refusal
        raise
    finally:
        connection.close()
    if health.get("name") != "vlogger":
        raise NonsenseError(
            f"At {address.url} another program answers, not vlogger. Check the address, or end that program."
        )
    version = str(health.get("version"))
    if health.get("api") != API or _series(version) != _series(VERSION):
        raise OtherVersionError(_other_version(address, version))
    return Found(address, health)


def seems_to_run(library: Path) -> bool:
    """Whether a service has written that it runs on `library`, and its process is there; it is not asked."""
    pid = _written(library).get("pid")
    return type(pid) is int and _runs(pid)


def shut_down(library: Path, patience: Patience) -> None:
    """End the service that runs on `library`, of whatever version, and wait until it is gone. Its jobs are kept.

    Raises AddonError if it does not end.
    """
    address = _written_address(library)
    if address is None:
        return
    written = _written(library)
    pid = int(written["pid"])
    connection = Connection(address, patience)
    with suppress(UnreachableError):
        connection.ask("POST", f"/v{written.get('api', API)}/shutdown")
    connection.close()
    end = time.monotonic() + patience.answer
    while _runs(pid):
        if time.monotonic() > end:
            raise AddonError(f"The old vlogger service (process {pid}) does not end. End it in the system's task list.")
        time.sleep(_TICK)


class ServiceProcess:
    """A service that this process started, which ends with it: it stays as long as its standard input is open.

    Raises StartError if the program can't be run.
    """

    def __init__(self, program: Path, library: Path) -> None:
        self._program = program
        self._library = library
        self._lines: deque[str] = deque(maxlen=30)
        self._heard: queue.SimpleQueue[bool] = queue.SimpleQueue()
        try:
            self._process = subprocess.Popen(
                serve_command(program, library),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                # Blender's own folder is that of the .blend: nothing must be imported from there
                cwd=Path.home(),
                env={name: value for name, value in os.environ.items() if not name.startswith("PYTHON")},
                creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
                start_new_session=True,  # Ctrl-C in Blender's terminal is not for the service
            )
        except OSError as error:
            raise StartError(
                f"The vlogger service can't be started: {program} can't be run ({error.strerror or error}). "
                "Choose the Python of the environment that vlogger is installed in, or install it anew."
            ) from error
        threading.Thread(target=self._listen, name="vlogger-service-lines", daemon=True).start()

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def runs(self) -> bool:
        return self._process.poll() is None

    @property
    def last_lines(self) -> tuple[str, ...]:
        """What it said last, for the report of an error."""
        return tuple(self._lines)

    def wait_ready(self, patience: Patience, stop: Callable[[], bool]) -> Found:
        """Wait until it answers. A line that it writes is the sign to look for its `service.json`.

        Raises StartError, with its last words, if it ends or takes too long; StoppedError when `stop` says so.
        """
        end = time.monotonic() + patience.start
        while True:
            if stop():
                raise StoppedError
            try:
                talks = self._heard.get(timeout=_TICK)
            except queue.Empty:
                talks = self.runs
                if time.monotonic() > end:
                    raise StartError(self._sentence("did not get ready in time")) from None
            if not talks:
                with suppress(subprocess.TimeoutExpired):  # its last word was heard before its end
                    self._process.wait(5.0)
                raise StartError(self._sentence("ended at once"))
            with suppress(UnreachableError):  # that is what another has left behind
                found = find(self._library, patience)
                if found is not None:
                    return found

    def kill(self) -> None:
        """End it now, whatever it does. Its jobs are kept."""
        self._process.kill()
        self._process.wait()

    def end(self, within: float = 10.0) -> None:
        """Ask it to end, and end it if it doesn't. Its jobs are kept: what was being worked on begins again."""
        with suppress(OSError):
            self._process.stdin.close()  # type: ignore[union-attr]
        try:
            self._process.wait(within)
        except subprocess.TimeoutExpired:
            self.kill()

    def _listen(self) -> None:
        with self._process.stdout as lines:  # type: ignore[union-attr]
            for line in lines:
                self._lines.append(line.decode(errors="replace").rstrip())
                self._heard.put(True)
        self._heard.put(False)
        self._process.wait()  # whoever looks for its number must not find what is left of it

    def _sentence(self, what: str) -> str:
        words = " ".join(line for line in list(self._lines)[-3:] if line)
        said = f" It said: {words}" if words else ""
        return f"The vlogger service {what} ({self._program}).{said} Mend that, or install the backend anew."


def serve_command(program: Path, library: Path) -> list[str]:
    """The command that starts a service; `program` is a Python or the `vlogger` command."""
    # -I: nothing is imported from the current folder or the user's own packages
    start = [str(program), "-I", "-m", "vlogger_backend.cli"] if program.stem.startswith("python") else [str(program)]
    return [*start, "serve", "--stay-with-stdin", "--library", str(library)]


def _written(library: Path) -> dict[str, Any]:
    """What `service.json` says, {} if it says nothing."""
    try:
        written = json.loads((library / "service.json").read_bytes())
    except (OSError, ValueError):
        return {}
    return written if isinstance(written, dict) else {}


def _written_address(library: Path) -> Address | None:
    """Where the service says it is, None if its process is gone: the token is for no other program on its old port.

    Raises AddonError if its token can't be read.
    """
    written = _written(library)
    pid = written.get("pid")
    if type(pid) is not int or not _runs(pid):
        return None
    try:
        token = (library / "token").read_text("ascii").strip()
    except (OSError, ValueError) as error:
        raise AddonError(
            f"The token in {library} can't be read ({error}). End the vlogger service (process {pid}) and try again."
        ) from error
    return Address(str(written.get("url")), token)


def _runs(pid: int) -> bool:
    """Whether a process of this user has that number."""
    if pid <= 0:
        return False
    if sys.platform == "win32":  # os.kill would end it there, whatever the signal
        import ctypes

        kernel = ctypes.windll.kernel32
        process = kernel.OpenProcess(0x00100000, False, pid)  # SYNCHRONIZE
        if not process:
            return False
        try:
            return bool(kernel.WaitForSingleObject(process, 0) == 0x102)  # WAIT_TIMEOUT: it has not ended
        finally:
            kernel.CloseHandle(process)
    try:
        os.kill(pid, 0)
    except (OSError, OverflowError):
        return False
    return True


def _series(version: str) -> list[str]:
    """Versions of one series fit together."""
    return version.split(".")[:2]


def _other_version(address: Address, version: str) -> str:
    is_ = f"is version {version}" if version else "is of another version"
    return (
        f"The vlogger service at {address.url} {is_}, this add-on is version {VERSION}. Update the older of the two; "
        "then end the service, so that the new one starts."
    )
