"""The folder with the backend's own environment: what in it counts, what is left over, and taking it away.

    env-1/                       an environment
    env-1/vlogger.json           says what it is; it counts
    env-2/vlogger-incomplete.json    one that is being made or removed; it does not count
    downloads/                   what pip has fetched, kept until an installation is complete
    temporary/                   of an installation that is under way
    lock                         held by the Blender that is changing something

An environment's file is renamed when everything else of it is there, and renamed back before the first of its files is
deleted. So one that was half made or half removed never counts, whatever was killed when, however full the disk is.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import stat
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from .errors import AddonError

_COMPLETE, _INCOMPLETE = "vlogger.json", "vlogger-incomplete.json"
_LOCK = "lock"
_NAME = re.compile(r"env-([1-9]\d{0,5})")


@dataclass(frozen=True)
class Environment:
    """A complete environment. `size` is in bytes; `notes` are sentences on what does not work on this machine."""

    folder: Path
    version: str
    python_version: str
    size: int
    notes: tuple[str, ...] = ()

    @property
    def python(self) -> Path:
        return python_in(self.folder)

    @property
    def has_python(self) -> bool:
        """Whether its Python is still there: it leads to the one that it was made with, which may be gone."""
        try:
            lines = (self.folder / "pyvenv.cfg").read_text("utf-8").splitlines()
            homes = [
                Path(value.strip())
                for name, _, value in (line.partition("=") for line in lines)
                if name.strip() == "home"
            ]
            return self.python.exists() and all(home.is_dir() for home in homes)
        except (OSError, ValueError):
            return False


class BackendFolder:
    """The folder at `root`, which need not be there. Only `locked` makes it; what changes something needs that."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.downloads = root / "downloads"
        self.temporary = root / "temporary"

    def current(self) -> Environment | None:
        """The environment that counts: the latest that is complete."""
        for folder in reversed(self._environments()):
            written = _read(folder / _COMPLETE)
            with suppress(KeyError, TypeError, ValueError):
                return Environment(
                    folder,
                    str(written["version"]),
                    str(written["python_version"]),
                    int(written["size"]),
                    tuple(str(note) for note in written["notes"]),
                )
        return None

    def begin(self) -> Path:
        """Make the folder of a new environment, which does not count yet."""
        numbers = [int(match[1]) for path in self._entries() if (match := _NAME.fullmatch(path.name))]
        folder = self.root / f"env-{max(numbers, default=0) + 1}"
        folder.mkdir()
        _write(folder / _INCOMPLETE, {})
        return folder

    def complete(self, environment: Environment) -> None:
        """From now on it counts, and those before it don't. What was in it the first time is its own."""
        folder = environment.folder
        owned = _read(folder / _COMPLETE).get("owned") or sorted({"python", *(path.name for path in folder.iterdir())})
        facts = {name: value for name, value in asdict(environment).items() if name != "folder"}
        _write(folder / _INCOMPLETE, {**facts, "owned": owned})
        _persistently((folder / _INCOMPLETE).replace, folder / _COMPLETE)

    def clean(self) -> None:
        """Take away what was left over, but for the downloads; what can't be deleted now stays for the next time."""
        for path in self.leftovers():
            with suppress(OSError):
                _remove_tree(path) if path == self.temporary else _remove_environment(path)

    def leftovers(self) -> list[Path]:
        """What `clean` takes away."""
        current = self.current()
        others = [folder for folder in self._environments() if current is None or folder != current.folder]
        return [*others, *([self.temporary] if self.temporary.is_dir() else [])]

    def forget_downloads(self) -> None:
        """Take away what pip has fetched; what can't be deleted stays."""
        with suppress(OSError):
            _remove_tree(self.downloads)

    def remove(self) -> list[Path]:
        """Take away all that was installed, and return what remains because the add-on did not make it.

        Raises AddonError if something can't be deleted. No environment counts any more, even so.
        """
        try:
            for folder in self._environments():
                _discount(folder)
            for folder in self._environments():
                _remove_environment(folder)
            for folder in (self.temporary, self.downloads):
                _remove_tree(folder)
        except OSError as error:
            raise AddonError(
                f"{error.filename or self.root} can't be deleted ({error.strerror or error}). If another program uses "
                "it, end that, for instance another Blender; then press Remove again."
            ) from error
        return [path for path in self._entries() if path.name != _LOCK]

    def free(self) -> int:
        """Bytes that can be written where the folder is, or will be."""
        place = next(place for place in (self.root, *self.root.parents) if place.is_dir())
        return shutil.disk_usage(place).free

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Make the folder, and keep other Blenders from changing it; the lock goes with the process, also if killed.

        If the folder is empty at the end, it is gone.

        Raises AddonError if another holds the lock, or the folder can't be written to.
        """
        path = self.root / _LOCK
        try:
            self.root.mkdir(parents=True, exist_ok=True)
            file = path.open("a+b")
        except OSError as error:
            raise AddonError(
                f"{self.root} can't be written to ({error.strerror or error}). Check its permissions."
            ) from error
        if not _lock(file.fileno()):
            file.close()
            raise AddonError("Another Blender is installing or removing the backend. Wait until it is done.")
        try:
            yield
        finally:
            file.close()
            if all(entry.name == _LOCK for entry in self._entries()):
                with suppress(OSError):
                    path.unlink()
                    self.root.rmdir()

    def _entries(self) -> list[Path]:
        try:
            return sorted(self.root.iterdir())
        except OSError:
            return []

    def _environments(self) -> list[Path]:
        """Those that the add-on made, complete or not, the oldest first. One that is empty was only just begun."""
        found = [
            path for path in self._entries() if _NAME.fullmatch(path.name) and path.is_dir() and not path.is_symlink()
        ]
        ours = [path for path in found if _marked(path) or not any(path.iterdir())]
        return sorted(ours, key=lambda path: int(path.name.partition("-")[2]))


def usual_root(user_folder: Path) -> Path:
    """Where the backend is installed: in the add-on's own folder for the user's files.

    Not on Windows: there that folder travels with the user from machine to machine, and its path is so long that
    files of PyTorch would exceed the 260 characters that a path may have.
    """
    local = os.environ.get("LOCALAPPDATA", "")
    return Path(local) / "vlogger" if sys.platform == "win32" and local else user_folder / "backend"


def python_in(environment: Path) -> Path:
    """The Python of a virtual environment, whether or not it is there."""
    return environment / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")


def size_of(folder: Path) -> int:
    """Bytes that the files of a folder take."""
    total = 0
    for at, _, files in os.walk(folder):
        for name in files:
            with suppress(OSError):
                total += os.lstat(os.path.join(at, name)).st_size
    return total


def _marked(folder: Path) -> bool:
    return (folder / _COMPLETE).is_file() or (folder / _INCOMPLETE).is_file()


def _read(path: Path) -> dict[str, Any]:
    try:
        written = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return {}
    return written if isinstance(written, dict) else {}


def _write(path: Path, facts: dict[str, Any]) -> None:
    new = path.with_name(f".{path.name}")
    with new.open("w", encoding="utf-8") as file:
        json.dump(
            {"of": "the vlogger add-on, which deletes this folder when it needs it no more", **facts}, file, indent=1
        )
        file.flush()
        os.fsync(file.fileno())
    _persistently(new.replace, path)


def _discount(folder: Path) -> None:
    if (folder / _COMPLETE).is_file():
        _persistently((folder / _COMPLETE).replace, folder / _INCOMPLETE)


def _remove_environment(folder: Path) -> None:
    """Delete an environment, but not what was put into it after it was complete."""
    _discount(folder)
    owned = _read(folder / _INCOMPLETE).get("owned")
    for path in folder.iterdir():
        if path.name != _INCOMPLETE and (not isinstance(owned, list) or path.name in owned):
            _remove_tree(path)
    if all(path.name == _INCOMPLETE for path in folder.iterdir()):
        _remove_tree(folder)


def _remove_tree(path: Path) -> None:
    """Delete a file, a link (not what it leads to), or a folder with all that is in it, if it is there."""
    if path.is_dir() and not path.is_symlink():
        _persistently(shutil.rmtree, path)
    else:
        _persistently(path.unlink, True)


def _persistently(act: Callable[..., object], *arguments: object) -> None:
    """Windows refuses what can't be written to, and for a moment what a virus scanner or an ending program has open."""
    for pause in (0.1, 0.5, 2.0) if sys.platform == "win32" else ():
        try:
            act(*arguments)
            return
        except PermissionError as error:
            with suppress(OSError):
                os.chmod(error.filename, stat.S_IREAD | stat.S_IWRITE)
            time.sleep(pause)
    act(*arguments)


def _lock(number: int) -> bool:
    """Lock an open file; False if another process has. Where none can be locked (some network folders), it is True."""
    try:
        if sys.platform == "win32":
            import msvcrt

            msvcrt.locking(number, msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(number, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError):
        return False
    except OSError:
        return True
    return True
