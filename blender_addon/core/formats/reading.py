"""Any performance that the add-on can read, by the file's ending."""

from __future__ import annotations

from pathlib import Path

from ..errors import AddonError
from ..take import Take, read_take
from .livelink import read_live_link
from .rhubarb import read_rhubarb

SUFFIXES = (".npz", ".csv", ".json")


def read_performance(path: Path, fps: float) -> Take:
    """Read a take (.npz), a Live Link Face capture (.csv) or Rhubarb's mouth cues (.json).

    `fps` is for those that have no frames of their own.

    Raises AddonError if it is none of these, or can't be read.
    """
    suffix = path.suffix.lower()
    if suffix == ".npz":
        return read_take(path)
    if suffix == ".csv":
        return read_live_link(path)
    if suffix == ".json":
        return read_rhubarb(path, fps)
    raise AddonError(f"{path.name} is no performance that can be read. Choose a file that ends in {', '.join(SUFFIXES)}.")
