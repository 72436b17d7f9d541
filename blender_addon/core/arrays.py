"""Reading `.npz` files that may have come from anywhere. Pickles are never read."""

from __future__ import annotations

import zipfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .errors import AddonError

Arrays = dict[str, NDArray[Any]]


def read_arrays(path: Path, names: Iterable[str], what: str, optional: Iterable[str] = ()) -> Arrays:
    """The arrays `names` of an `.npz` file, and those of `optional` that it has; `what` is the kind of file, in words.

    Raises AddonError if the file is absent, damaged, or has not all of `names`.
    """
    try:
        opened = np.load(path, allow_pickle=False)
        if not isinstance(opened, np.lib.npyio.NpzFile):
            raise ValueError("it is a single array")
        with opened as file:
            missing = sorted(set(names) - set(file.files))
            if missing:
                raise ValueError(f"it has no {', '.join(missing)}")
            return {name: file[name] for name in (*names, *(name for name in optional if name in file.files))}
    except FileNotFoundError as error:
        raise AddonError(f"There is no {what} at {path}. Choose another file.") from error
    except (OSError, EOFError, ValueError, zipfile.BadZipFile) as error:
        raise AddonError(f"{path} is not a {what} ({error}). Choose an .npz file that vlogger wrote.") from error
