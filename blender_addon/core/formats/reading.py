"""Any performance that the add-on can read, by the file's ending and what is in it."""

from __future__ import annotations

from pathlib import Path

from ..arrays import array_names
from ..descriptions import Descriptions
from ..errors import AddonError
from ..take import Take, read_take
from .amass import is_sequence, read_amass
from .bvh import read_bvh
from .livelink import read_live_link
from .rhubarb import read_rhubarb

SUFFIXES = (".npz", ".bvh", ".csv", ".json")


def read_performance(path: Path, fps: float, descriptions: Descriptions) -> Take:
    """Read a take, AMASS, SMPL-X or BEAT2 (.npz), a BVH (.bvh), Live Link Face (.csv) or Rhubarb's mouth cues (.json).

    `fps` is for those that have no frames of their own; `descriptions` tell the bones of a BVH apart.

    Raises AddonError if it is none of these, or can't be read.
    """
    suffix = path.suffix.lower()
    if suffix == ".npz":
        return read_take(path) if is_take(path) else read_amass(path, fps)
    if suffix == ".bvh":
        return read_bvh(path, descriptions)
    if suffix == ".csv":
        return read_live_link(path)
    if suffix == ".json":
        return read_rhubarb(path, fps)
    raise AddonError(f"{path.name} is no performance that can be read. Choose one that ends in {', '.join(SUFFIXES)}.")


def is_take(path: Path) -> bool:
    """Whether a file is a take of our own, or nothing else that is known.

    Raises AddonError if it can't be read.
    """
    return path.suffix.lower() == ".npz" and not is_sequence(
        array_names(path, "performance", "Choose a take, or an .npz of AMASS, SMPL-X or BEAT2.")
    )
