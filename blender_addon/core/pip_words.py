"""What pip says: how far it is, and in one sentence why it failed."""

from __future__ import annotations

import platform
import re
from collections.abc import Sequence

PROGRESS = r"Progress \d+ of \d+$"
"""Lines of `--progress-bar=raw`."""
_FETCHED, _INSTALLED = 0.75, 1.0
"""How far the whole is once all is fetched, and installed."""
_OFFLINE = (
    "Temporary failure in name resolution|Name or service not known|getaddrinfo failed|nodename nor servname|"
    "Network is unreachable|No route to host|Failed to establish a new connection|NewConnectionError|"
    "Connection refused|ConnectTimeoutError|ReadTimeoutError|Read timed out|Connection aborted|Connection reset|"
    "NameResolutionError|Could not fetch URL|dns error|error sending request|IncompleteRead|Connection broken"
)
_REASONS = (
    (
        r"No space left on device|Errno (28|122)\b|WinError 112\b|not enough space on the disk|Disk quota exceeded",
        "The disk is full. Free some space and press Install again; what was downloaded is kept.",
    ),
    (
        r"WinError 206\b|Long Path support|filename or extension is too long",
        "Windows refuses paths of more than 260 characters here. Switch on long paths, as "
        "https://pip.pypa.io/warnings/enable-long-paths describes, and press Install again.",
    ),
    (
        r"ProxyError|Cannot connect to proxy|407 Proxy Authentication|Tunnel connection failed",
        "The proxy of this network can't be used. Set HTTPS_PROXY to its address (with user and password, if it asks "
        "for them), start Blender anew and press Install again.",
    ),
    (
        r"CERTIFICATE_VERIFY_FAILED|SSLCertVerificationError|SSLError|invalid peer certificate|UnknownIssuer",
        "The download servers' certificates are not trusted: something in this network reads along, or this machine's "
        "clock is wrong. Set the clock, or PIP_CERT to the .pem file of the network's administrator, and press Install "
        "again.",
    ),
    (
        r"DO NOT MATCH THE HASHES|BadZipFile|is not a valid wheel|has an invalid wheel|hash mismatch",
        "A download came damaged. Press Install again.",
    ),
    (
        _OFFLINE,
        "The download servers can't be reached. Check the network and press Install again; what was "
        "downloaded is kept.",
    ),
    (
        r"WinError (5|32)\b|Access is denied|being used by another process",
        "Windows refused to write a file, as it does when a virus scanner or another program has it open. Press "
        "Install again.",
    ),
    (
        r"Permission denied|Errno 13\b|Read-only file system",
        "A file could not be written. Check the permissions of the folder.",
    ),
)


class Progress:
    """Reads pip's lines as they come. `expected` are the bytes that will be fetched, about."""

    def __init__(self, expected: int) -> None:
        self.words = ""
        self.packages: tuple[str, ...] = ()
        self._expected = expected
        self._fetched = 0
        self._of_file = 0
        self._file = ""

    def hear(self, line: str) -> None:
        """Take in a line; `words` is then what to show of it."""
        if match := re.match(r"Progress (\d+) of (\d+)$", line):
            done, size = int(match[1]), int(match[2])
            self._of_file = min(done, size)
            self.words = f"Downloading {self._file}: {done / 1e6:.0f} of {size / 1e6:.0f} MB"
            return
        self.words = words_of(line) or self.words
        if match := re.match(r"Downloading (\S+)", line):
            self._fetched, self._of_file = self._fetched + self._of_file, 0
            self._file = re.split(r"[-_]\d", match[1].rpartition("/")[2])[0]
        elif match := re.match(r"Installing collected packages: (.+)", line):
            self.packages = tuple(plain_name(name) for name in match[1].split(", "))
            self.words = f"Unpacking {len(self.packages)} packages"

    def done(self, installed: int) -> float:
        """How far the whole is, 0 to 1; `installed` is how many packages are."""
        if self.packages:
            return _FETCHED + (_INSTALLED - _FETCHED) * min(installed / len(self.packages), 1.0)
        return _FETCHED * min((self._fetched + self._of_file) / self._expected, 0.97)


def words_of(line: str) -> str:
    """What to show of a line, "" if nothing."""
    return "" if line.startswith(("WARNING", "DEPRECATION")) else line.partition(" (from ")[0]


def plain_name(package: str) -> str:
    """A package's name as all its spellings have in common."""
    return re.sub(r"[-_.]+", "-", package).lower()


def why(lines: Sequence[str]) -> str:
    """The reason that pip's last lines give, in one sentence for the user."""
    text = "\n".join(lines[-60:])
    for pattern, sentence in _REASONS:
        if re.search(pattern, text):
            return sentence
    if match := re.search(r"No matching distribution found for (\S+)|satisfies the requirement (\S+)", text):
        name = re.split(r"[<>=!~;\[]", match[1] or match[2])[0]
        return (
            f"There is no {name} for this system ({platform.system()} {platform.machine()}), so the backend can't "
            "run on it. Use one on another machine."
        )
    errors = [line for line in lines if line.lower().startswith("error")] or list(lines[-1:])
    said = f" It said: {errors[-1]}" if errors else ""
    return f"The backend's packages could not be installed.{said} Press Install again; if it stays so, copy the report."
