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
        names = array_names(path, "performance", "Choose a take, or an .npz of AMASS, SMPL-X or BEAT2.")
        return read_amass(path, fps) if is_sequence(names) else read_take(path)
    if suffix == ".bvh":
        return read_bvh(path, descriptions)
    if suffix == ".csv":
        return read_live_link(path)
    if suffix == ".json":
        return read_rhubarb(path, fps)
    raise AddonError(f"{path.name} is no performance that can be read. Choose one that ends in {', '.join(SUFFIXES)}.")
