"""A report of an error that a user can copy into a mail: what happened, where, and nothing private.

The panel will draw the sentence of the error, the button that its class names, and Copy Report, which puts this text
on the clipboard.
"""

from __future__ import annotations

import platform
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from .version import VERSION

_HOMES = re.compile(
    r"(?i)\b[a-z]:[\\/]+users[\\/]+(?:[^\\/\"':\n]+(?=[\\/])|[^\\/\s\"':]+)|/+(?:home|users)/+[^/\s\"':]+"
)
"""Anyone's home folder, as the systems write them: a service may run for another user, on another system."""
_SECRETS = re.compile(r"(?i)(bearer\s+|token[\"']?\s*[:=]\s*[\"']?)[\w.~+/=-]+")


def report(error: BaseException, facts: Mapping[str, str], last_lines: Sequence[str] = ()) -> str:
    """The text to copy. `facts` are what the caller knows besides (Blender's version, the service's, the job's id)."""
    known = {"vlogger": VERSION, "System": platform.platform(), "Python": platform.python_version(), **facts}
    parts = [f"{type(error).__name__}: {error}"]
    if error.__cause__ is not None:
        parts.append(f"Because of {type(error.__cause__).__name__}: {error.__cause__}")
    parts += ["", *(f"{name}: {value}" for name, value in known.items())]
    if last_lines:
        parts += ["", "The service said last:", *last_lines]
    return masked("\n".join(parts))


def masked(text: str) -> str:
    """`text` with home folders written as ~, and tokens as dots."""
    home = str(Path.home())
    for form in {home, home.replace("\\", "/"), home.replace("/", "\\")}:
        if len(form) > 1:  # not the root, which would mask every path
            text = re.sub(re.escape(form) + r"(?![\w.-])", "~", text, flags=re.IGNORECASE)
    return _SECRETS.sub(r"\1…", _HOMES.sub("~", text))
