"""Where our files of a user are, by the system's own custom."""

from __future__ import annotations

import os
import sys
from pathlib import Path


def cache_folder() -> Path:
    """For what can be made again: `VLOGGER_CACHE`, or ours in the user's usual folder for caches."""
    return _ours("VLOGGER_CACHE", "Caches", "XDG_CACHE_HOME", Path(".cache"))


def data_folder() -> Path:
    """For what can't: `VLOGGER_DATA`, or ours in the user's usual folder for the data of programs."""
    return _ours("VLOGGER_DATA", "Application Support", "XDG_DATA_HOME", Path(".local", "share"))


def _ours(variable: str, on_mac: str, in_xdg: str, at_home: Path) -> Path:
    if chosen := os.environ.get(variable):
        return Path(chosen)
    if sys.platform == "win32":
        root = Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
    elif sys.platform == "darwin":
        root = Path.home() / "Library" / on_mac
    else:
        root = Path(os.environ.get(in_xdg) or Path.home() / at_home)
    return root / "vlogger"
