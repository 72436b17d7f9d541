"""Writing files so that nothing half-written is ever seen under its final name."""

from __future__ import annotations

import errno
import math
import os
import secrets
import sys
import tempfile
import time
import zipfile
import zlib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from .errors import InputError

if TYPE_CHECKING:
    from numpy.typing import NDArray

LARGEST_ARRAY = 4 << 30
"""Bytes. A day of motion is far below; a file that claims more is damaged or hostile."""
UNREADABLE = (
    OSError, InputError, KeyError, IndexError, AttributeError, ValueError, TypeError, EOFError, RecursionError,
    OverflowError, MemoryError, NotImplementedError, RuntimeError, zipfile.BadZipFile, zipfile.LargeZipFile, zlib.error,
)  # fmt: skip
"""What reading a damaged or hostile file may raise."""
_ABANDONED = 3600.0
"""Seconds after which nobody writes to a temporary file any more."""


@contextmanager
def writing(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`; on success it is flushed to disk and renamed to `path`.

    Whatever goes wrong, Ctrl-C included, the temporary file is removed and an older file at `path` is untouched.
    The folder is made if it is missing. The temporary name ends like `path`, since many writers go by the suffix.

    Raises InputError if the folder can't be made or written to, or the disk is full.
    """
    path = Path(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor, name = tempfile.mkstemp(prefix=".", suffix=path.name, dir=path.parent)
    except OSError as error:
        raise cannot_write(path, error) from error
    os.close(descriptor)
    temporary = Path(name)
    try:
        yield temporary
        with open(temporary, "rb+") as file:
            os.fsync(file.fileno())
        _give_usual_permissions(temporary)
        os.replace(temporary, path)
    except OSError as error:
        raise cannot_write(path, error) from error
    finally:
        temporary.unlink(missing_ok=True)


def check_writable(path: Path) -> None:
    """Can a file be written at `path`? To be asked before long work, and leaves nothing behind.

    Raises InputError if a folder has that name, or nothing can be written into its folder.
    """
    if path.is_dir():
        raise cannot_write(path, IsADirectoryError(errno.EISDIR, ""))
    try:
        folder = next(folder for folder in path.absolute().parents if folder.exists())
        tempfile.TemporaryFile(prefix=".", dir=folder).close()
    except OSError as error:
        raise cannot_write(path, error) from error


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


def lock(file: IO[bytes]) -> bool:
    """Lock an open file, if no other process has; on a disk that knows no locks, go on without.

    The lock ends when the file is closed, or the process ends, whatever happens to that.
    """
    try:
        if sys.platform == "win32":
            import msvcrt

            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        return error.errno not in (errno.EAGAIN, errno.EACCES, errno.EDEADLK)
    return True


def remove_leftovers(folder: Path) -> None:
    """Remove the temporary files (a dot before their names) that a killed process has left in `folder`, not others'."""
    for path in folder.glob(".*"):
        with suppress(OSError):
            if path.is_file() and time.time() - path.stat().st_mtime > _ABANDONED:
                path.unlink()


def write_npz(path: Path, arrays: Mapping[str, NDArray[Any]], packed: bool = True) -> None:
    """Write arrays as one file that numpy reads, compressed or not, without pickles; the same arrays, the same bytes.

    Raises InputError if it can't be written.
    """
    import numpy as np

    method = zipfile.ZIP_DEFLATED if packed else zipfile.ZIP_STORED
    with writing(path) as temporary, zipfile.ZipFile(temporary, "w", method) as file:
        for name, array in arrays.items():
            with file.open(npz_entry(name), "w", force_zip64=not packed) as stream:
                np.lib.format.write_array(stream, np.asarray(array), allow_pickle=False)  # type: ignore[no-untyped-call]


def read_npz(path: Path, wanted: Iterable[str]) -> dict[str, NDArray[Any]]:
    """Read those arrays of a `.npz` that are `wanted` and there, and nothing else of it.

    Raises any of `UNREADABLE` if the file is damaged, or if one of them is larger than what the file holds of it, or
    a pickle, which is never read.
    """
    import numpy as np

    arrays = {}
    with zipfile.ZipFile(path) as archive:
        entries = {entry.filename: entry for entry in archive.infolist()}
        for name in wanted:
            if entry := entries.get(f"{name}.npy"):
                with archive.open(entry) as stream:
                    _check_header(name, entry.file_size, stream)
                with archive.open(entry) as stream:
                    arrays[name] = np.lib.format.read_array(stream, allow_pickle=False)
    return arrays


def _check_header(name: str, size: int, stream: IO[bytes]) -> None:
    """Refuse an array that claims more than the file holds, before memory is asked for it."""
    from numpy.lib import format as npy

    first = npy.read_magic(stream) == (1, 0)
    shape, _, dtype = npy.read_array_header_1_0(stream) if first else npy.read_array_header_2_0(stream)
    if dtype.hasobject:
        raise ValueError(f"its {name} is a pickle, which might run a program")
    if math.prod(shape) * dtype.itemsize > min(size, LARGEST_ARRAY):
        raise ValueError(f"its {name} claims to be an array of {shape}")


def npz_entry(name: str) -> str:
    """An array's place in a `.npz`, for `ZipFile.open`, which gives it the archive's compression and no clock: the same
    arrays are the same bytes. (Of a ZipInfo it would not heed the level.)"""
    return f"{name}.npy"


def cannot_write(path: Path, error: OSError) -> InputError:
    """The sentence for a file that could not be written."""
    if error.errno == errno.ENOSPC:
        return InputError(f"The disk is full: {path} could not be written. Free some space or choose another folder.")
    if isinstance(error, FileExistsError | NotADirectoryError) or error.errno == errno.EISDIR:
        return InputError(
            f"{path} can't be written: a folder has that name, or a file that of its folder. Choose another with -o."
        )
    if isinstance(error, PermissionError) or error.errno == errno.EROFS:
        return InputError(f"{path} can't be written: no permission for that folder. Choose another with -o.")
    return InputError(f"{path} can't be written: {error.strerror or error}. Choose another folder with -o.")


def _give_usual_permissions(path: Path) -> None:
    """mkstemp makes files that only their owner can read; what we write should be like any other new file."""
    mask = os.umask(0)
    os.umask(mask)
    os.chmod(path, 0o666 & ~mask)
