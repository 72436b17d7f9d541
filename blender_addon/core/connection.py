"""One kept-alive HTTP connection to a service: questions in JSON, files sent from disk, files fetched to disk.

Everything here blocks: it is for threads, never for Blender's own. A connection belongs to one thread; only
`interrupt` may be called from another.
"""

from __future__ import annotations

import errno
import http.client
import ipaddress
import json
import os
import socket
import ssl
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any
from urllib.parse import quote, urlsplit

from .errors import AddonError

_BLOCK = 1 << 18
_LARGEST_ANSWER = 64 << 20
"""Bytes: what is more than this is no answer of ours, and must not fill the memory."""
_AWAY = (429, 502, 503, 504)
"""The statuses of a service that is too busy or on its way down; to ask again later is right."""


class UnreachableError(AddonError):
    """The service does not answer; it may later."""


class NonsenseError(AddonError):
    """Something answers, but not as a vlogger service does."""


class RefusedError(AddonError):
    """The service says no, and its sentence why. `code` is its word for the reason, `status` the HTTP status."""

    def __init__(self, sentence: str, status: int, code: str) -> None:
        super().__init__(sentence)
        self.status = status
        self.code = code


class StoppedError(Exception):
    """`Connection.interrupt` was called, or a file's `tell` asked to stop."""


@dataclass(frozen=True)
class Patience:
    """How long things may take, in seconds.

    connect : until a service takes a connection
    answer  : between two signs of life while it answers
    watch   : how long the service holds back an answer when there is no news
    start   : from starting a service until it can be used
    again   : before the second try; it doubles with each, up to `longest`
    """

    connect: float = 5.0
    answer: float = 30.0
    watch: float = 20.0
    start: float = 90.0
    again: float = 0.25
    longest: float = 15.0


@dataclass(frozen=True)
class Address:
    """Where a service is. `authority` is a PEM file with the certificate to trust, if the system's are not enough.

    Raises AddonError if the URL can't be one of a service, or would send the token over a network in the clear.
    """

    url: str
    token: str = field(repr=False)
    authority: Path | None = None

    def __post_init__(self) -> None:
        try:
            parts = urlsplit(self.url)
            _ = parts.port
        except ValueError as error:
            raise AddonError(f"{self.url} is not an address ({error}). Write it like https://host:8443.") from error
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.path not in ("", "/") or parts.query:
            raise AddonError(f"{self.url} is not the address of a service. Write it like https://host:8443.")
        if parts.scheme == "http" and not self.is_here:
            raise AddonError(
                f"{self.url} is another machine without encryption, where anyone could read the token. "
                "Give it a certificate (docs/security.md) and write the address with https."
            )
        if not (self.token and self.token.isascii() and self.token.isprintable()):
            raise AddonError(f"The token for {self.url} is empty or damaged. Copy it again from the service's library.")

    @property
    def is_here(self) -> bool:
        """Whether it is this machine: nothing goes over a network."""
        host = urlsplit(self.url).hostname or ""
        try:
            return ipaddress.ip_address(host).is_loopback
        except ValueError:
            return host == "localhost"

    def open(self, timeout: float) -> http.client.HTTPConnection:
        """A connection that is not yet connected."""
        parts = urlsplit(self.url)
        host = parts.hostname or ""
        if parts.scheme == "http":
            return http.client.HTTPConnection(host, parts.port, timeout=timeout, blocksize=_BLOCK)
        try:
            context = ssl.create_default_context(cafile=self.authority)
        except (OSError, ssl.SSLError) as error:
            raise AddonError(
                f"{self.authority} can't be read as a certificate ({error.strerror or error}). Choose the .pem file "
                "that the service was started with."
            ) from error
        return http.client.HTTPSConnection(host, parts.port, timeout=timeout, blocksize=_BLOCK, context=context)


class Connection:
    """A connection to the service at `address`. It is opened when it is needed, and again when it was closed."""

    def __init__(self, address: Address, patience: Patience) -> None:
        self.address = address
        self.patience = patience
        self._http = address.open(patience.connect)
        self._interrupted = False

    def ask(self, method: str, path: str, body: Mapping[str, Any] | None = None, **options: Any) -> dict[str, Any]:
        """Ask for `path` and return the answer.

        `options` are `headers`, and `wait`: the seconds by which the service may hold back the answer.

        Raises UnreachableError, RefusedError, NonsenseError, StoppedError.
        """
        content = None if body is None else json.dumps(body).encode()
        with self._talking():
            response = self._request(method, path, content, "application/json", **options)
            return self._json(self._read(response))

    def upload(self, file: Path, tell: Callable[[float], bool]) -> str:
        """Send a file, and return the `upload:ID` by which jobs name it.

        `tell` is called with the part that is sent, 0 to 1; when it returns False, StoppedError is raised.

        Raises as `ask`, and AddonError if the file can't be read.
        """
        if not file.is_file():
            raise AddonError(f"There is no file at {file}. It was moved or deleted; choose it again.")
        try:
            with _Sending(file, tell) as sending, self._talking():
                path = f"/v1/uploads?name={quote(file.name, safe='', errors='replace')}"
                response = self._request("POST", path, sending, "application/octet-stream")
                return f"upload:{self._json(self._read(response))['id']}"
        except KeyError as error:
            raise self._nonsense("an upload without an id") from error
        except RefusedError as refusal:
            self.close()  # it may have been refused before all was sent
            raise RefusedError(f"{file.name}: {refusal}", refusal.status, refusal.code) from refusal

    def download(self, path: str, part: Path, tell: Callable[[float], bool] = lambda done: True) -> None:
        """Fetch the bytes at `path` into `part`, going on after those that `part` has already.

        What has come stays in `part` if the connection breaks, so the same call can be made again.

        Raises as `upload`; AddonError if `part` can't be written.
        """
        with _writing(part):
            have = part.stat().st_size if part.exists() else 0
        with self._talking():
            headers = {"Range": f"bytes={have}-"} if have else {}
            response = self._request("GET", path, headers=headers, fine=(200, 206, 416))
            if response.status == 416:  # the last byte had come when the connection broke, or it is another file
                self._read(response)
                if response.headers.get("Content-Range") == f"bytes */{have}":
                    return None
                part.unlink()
                return self.download(path, part, tell)
            if response.status == 206 and not response.headers.get("Content-Range", "").startswith(f"bytes {have}-"):
                raise self._nonsense("another part of a file than asked for")
            if response.status == 200:
                have = 0
            with _writing(part), part.open("ab" if have else "wb") as file:
                self._copy(response, file, have, tell)
        return None

    def interrupt(self) -> None:
        """From any thread: what this connection does raises StoppedError, now and from now on."""
        self._interrupted = True
        open_socket = self._http.sock
        if open_socket is not None:
            with suppress(OSError):  # not SSLSocket.shutdown, which would pull the rug from under the reading thread
                socket.socket.shutdown(open_socket, socket.SHUT_RDWR)

    def close(self) -> None:
        """Close it; the next question opens it again."""
        self._http.close()

    def _request(
        self,
        method: str,
        path: str,
        content: bytes | _Sending | None = None,
        kind: str = "",
        headers: Mapping[str, str] | None = None,
        wait: float = 0.0,
        fine: tuple[int, ...] = (200, 201, 202, 204),
    ) -> http.client.HTTPResponse:
        everything = {"Authorization": f"Bearer {self.address.token}", "Accept": "*/*", **(headers or {})}
        if content is not None:
            everything |= {"Content-Type": kind, "Content-Length": str(len(content))}
        kept = self._http.sock is not None
        try:
            response = self._answer(method, path, content, everything, wait)
        except ConnectionError:
            if not kept or self._interrupted:
                raise
            self._http.close()  # the service closes connections that are idle for long; whatever we ask may be repeated
            response = self._answer(method, path, content, everything, wait)
        if response.status not in fine:
            raise self._refusal(response)
        return response

    def _answer(
        self, method: str, path: str, content: bytes | _Sending | None, headers: Mapping[str, str], wait: float
    ) -> http.client.HTTPResponse:
        if isinstance(content, _Sending):
            content.rewind()
        if self._http.sock is None:
            self._http.connect()
        self._http.sock.settimeout(self.patience.answer + wait)
        if self._interrupted:  # checked once there is a socket that `interrupt` could have shut
            raise StoppedError
        try:
            self._http.request(method, path, content, headers)  # type: ignore[arg-type]
        except (BrokenPipeError, ConnectionResetError):
            if not isinstance(content, _Sending) or not content.begun:
                raise
            # refused before all was sent: the reason may be here already
        return self._http.getresponse()

    def _refusal(self, response: http.client.HTTPResponse) -> AddonError:
        answer = self._read(response)
        if response.status in _AWAY:
            return UnreachableError(f"The vlogger service at {self.address.url} is busy. It will be asked again.")
        if response.status < 400:
            return self._nonsense(f"status {response.status}")
        try:
            error = json.loads(answer)["error"]
            sentence, code = str(error["message"]), str(error["code"])
        except (ValueError, KeyError, TypeError):
            if response.status >= 500:
                return RefusedError(
                    f"The vlogger service at {self.address.url} failed ({response.status}). Try again; if it stays so, "
                    "restart the service.",
                    response.status,
                    "",
                )
            return self._nonsense(f"status {response.status} without a reason")
        return RefusedError("".join(c if c.isprintable() else " " for c in sentence[:1000]), response.status, code)

    def _read(self, response: http.client.HTTPResponse) -> bytes:
        content = bytearray()
        while block := response.read(_BLOCK):
            content += block
            if len(content) > _LARGEST_ANSWER:
                raise self._nonsense("an answer without end")
        if response.length:  # a sized read gives what there is, and does not complain
            raise http.client.IncompleteRead(bytes(content), response.length)
        return bytes(content)

    def _json(self, content: bytes) -> dict[str, Any]:
        try:
            answer = json.loads(content)
        except (ValueError, RecursionError) as error:
            raise self._nonsense("no JSON") from error
        if not isinstance(answer, dict):
            raise self._nonsense("JSON that is no object")
        return answer

    def _copy(
        self, response: http.client.HTTPResponse, file: IO[bytes], have: int, tell: Callable[[float], bool]
    ) -> None:
        total = have + (response.length or 0)
        while block := self._block(response):
            file.write(block)
            have += len(block)
            if not tell(min(have / total, 1.0) if total else 0.0):
                raise StoppedError
        if response.length:
            raise UnreachableError(f"The vlogger service at {self.address.url} broke off while sending a file.")

    def _block(self, response: http.client.HTTPResponse) -> bytes:
        """The next bytes of a file; errors of the network are told apart from those of the disk."""
        with self._talking():
            return response.read(_BLOCK)

    def _nonsense(self, what: str) -> NonsenseError:
        return NonsenseError(
            f"What answers at {self.address.url} is not a vlogger service, or a damaged one: it sent {what}. "
            "Check the address, or restart the service."
        )

    @contextmanager
    def _talking(self) -> Iterator[None]:
        """Errors of the network become sentences. After one, the connection begins anew."""
        try:
            yield
        except RefusedError:
            raise  # its answer was read to the end, so the connection can be kept
        except BaseException as error:
            self._http.close()
            if self._interrupted:
                raise StoppedError from error
            known = self._in_words(error)
            if known is None:
                raise
            raise known from error

    def _in_words(self, error: BaseException) -> AddonError | None:
        url = self.address.url
        if isinstance(error, AddonError | StoppedError):
            return None
        if isinstance(error, ssl.SSLCertVerificationError):
            return AddonError(
                f"The certificate of {url} is not to be trusted ({error.verify_message}). Choose the .pem file that "
                "the service was started with."
            )
        if isinstance(error, ssl.SSLError) and not isinstance(error, ssl.SSLEOFError | ssl.SSLZeroReturnError):
            return NonsenseError(
                f"{url} does not speak TLS ({error.reason}). Check the address: is it http, or another port?"
            )
        if isinstance(error, TimeoutError):
            return UnreachableError(f"The vlogger service at {url} does not answer. It may be busy or hung.")
        if isinstance(error, OSError):
            return UnreachableError(
                f"The vlogger service at {url} can't be reached ({error.strerror or 'it hung up'})."
            )
        if isinstance(error, http.client.IncompleteRead):
            return UnreachableError(f"The vlogger service at {url} broke off in the middle of an answer.")
        if isinstance(error, http.client.HTTPException | ValueError):
            return self._nonsense("no HTTP")
        return None


class _Sending:
    """A file on its way: read block by block, so that it never is in memory whole."""

    def __init__(self, path: Path, tell: Callable[[float], bool]) -> None:
        self._path = path
        self._tell = tell
        self.begun = False
        try:
            self._file = path.open("rb")
            self._size = os.fstat(self._file.fileno()).st_size
        except OSError as error:
            raise self._unreadable(error) from error

    def __enter__(self) -> _Sending:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def __len__(self) -> int:
        return self._size

    def rewind(self) -> None:
        self._file.seek(0)

    def read(self, size: int) -> bytes:
        """The next block, as http.client asks for it."""
        at = self._file.tell()
        if not self._tell(at / self._size if self._size else 1.0):
            raise StoppedError
        self.begun = True
        try:
            block = self._file.read(min(size, self._size - at))
        except OSError as error:
            raise self._unreadable(error) from error
        if not block and at < self._size:
            raise AddonError(f"{self._path} became shorter while it was sent. Try again when it is complete.")
        return block

    def _unreadable(self, error: OSError) -> AddonError:
        return AddonError(f"{self._path} can't be read ({error.strerror or error}). Check its permissions.")


@contextmanager
def _writing(path: Path) -> Iterator[None]:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield
    except OSError as error:
        if error.errno == errno.ENOSPC:
            raise AddonError(f"The disk is full: {path.parent} could not be written to. Free some space.") from error
        raise AddonError(
            f"{path.parent} can't be written to ({error.strerror or error}). Choose another folder for takes."
        ) from error
