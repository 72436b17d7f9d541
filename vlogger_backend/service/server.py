"""The HTTP server, as it is set up for this service."""

from __future__ import annotations

import contextlib
import logging
import signal
import socket
from collections.abc import Iterator
from pathlib import Path

import uvicorn
from uvicorn.server import HANDLED_SIGNALS

from .address import Address
from .app import create_app
from .library import Library
from .news import News
from .queue import Queue

_GOODBYE = 2
"""Seconds that requests under way get to end when the service does."""
_KEPT_OPEN = 60
"""Seconds that a connection without requests stays open."""


class Server(uvicorn.Server):
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


def make_server(
    library: Library, queue: Queue, address: Address, token: str, certificate: Path | None, key: Path | None
) -> Server:
    """The server for this library; run it with the socket of `address`."""

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
        ssl_certfile=certificate,
        ssl_keyfile=key,
        ssl_ciphers="DEFAULT",
    )
    server = Server(config, news)
    return server
