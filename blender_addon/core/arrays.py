"""Reading `.npz` files that may have come from anywhere. Pickles are never read."""

from __future__ import annotations

import math
import struct
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from .errors import AddonError

Arrays = dict[str, NDArray[Any]]

_LARGEST = 2 << 30
"""Bytes of one array. Hours of motion are below; a file that claims more is damaged or hostile."""
_UNREADABLE = (
    OSError, EOFError, ValueError, TypeError, KeyError, SyntaxError, RuntimeError, MemoryError, OverflowError,
    zipfile.BadZipFile, zlib.error, struct.error,
)  # fmt: skip
"""What reading a damaged or hostile file may raise."""
_ZIP, _ARRAY = b"PK\x03\x04", b"\x93NUM"
_OWN = "Choose an .npz file that vlogger wrote."


def read_arrays(
    path: Path, names: Iterable[str], what: str, optional: Iterable[str] = (), remedy: str = _OWN
) -> Arrays:
    """The arrays `names` of an `.npz` file, and those of `optional` that it has; nothing else of it is read.

    `what` is the kind of file, in words, and `remedy` the sentence that says what to do if this is none.

    Raises AddonError if the file is absent, damaged, or has not all of `names`.
    """
    with _opened(path, what, remedy) as file:
        missing = sorted(set(names) - set(file.files))
        if missing:
            raise ValueError(f"it has no {', '.join(missing)}")
        return {name: _read(file, name) for name in (*names, *(name for name in optional if name in file.files))}


def array_names(path: Path, what: str, remedy: str = _OWN) -> frozenset[str]:
    """The names of the arrays in an `.npz` file, none of which is read.

    Raises AddonError as `read_arrays`.
    """
    with _opened(path, what, remedy) as file:
        return frozenset(file.files)


@contextmanager
def _opened(path: Path, what: str, remedy: str) -> Iterator[np.lib.npyio.NpzFile]:
    """The file, closed afterwards; what goes wrong meanwhile is told in a sentence."""
    try:
        if path.exists() and not path.is_file():  # a pipe would be waited for
            raise ValueError("it is no file but a folder or device")
        with open(path, "rb") as file:
            start = file.read(4)
        if start not in (_ZIP, _ARRAY):
            raise ValueError("it is no .npz")
        opened = np.load(path, allow_pickle=False)
        if not isinstance(opened, np.lib.npyio.NpzFile):
            raise ValueError("it is a single array")
        with opened:
            yield opened
    except FileNotFoundError as error:
        raise AddonError(f"There is no {what} at {path}. Choose another file.") from error
    except zipfile.BadZipFile as error:
        raise AddonError(f"{path} is not a {what} (it is damaged, or its end is missing). {remedy}") from error
    except _UNREADABLE as error:
        reason = (isinstance(error, OSError) and error.strerror) or error
        raise AddonError(f"{path} is not a {what} ({reason}). {remedy}") from error


def _read(file: np.lib.npyio.NpzFile, name: str) -> NDArray[Any]:
    """An array, unless it claims to be larger than what the file holds of it: that is told before memory is asked."""
    archive = file.zip
    if archive is not None and f"{name}.npy" in archive.namelist():
        with archive.open(f"{name}.npy") as entry:
            first = npy.read_magic(entry) == (1, 0)
            shape, _, dtype = npy.read_array_header_1_0(entry) if first else npy.read_array_header_2_0(entry)
        size = archive.getinfo(f"{name}.npy").file_size
        if dtype.hasobject:
            raise ValueError(f"its {name} is a pickle, which might run a program")
        if math.prod(shape) * dtype.itemsize > min(size, _LARGEST):
            raise ValueError(f"its {name} claims to be an array of {shape}")
    return np.asarray(file[name])
