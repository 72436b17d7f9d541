"""`vlogger serve`: the service as a process, from opening the library to the last goodbye."""

from __future__ import annotations

import contextlib
import errno
import json
import logging
import os
import signal
import socket
import ssl
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil
import uvicorn
from uvicorn.server import HANDLED_SIGNALS

from .. import __version__
from ..errors import InputError
from .app import API, create_app
from .library import QUOTA, Library, open_library
from .news import News
from .queue import Queue
from .security import Address, token_in, write_secret

_GOODBYE = 2
"""Seconds that requests under way get to end when the service does."""
_KEPT_OPEN = 60
"""Seconds that a connection without requests stays open."""
_BACKLOG = 2048
_FILES = 4096


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
    _check_certificate(serving)
    with _listening(serving.host, serving.port) as listener:
        address = _address_of(listener, serving)
        _check_encryption(address)
        with _opened_library(serving) as library:
            queue = Queue(library)
            with _announced(library, address) as token:
                server = _server(serving, library, queue, address, token)
                if serving.stay_with_stdin:
                    threading.Thread(target=_end_with_stdin, args=[server], daemon=True).start()
                _allow_many_connections()
                queue.start()
                try:
                    _say(f"vlogger {__version__} is ready at {address.url}; its library is {library.folder}")
                    server.run(sockets=[listener])
                finally:
                    queue.stop()


class _Server(uvicorn.Server):
    """uvicorn's server, which ends quickly: clients that wait for news are told, and a signal is its normal end."""

    def __init__(self, config: uvicorn.Config, news: News) -> None:
        super().__init__(config)
        self._news = news

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._news.close()
        await super().shutdown(sockets)

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """End at Ctrl-C, SIGTERM and Windows' Ctrl-Break, and leave it at that: uvicorn would raise them once more."""
        before = {number: signal.signal(number, self.handle_exit) for number in HANDLED_SIGNALS}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


def _server(serving: Serving, library: Library, queue: Queue, address: Address, token: str) -> _Server:
    def end() -> None:
        server.should_exit = True

    news = News()
    config = uvicorn.Config(
        create_app(library, queue, address, token, news, end),
        ws="none",
        lifespan="on",
        log_config=None,
        log_level=logging.WARNING,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        headers=[("X-Content-Type-Options", "nosniff")],
        timeout_keep_alive=_KEPT_OPEN,
        timeout_graceful_shutdown=_GOODBYE,
        ssl_certfile=serving.certificate,
        ssl_keyfile=serving.key,
        ssl_ciphers="DEFAULT",
    )
    server = _Server(config, news)
    return server


@contextlib.contextmanager
def _listening(host: str, port: int) -> Iterator[socket.socket]:
    """A socket that clients can connect to; it is not passed on to child processes."""
    try:
        family, _, _, _, place = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        listener = socket.create_server(place[:2], family=family, backlog=_BACKLOG)
    except (OSError, OverflowError, UnicodeError) as error:
        number = getattr(error, "errno", None)
        if number in (errno.EADDRINUSE, errno.EACCES):
            reason = "is taken by another program" if number == errno.EADDRINUSE else "is not allowed to you"
            raise InputError(
                f"The port {port} {reason}; choose another, or leave --port out for a free one."
            ) from error
        raise InputError(f"{host} is no address of this machine; leave --host out, or give one that is.") from error
    with listener:
        yield listener


def _address_of(listener: socket.socket, serving: Serving) -> Address:
    ip, port = listener.getsockname()[:2]
    return Address(serving.host, ip, port, secure=serving.certificate is not None)


def _check_certificate(serving: Serving) -> None:
    """See that the certificate can be used before anything else is done."""
    certificate, key = serving.certificate, serving.key
    if certificate is None:
        if key is not None:
            raise InputError("--key is given without --certificate; give both.")
        return
    try:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(certificate, key, password=lambda: "")
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise InputError(
            f"The certificate {certificate} can't be used ({reason}); give a PEM file, and its key without a password "
            "with --key."
        ) from error


def _check_encryption(address: Address) -> None:
    if not (address.local or address.secure):
        raise InputError(
            f"{address.host} can be reached from other machines, where the token could be read on its way; "
            "give a certificate with --certificate and --key (docs/security.md says how to make one)."
        )


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


def _end_with_stdin(server: uvicorn.Server) -> None:
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
