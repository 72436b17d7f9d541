"""Where the service listens, and by which names honest clients reach it there."""

from __future__ import annotations

import contextlib
import errno
import ipaddress
import socket
import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from ..errors import InputError

_BACKLOG = 2048


@dataclass(frozen=True)
class Address:
    """Where the service listens.

    host : as it was asked for: a name or an address
    ip   : the address that it is bound to
    """

    host: str
    ip: str
    port: int
    secure: bool

    @property
    def scheme(self) -> str:
        return "https" if self.secure else "http"

    @property
    def local(self) -> bool:
        """Only programs on this machine can reach it."""
        return ipaddress.ip_address(self.ip).is_loopback

    @property
    def url(self) -> str:
        host = socket.gethostname() if self._everywhere else self.host
        return f"{self.scheme}://{f'[{host}]' if ':' in host else host}:{self.port}"

    def is_ours(self, given: str) -> bool:
        """Is this `Host` header one by which an honest client reaches us?

        Bound to every address of the machine, any address will do: a rebound name is never an address.
        """
        if any(character in given for character in "@/?#\\ \t"):
            return False
        try:
            parts = urlsplit(f"//{given.lower()}")
            name, port = parts.hostname or "", parts.port
        except ValueError:
            return False
        if (port or (443 if self.secure else 80)) != self.port:
            return False
        names = {self.host.lower(), self.ip}
        if self.local or self._everywhere:
            names |= {"localhost", "127.0.0.1", "::1"}
        if self._everywhere:
            own = socket.gethostname().lower()
            names |= {own, f"{own}.local"}
        return name in names or (self._everywhere and _is_address(name))

    @property
    def _everywhere(self) -> bool:
        return ipaddress.ip_address(self.ip).is_unspecified


@contextlib.contextmanager
def listening(
    host: str, port: int, certificate: Path | None = None, key: Path | None = None
) -> Iterator[tuple[socket.socket, Address]]:
    """A socket that clients can connect to, and where it is; it is not passed on to child processes.

    Raises InputError if the address or the certificate can't be used, or other machines could listen to the token.
    """
    _check_certificate(certificate, key)
    try:
        family, _, _, _, place = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        if certificate is None and not ipaddress.ip_address(place[0]).is_loopback:
            raise InputError(
                f"{host} can be reached from other machines, where the token could be read on its way; "
                "give a certificate with --certificate and --key (docs/security.md says how to make one)."
            )
        listener = socket.create_server(place[:2], family=family, backlog=_BACKLOG)
    except (OSError, OverflowError, UnicodeError) as error:
        number = getattr(error, "errno", None)
        if number in (errno.EADDRINUSE, errno.EACCES):
            reason = "taken by another program" if number == errno.EADDRINUSE else "not allowed to you"
            raise InputError(f"The port {port} is {reason}; leave --port out for a free one.") from error
        raise InputError(f"{host} is no address of this machine; leave --host out, or give one that is.") from error
    with listener:
        ip, port = listener.getsockname()[:2]
        yield listener, Address(host, ip, port, secure=certificate is not None)


def _check_certificate(certificate: Path | None, key: Path | None) -> None:
    """See that the certificate can be used before anything else is done."""
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


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
