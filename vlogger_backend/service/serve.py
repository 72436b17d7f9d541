"""`vlogger serve`: the service as a process, from opening the library to the last goodbye."""

from __future__ import annotations

import contextlib
import json
import os
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

from .. import __version__
from ..errors import InputError
from ..files import write_secret
from . import API
from .address import Address, listening
from .library import QUOTA, Library, open_library
from .queue import Queue
from .secret import token_in

if TYPE_CHECKING:
    from .server import Server

_DOORS = 1 if sys.platform == "win32" else 16
"""How many times the socket is listened at: in a turn of uvloop each lets in one client, however many wait."""
_TURN = 0.0005
"""Seconds after which another thread gets its turn: with Python's own 5 ms a submission, which waits for the disk a
dozen times, would have to wait for a crowd of pollers as often."""
_FILES = 4096
"""Files that may be open at once, clients among them."""


@dataclass(frozen=True)
class Serving:
    """How to serve. `library` None is the user's own; port 0 any free one; `quota` in bytes.

    certificate, key : PEM files for TLS, needed if `host` can be reached from other machines
    stay_with_stdin  : end when the standard input is closed, for a program that starts the service as its child
    """

    library: Path | None = None
    host: str = "127.0.0.1"
    port: int = 0
    quota: int = QUOTA
    certificate: Path | None = None
    key: Path | None = None
    stay_with_stdin: bool = False

    def arguments(self) -> list[str]:
        """The options of `vlogger serve` that mean the same from any folder and without `VLOGGER_LIBRARY`."""
        options: dict[str, object] = {"--library": (self.library or default_library()).absolute(), "--host": self.host}
        options["--quota"] = f"{self.quota / 1e9:.12g}"
        if self.port:
            options["--port"] = self.port
        if self.certificate:
            options["--certificate"] = self.certificate.absolute()
        if self.key:
            options["--key"] = self.key.absolute()
        return [str(part) for option in options.items() for part in option]


def default_library() -> Path:
    """`VLOGGER_LIBRARY`, or `.vlogger` in the user's home."""
    named = os.environ.get("VLOGGER_LIBRARY")
    return Path(named).expanduser() if named else Path.home() / ".vlogger"


def serve(serving: Serving) -> None:
    """Run the service until it is told to end, by a signal, a client, or (if so wished) its standard input.

    Raises InputError if the library or the address can't be used.
    """
    with (
        listening(serving.host, serving.port, serving.certificate, serving.key) as (listener, address),
        _opened_library(serving) as library,
    ):
        from .server import make_server  # it takes a while to load, and no refusal should wait for that

        queue = Queue(library)
        with _announced(library, address) as token:
            server = make_server(library, queue, address, token, serving.certificate, serving.key)
            if serving.stay_with_stdin:
                threading.Thread(target=_end_with_stdin, args=[server], daemon=True).start()
            _allow_many_connections()
            sys.setswitchinterval(_TURN)
            queue.start()
            try:
                _say(f"vlogger {__version__} is ready at {address.url}; its library is {library.folder}")
                server.run(sockets=[listener.dup() for _ in range(_DOORS)])
            finally:
                queue.stop()


@contextlib.contextmanager
def _opened_library(serving: Serving) -> Iterator[Library]:
    folder = (serving.library or default_library()).absolute()
    try:
        library = open_library(folder, serving.quota)
    except InputError as error:
        if url := _running_at(folder):
            raise InputError(
                f"A service works on the library {folder} already, at {url}; use it, or end it."
            ) from error
        raise
    try:
        yield library
    finally:
        library.close()


@contextlib.contextmanager
def _announced(library: Library, address: Address) -> Iterator[str]:
    """Write where the service is, for as long as it is there; yields the token."""
    path = library.folder / "service.json"
    place = {"url": address.url, "port": address.port, "pid": os.getpid(), "version": __version__, "api": API}
    try:
        token = token_in(library.folder / "token")
        write_secret(path, json.dumps(place) + "\n")
    except OSError as error:
        raise InputError(
            f"{path} can't be written ({error.strerror}); make room, or choose another --library."
        ) from error
    try:
        yield token
    finally:
        with contextlib.suppress(OSError):
            path.unlink()


def _running_at(folder: Path) -> str | None:
    """The url of the service that works on this library; what a crashed one has left doesn't count."""
    path = folder / "service.json"
    try:
        place = json.loads(path.read_text("utf-8"))
        began = psutil.Process(place["pid"]).create_time()
        return str(place["url"]) if began <= path.stat().st_mtime + 1 else None
    except (OSError, ValueError, TypeError, KeyError, psutil.Error):
        return None


def _end_with_stdin(server: Server) -> None:
    """End the service when whoever holds the other end of our standard input closes it, or is gone."""
    with contextlib.suppress(OSError):
        while os.read(0, 4096):  # not sys.stdin, whose lock would be held when the interpreter ends
            pass
    server.should_exit = True


def _allow_many_connections() -> None:
    """Each client is an open file, of which macOS allows 256 by default."""
    if sys.platform != "win32":
        import resource

        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        wanted = _FILES if hard == resource.RLIM_INFINITY else min(_FILES, hard)
        if soft != resource.RLIM_INFINITY and soft < wanted:
            with contextlib.suppress(ValueError, OSError):
                resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def _say(sentence: str) -> None:
    """To whoever started us, who may not listen."""
    if sys.stdout is not None:
        with contextlib.suppress(OSError, ValueError):
            print(sentence, flush=True)
