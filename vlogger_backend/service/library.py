"""The folder that holds everything: results, running work, uploads, and the list of jobs.

Results are made in `work/` and come to `jobs/` by one rename; they leave it by one rename, too, before they are
removed. So a folder in `jobs/` is always whole.
"""

from __future__ import annotations

import errno
import os
import re
import secrets
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

from ..errors import InputError
from .store import Store

QUOTA = 20_000_000_000
"""Bytes that results and uploads may take together."""
_LIST = "jobs.sqlite"
_OURS = ("service.json", "token", "jobs", "work", "uploads")
"""What may be in a library that has no list of jobs yet."""
_UPLOAD = re.compile(r"[0-9a-f]{64}")
_JOB = re.compile(r"[0-9a-f]{32}")


@dataclass(frozen=True)
class Upload:
    """A file that a client sent; `age` in seconds, never negative."""

    id: str
    path: Path
    size: int
    age: float


@dataclass(frozen=True)
class Library:
    """An open library; `quota` in bytes. `close` it when done, so that another service can have it."""

    folder: Path
    quota: int
    store: Store

    @property
    def jobs(self) -> Path:
        return self.folder / "jobs"

    @property
    def work(self) -> Path:
        return self.folder / "work"

    @property
    def uploads(self) -> Path:
        return self.folder / "uploads"

    def close(self) -> None:
        self.store.close()

    def find_uploads(self) -> Iterator[Upload]:
        """All uploads, in no order."""
        now = time.time()
        for path in self.uploads.iterdir():
            if _UPLOAD.fullmatch(path.stem):
                try:
                    status = path.stat()
                except FileNotFoundError:
                    continue
                yield Upload(path.stem, path, status.st_size, max(0.0, now - status.st_mtime))

    def upload(self, id: str) -> Path:
        """The file of an upload. Raises InputError if it is not here."""
        if _UPLOAD.fullmatch(id):
            for path in self.uploads.glob(f"{id}*"):
                if path.stem == id:
                    return path
        raise InputError(f"There is no upload {id[:80]}; send the file again.")

    def work_folder(self, id: str, attempt: int) -> Path:
        return self.work / f"{id}-{attempt}"

    def job_folder(self, id: str) -> Path:
        return self.jobs / id

    def begin(self, id: str, attempt: int) -> Path:
        """Make the empty folder of a run. Raises OSError."""
        folder = self.work_folder(id, attempt)
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        return folder

    def settle(self, id: str, attempt: int) -> int:
        """Make the files of a run ready to be kept: only results, all on disk. Returns their bytes; raises OSError."""
        folder = self.work_folder(id, attempt)
        if (folder / "pieces").exists():
            _insist(lambda: shutil.rmtree(folder / "pieces"), patience=10.0)
        size = 0
        for root, _, names in os.walk(folder):
            for name in names:
                size += _sync_file(Path(root, name))
            sync_folder(Path(root))
        return size

    def keep(self, id: str, attempt: int) -> None:
        """Turn the settled files of a run into the results of the job. Raises OSError."""
        _insist(lambda: os.rename(self.work_folder(id, attempt), self.job_folder(id)), patience=10.0)
        sync_folder(self.jobs)
        sync_folder(self.work)

    def take_away(self, id: str) -> Path | None:
        """Take the results of a job out of `jobs/`; returns where they are until `remove`. Raises OSError."""
        away = self.work / f"{id}-removed-{secrets.token_hex(4)}"
        try:
            _insist(lambda: os.rename(self.job_folder(id), away), patience=0.5)
        except FileNotFoundError:
            return None
        sync_folder(self.jobs)
        return away

    def sweep(self, kept: Collection[str]) -> None:
        """Remove what a kill left behind: all work, half-written files, and the results of all but the `kept` jobs.

        Only for a library in which nothing runs.
        """
        for path in self.work.iterdir():
            remove(path)
        for path in self.jobs.iterdir():
            if _JOB.fullmatch(path.name) and path.name not in kept:
                remove(path)
        for path in self.uploads.glob(".*"):
            remove(path)
        for path in self.folder.glob(".*"):
            if path.is_file() and path.name.endswith(
                ("service.json", "token", _LIST, f"{_LIST}-journal", f"{_LIST}-wal")
            ):
                remove(path)


def open_library(folder: Path, quota: int = QUOTA) -> Library:
    """Open the library at `folder`, or make one there, which only its user can read.

    Raises InputError if it can't be used: in use by another service, not writable, damaged, from a newer version, or
    a folder that holds other things.
    """
    folder = Path(folder).absolute()
    try:
        _check_folder(folder)
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for name in ("", "jobs", "work", "uploads"):
            (folder / name).mkdir(mode=0o700, exist_ok=True)
            _try_writing(folder / name)
    except OSError as error:
        raise _cannot_use(folder, error) from error
    if (folder / "jobs").stat().st_dev != (folder / "work").stat().st_dev:
        raise InputError(f"The folders jobs and work of the library {folder} are on two disks; put them on one.")
    return Library(folder, quota, Store(folder / _LIST))


def remove(path: Path) -> None:
    """Remove a file, or a folder with all that is in it, as far as the system lets us."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        try:
            path.unlink()
        except OSError:
            return  # the next start tries again


def _check_folder(folder: Path) -> None:
    """Refuse a folder with other things in it, and one whose results have lost their list."""
    if not folder.is_dir() or (folder / _LIST).exists():
        return
    jobs = folder / "jobs"
    others = [path.name for path in folder.iterdir() if path.name not in _OURS and not path.name.startswith(".")]
    if others or (jobs.is_dir() and any(jobs.iterdir())):
        raise InputError(
            f"The folder {folder} is not empty and holds no list of jobs ({_LIST}); choose an empty one with --library."
        )


def _try_writing(folder: Path) -> None:
    try:
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        if error.errno != errno.ENOSPC:  # on a full disk one can still read, and make room
            raise


def _cannot_use(folder: Path, error: OSError) -> InputError:
    if error.errno == errno.EROFS:
        reason = "it is on a disk that can only be read"
    elif isinstance(error, PermissionError):
        reason = "there is no permission to write there"
    elif isinstance(error, FileExistsError | NotADirectoryError):
        reason = "there is a file where a folder should be"
    else:
        reason = error.strerror or str(error)
    return InputError(f"The library {folder} can't be used: {reason}. Choose another with --library.")


def _sync_file(path: Path) -> int:
    """See that a file's bytes are on disk; returns how many they are."""
    with open(path, "rb+") as file:
        os.fsync(file.fileno())
        return os.fstat(file.fileno()).st_size


def sync_folder(path: Path) -> None:
    """See that the names in a folder are on disk; Windows can't and needn't be asked."""
    if sys.platform == "win32":
        return
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _insist(do: Callable[[], None], patience: float) -> None:
    """Rename or remove. Windows refuses while someone reads a file that it touches: then it is tried for a while."""
    deadline = time.monotonic() + (patience if sys.platform == "win32" else 0.0)
    while True:
        try:
            return do()
        except PermissionError:
            if time.monotonic() >= deadline:
                raise
            time.sleep(0.05)
