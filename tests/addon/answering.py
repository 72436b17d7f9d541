"""A small server on a real socket that answers whatever it is told to, for what no honest service would say."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress


def http(status: int, content: bytes, kind: str = "application/json", **headers: str) -> bytes:
    lines = [f"HTTP/1.1 {status} Whatever", f"Content-Length: {len(content)}", f"Content-Type: {kind}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + content


def ok(answer: object) -> bytes:
    return http(200, json.dumps(answer).encode())


def error(status: int, message: str) -> bytes:
    return http(status, json.dumps({"error": {"code": "c", "message": message}}).encode())


def read_head(one: socket.socket) -> bytes:
    """The head of the next request, b"" if there is none; the body stays where it is."""
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        byte = one.recv(1)
        if not byte:
            return b""
        head += byte
    return head


@contextmanager
def answering(answer: Callable[[bytes, socket.socket], bytes | None]) -> Iterator[str]:
    """The URL of a server. `answer` gets each request's head and the socket; None ends the connection."""
    server = socket.create_server(("127.0.0.1", 0))
    talks: list[socket.socket] = []

    def talk(one: socket.socket) -> None:
        with one, suppress(OSError):
            while head := read_head(one):
                said = answer(head, one)
                if said is None:
                    return
                one.sendall(said)

    def serve() -> None:
        while True:
            try:
                one, _ = server.accept()
            except OSError:
                return
            talks.append(one)
            threading.Thread(target=talk, args=(one,), daemon=True).start()

    threading.Thread(target=serve, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.getsockname()[1]}"
    finally:
        server.shutdown(socket.SHUT_RDWR)
        server.close()
        for one in talks:
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
