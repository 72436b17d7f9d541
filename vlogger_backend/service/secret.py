"""Files that only their user can read: the token, and where the service is."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

_TOKEN_BYTES = 32


def token_in(path: Path) -> str:
    """The token kept at `path`; a new one if there is none yet, or one that others could have read."""
    try:
        others = 0 if os.name == "nt" else path.stat().st_mode & 0o077
        kept = path.read_text("ascii").strip()
        if not others and len(kept) >= _TOKEN_BYTES:
            return kept
    except (OSError, UnicodeDecodeError):
        pass
    token = secrets.token_urlsafe(_TOKEN_BYTES)
    write_secret(path, token + "\n")
    return token


def write_secret(path: Path, text: str) -> None:
    """Write a file that only its user can read, all at once; it is never there with more rights or less text."""
    temporary = path.with_name(f".{path.name}-{secrets.token_hex(4)}")
    try:
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with open(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
