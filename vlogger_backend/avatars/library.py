"""The avatars at hand: the default body ships with the package, any other is built once and kept."""

from __future__ import annotations

import hashlib
import json
import os
import time
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path

from .. import __version__
from ..errors import InputError
from ..files import lock, remove_leftovers
from ..folders import cache_folder
from ..progress import Progress, no_progress
from ..request import Body
from .avatar import Avatar
from .storage import FORMAT, SHIPPED, read_avatar, save_avatar

_WAIT = 0.1
"""Seconds between two looks at whether another process has finished its avatar."""
_UNREADABLE = (OSError, ValueError, KeyError, EOFError, TypeError, zipfile.BadZipFile)


def load_avatar(body: Body | None = None, progress: Progress = no_progress) -> Avatar:
    """The built-in avatar with these sliders, the default ones if `body` is None.

    The default bodies of a man and a woman are read from the package in a moment. Any other is built, which takes some
    seconds (a minute or two the first time ever), and kept in the user's cache folder; a damaged cache file is rebuilt.

    Raises InputError if a body has to be built and can't be kept.
    """
    body = body or Body()
    if body in SHIPPED:
        return read_avatar(SHIPPED[body])
    kept = kept_folder() / f"{_key(body)}.npz"
    if kept.exists():
        try:
            return read_avatar(kept)
        except _UNREADABLE:
            kept.unlink(missing_ok=True)
    from .build import build_avatar

    try:
        kept.parent.mkdir(parents=True, exist_ok=True)
        if not os.access(kept.parent, os.W_OK):
            raise PermissionError(f"no permission to write in {kept.parent}")
        with _alone(kept.parent, progress):
            remove_leftovers(kept.parent)
            if not kept.exists():
                save_avatar(build_avatar(body, progress), kept)
    except OSError as error:
        raise InputError(
            f"The avatar could not be built and kept ({error}). Set VLOGGER_CACHE and ANNY_CACHE_DIR to folders that "
            "can be written and have 2 GB free."
        ) from error
    return read_avatar(kept)


@contextmanager
def _alone(folder: Path, progress: Progress) -> Iterator[None]:
    """Wait until no other process builds an avatar: the first one fills Anny's cache, and each takes a gigabyte.

    The lock ends with the process that holds it, whatever happens to that.
    """
    with open(folder / "building", "ab") as file:
        while not lock(file):
            progress("Waiting for another avatar to be built", 0.0)
            time.sleep(_WAIT)
        yield


def kept_folder() -> Path:
    """Where built avatars are kept."""
    return cache_folder() / "avatars"


def _key(body: Body) -> str:
    """Names a body and the code that built it: another slider, format or release is another file."""
    made_by = {"body": asdict(body), "format": FORMAT, "anny": version("anny"), "vlogger": __version__}
    return hashlib.sha256(json.dumps(made_by, sort_keys=True).encode()).hexdigest()[:24]
