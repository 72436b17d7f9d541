"""Keeping one service at hand: it is found or started when it is needed, and again when it died."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from .connection import Address, Connection, Patience, StoppedError, UnreachableError
from .errors import AddonError
from .service_process import (
    Found,
    LocalService,
    OtherVersionError,
    RemoteService,
    ServiceProcess,
    StartError,
    check,
    find,
    shut_down,
)

T = TypeVar("T")

_STARTS = 3
_PERIOD = 300.0
"""A service that had to be started so often within so many seconds is not started again by itself."""
_COMING_OR_GOING = 5.0
"""Seconds for which a service may have a process and no open port."""
_SILENCES = 3
"""So often in a row our own service may fail to answer before it counts as hung."""


class Keeper:
    """The service that the threads of a client use. All methods may block, so they are for threads.

    `tell` is called from any of them with "starting", "ready" or "away" and a sentence about it.
    """

    def __init__(
        self, service: LocalService | RemoteService, patience: Patience, tell: Callable[[str, str], None]
    ) -> None:
        self.service = service
        self.patience = patience
        self._tell = tell
        self._lock = threading.Lock()
        self._closed = threading.Event()
        self._address: Address | None = None
        self._process: ServiceProcess | None = None
        self._starts: deque[float] = deque(maxlen=_STARTS)
        self._silences = 0
        self._found_before = False

    @property
    def last_lines(self) -> tuple[str, ...]:
        """What the service that we started said last."""
        process = self._process
        return process.last_lines if process else ()

    def address(self, lost: Address | None, stop: Callable[[], bool]) -> Address:
        """Where the service is. `lost` is an address that was given before and did not answer.

        Raises UnreachableError if it may answer later, another AddonError if not, StoppedError when `stop` says so.
        """
        while not self._lock.acquire(timeout=0.1):
            if stop() or self._closed.is_set():
                raise StoppedError
        try:
            if self._address is None or self._address is lost:
                self._address = None
                self._address = self._obtain(lambda: stop() or self._closed.is_set()).address
            return self._address
        except UnreachableError as error:
            self._tell("away", str(error))
            raise
        finally:
            self._lock.release()

    def renew(self, replace: bool) -> None:
        """Forget what is known and how often it was started. With `replace`, end the service that runs here.

        Raises AddonError if that one does not end.
        """
        with self._lock:
            self._address = None
            self._starts.clear()
            if replace and isinstance(self.service, LocalService):
                if self._process is not None:
                    self._process.end()
                shut_down(self.service.library, self.patience)

    def close(self) -> None:
        """End the service if we started it, and every wait for it."""
        self._closed.set()
        if self._process is not None:
            self._process.end()
        with self._lock:  # one may have been started meanwhile
            if self._process is not None:
                self._process.end()

    def _obtain(self, stop: Callable[[], bool]) -> Found:
        if isinstance(self.service, RemoteService):
            found = check(self.service.address, self.patience)
        else:
            found = self._obtain_here(self.service, stop)
        self._silences = 0
        self._found_before = True
        self._tell("ready", f"vlogger {found.health.get('version')} at {found.address.url}")
        return found

    def _obtain_here(self, service: LocalService, stop: Callable[[], bool]) -> Found:
        failures = 0
        while True:
            if stop():
                raise StoppedError
            found = self._find(service, stop)
            if found is not None:
                return found
            if service.program is None:
                # one that ran before is likely to be back soon: whoever started it may do so again
                raise (UnreachableError if self._found_before else StartError)(
                    f"No vlogger service runs in {service.library}, and it is not known how to start one. "
                    "Install the backend in the add-on's preferences, or start `vlogger serve`."
                )
            process = self._process
            if process is None or not process.runs:
                process = self._process = self._start(service.program, service.library)
            try:
                return process.wait_ready(self.patience, stop)
            except OtherVersionError:
                process.end()
                raise
            except StartError:
                if process.runs:
                    process.kill()
                    raise
                failures += 1
                if failures > 1:
                    raise
                # another Blender may have been quicker, and its service is getting ready: look again
                self._closed.wait(self.patience.again)

    def _find(self, service: LocalService, stop: Callable[[], bool]) -> Found | None:
        """As `find`; one that is just coming or going is waited for, and our own is ended when it is hung."""
        end = time.monotonic() + _COMING_OR_GOING
        while True:
            own = self._process is not None and self._process.runs  # asked first: it takes away what a kill has left
            try:
                return find(service.library, self.patience)
            except UnreachableError as error:
                if isinstance(error.__cause__, ConnectionRefusedError):
                    if time.monotonic() > end:  # its number was given to another process after a crash
                        return None
                else:
                    self._silences += isinstance(error.__cause__, TimeoutError)
                    if self._silences < _SILENCES or self._process is None or not own:
                        raise
                    self._silences = 0
                    self._process.kill()
                    return None
            if stop():
                raise StoppedError
            self._closed.wait(0.1)

    def _start(self, program: Path, library: Path) -> ServiceProcess:
        now = time.monotonic()
        if len(self._starts) == _STARTS and now - self._starts[0] < _PERIOD:
            words = " ".join(line for line in self.last_lines[-3:] if line)
            raise StartError(
                f"The vlogger service ended {_STARTS} times within {now - self._starts[0]:.0f} s, so it is not started "
                f"again by itself.{f' It said: {words}' if words else ''} Mend that, then press Connect. "
                "The jobs are kept."
            )
        self._starts.append(now)
        self._tell("starting", "The vlogger service is starting.")
        return ServiceProcess(program, library)


class Line:
    """The line of one thread to the service: a connection that comes back when the service does.

    waiting : called with the reason when the service is away, before each pause
    given_up: called with the number of tries in a row that failed; True ends them
    """

    def __init__(self, keeper: Keeper, waiting: Callable[[AddonError], None], given_up: Callable[[int], bool]) -> None:
        self._keeper = keeper
        self._waiting = waiting
        self._given_up = given_up
        self._connection: Connection | None = None
        self._lost: Address | None = None
        self._stopped = threading.Event()

    def call(self, act: Callable[[Connection], T]) -> T:
        """What `act` returns. While the service is away, `act` is called again and again, so it must be repeatable.

        Raises UnreachableError once it is given up, and StoppedError after `interrupt`; other errors as they are.
        """
        pause = self._keeper.patience.again
        tries = 0
        while True:
            tries += 1
            try:
                connection = self._connection
                if connection is None:
                    address = self._keeper.address(self._lost, self._stopped.is_set)
                    self._connection = connection = Connection(address, self._keeper.patience)
                if self._stopped.is_set():
                    raise StoppedError
                return act(connection)
            except UnreachableError as error:
                self._lost = self._drop()
                if self._given_up(tries):
                    raise
                self._waiting(error)
            except StoppedError:
                self._drop()
                raise
            if self._stopped.wait(pause):
                raise StoppedError
            pause = min(2 * pause, self._keeper.patience.longest)

    def interrupt(self) -> None:
        """From any thread: the call that goes on, or the next, raises StoppedError. After that, `resume`."""
        self._stopped.set()
        connection = self._connection
        if connection is not None:
            connection.interrupt()

    def resume(self) -> None:
        """From its own thread: calls work again."""
        self._stopped.clear()

    def close(self) -> None:
        self._drop()

    def _drop(self) -> Address | None:
        """Close the connection and return the address it had."""
        connection, self._connection = self._connection, None
        if connection is None:
            return self._lost
        connection.close()
        return connection.address
