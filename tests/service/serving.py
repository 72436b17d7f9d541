"""The service over real HTTP: in a thread of this process with the worker played by hand, or as its own process."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import uvicorn
from by_hand import new_library

from vlogger_backend.service.address import Address
from vlogger_backend.service.app import create_app
from vlogger_backend.service.library import Library
from vlogger_backend.service.news import News
from vlogger_backend.service.queue import Queue

TOKEN = "t" * 43
PATIENCE = 30.0
"""Seconds after which a test gives up waiting."""


@dataclass(frozen=True)
class Answer:
    status: int
    headers: http.client.HTTPMessage
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def error(self) -> str:
        """The sentence of an error, which must have the shape of all errors."""
        content = self.json
        assert set(content) == {"error"}, content
        assert set(content["error"]) == {"code", "message"}, content
        assert content["error"]["message"].strip().endswith("."), content
        return str(content["error"]["message"])


@dataclass(frozen=True)
class Client:
    """Asks one question a connection. `headers` go with each; None as a value leaves a usual one out."""

    port: int
    token: str
    context: ssl.SSLContext | None = None
    headers: Mapping[str, str] = field(default_factory=dict)

    def ask(self, method: str, path: str, body: Any = None, headers: Mapping[str, str | None] | None = None) -> Answer:
        with self.open(method, path, body, headers) as response:
            return Answer(response.status, response.headers, response.read())

    def get(self, path: str, **headers: str) -> Answer:
        return self.ask("GET", path, headers={name.replace("_", "-"): value for name, value in headers.items()})

    def submit(self, job: Mapping[str, Any], **headers: str) -> Answer:
        return self.ask(
            "POST", "/v1/jobs", dict(job), {name.replace("_", "-"): value for name, value in headers.items()}
        )

    def upload(self, content: bytes, name: str = "line.wav") -> Answer:
        return self.ask("POST", f"/v1/uploads?name={name}", content)

    @contextlib.contextmanager
    def open(
        self, method: str, path: str, body: Any = None, headers: Mapping[str, str | None] | None = None
    ) -> Iterator[http.client.HTTPResponse]:
        if self.context is None:
            connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        else:
            connection = http.client.HTTPSConnection("localhost", self.port, timeout=PATIENCE, context=self.context)
        all_headers: dict[str, str | None] = {
            "Authorization": f"Bearer {self.token}",
            **self.headers,
            **(headers or {}),
        }
        if isinstance(body, dict | list):
            body = json.dumps(body)
            all_headers = {"Content-Type": "application/json", **all_headers}
        given = {name: value for name, value in all_headers.items() if value is not None}
        with contextlib.closing(connection):
            connection.request(method, path, body, given)
            yield connection.getresponse()


@dataclass(frozen=True)
class Served:
    """The service in a thread of this process. `ended` is set when a client has asked it to end."""

    library: Library
    queue: Queue
    news: News
    client: Client
    ended: threading.Event


@contextlib.contextmanager
def served(folder: Path, ip: str = "127.0.0.1") -> Iterator[Served]:
    """The service on a new library, without workers. It listens on the loopback, whatever `ip` it takes for its own."""
    library = new_library(folder)
    queue, news, ended = Queue(library), News(), threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        address = Address(ip, ip, listener.getsockname()[1], secure=False)
        app = create_app(library, queue, address, TOKEN, news, ended.set)
        server = uvicorn.Server(uvicorn.Config(app, ws="none", lifespan="on", log_config=None, access_log=False))
        thread = threading.Thread(target=server.run, args=[[listener]])
        thread.start()
        try:
            client = Client(address.port, TOKEN, headers={"Host": f"{ip}:{address.port}"})
            yield Served(library, queue, news, client, ended)
        finally:
            server.should_exit = True
            news.close()
            thread.join(PATIENCE)
            library.close()
            assert not thread.is_alive()


@contextlib.contextmanager
def process(
    library: Path, *options: str, environment: Mapping[str, str] | None = None
) -> Iterator[subprocess.Popen[str]]:
    """`vlogger serve` as a process of its own; ended, if it still runs, in the end."""
    command = [sys.executable, "-m", "vlogger_backend.cli", "serve", "--library", str(library), *options]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env={**os.environ, **(environment or {})},
    ) as running:  # fmt: skip
        try:
            yield running
        finally:
            running.kill()


def client_of(running: subprocess.Popen[str], library: Path) -> Client:
    """A client of a service that has just been started; waits until it is ready."""
    assert running.stdout is not None
    line = running.stdout.readline()
    assert "is ready at" in line, line + (running.stderr.read() if running.stderr else "")
    place = json.loads((library / "service.json").read_text("utf-8"))
    return Client(place["port"], (library / "token").read_text("ascii").strip())


def events(response: http.client.HTTPResponse) -> Iterator[dict[str, str]]:
    """The server-sent events of an answer, as their fields; comments are left out."""
    fields: dict[str, str] = {}
    for line in response:
        name, _, value = line.decode().rstrip("\n").partition(": ")
        if name:
            fields |= {name: value} if not line.startswith(b":") else {}
        elif fields:
            yield fields
            fields = {}


def until(holds: Callable[[], object], within: float = PATIENCE) -> None:
    """Wait until something holds that tells nobody when it does."""
    deadline = time.monotonic() + within
    while not holds():
        assert time.monotonic() < deadline, "it took too long"
        time.sleep(0.01)
