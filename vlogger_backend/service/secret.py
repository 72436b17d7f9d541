"""The token, in a file that only its user can read."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from ..files import write_secret

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
