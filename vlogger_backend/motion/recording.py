"""What is known of the file that a take was read from, so that the take can leave as the same file."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..files import read_npz

_WIDEST = 4096
"""Columns of a curve; no pose or expression comes near."""
_STORED = "recording_"
"""In front of the names of the recording's own arrays, in a take's file."""


@dataclass(frozen=True, eq=False)
class Recording:
    """A sequence's file, without its curves, which are the take's.

    file   : its name
    flame  : whether it is of FLAME, which has a head alone
    curves : the arrays that hold curves, by name: their shape, and their type as numpy writes it
    frames : how many frames they have
    room   : (4,) quaternion (w, x, y, z), the turn from the file's axes to the take's
    size   : the take's `trans` is that of the file, turned, times this,
    start  : (3,) less this
    rest   : its other arrays, by name: betas, gender and what else it has
    """

    file: str
    flame: bool
    curves: Mapping[str, tuple[tuple[int, ...], str]]
    frames: int
    room: tuple[float, ...]
    size: float
    start: tuple[float, ...]
    rest: Mapping[str, NDArray[Any]]

    def described(self) -> dict[str, Any]:
        """All but the arrays, for JSON."""
        return {
            "file": self.file,
            "flame": self.flame,
            "curves": {name: [list(shape), dtype] for name, (shape, dtype) in self.curves.items()},
            "frames": self.frames,
            "room": list(self.room),
            "size": self.size,
            "start": list(self.start),
            "rest": list(self.rest),
        }

    def stored(self) -> dict[str, NDArray[Any]]:
        """The arrays, for a take's file."""
        return {f"{_STORED}{name}": array for name, array in self.rest.items()}

    def person(self) -> dict[str, NDArray[Any]]:
        """`betas` (n,) and `gender` of the person, for the tools that read a take as SMPL-X; of FLAME none."""
        found: dict[str, NDArray[Any]] = {}
        betas, gender = self.rest.get("betas"), self.rest.get("gender")
        if not self.flame and betas is not None and betas.dtype.kind == "f" and betas.size:
            found["betas"] = betas.reshape(-1, betas.shape[-1] if betas.ndim else 1)[0].astype(np.float32)
        if gender is not None and gender.dtype.kind in "US" and gender.ndim == 0:
            found["gender"] = gender
        return found

    @classmethod
    def read(cls, path: Path, described: Mapping[str, Any]) -> Recording:
        """From a take's file and what `described` gave for it.

        Raises any of `files.UNREADABLE`.
        """
        names = [str(name) for name in described["rest"]]
        arrays = read_npz(path, [f"{_STORED}{name}" for name in names])
        room, start = tuple(map(float, described["room"])), tuple(map(float, described["start"]))
        size = float(described["size"])
        told = len(room) == 4 and len(start) == 3 and np.isfinite([*room, *start, size]).all()
        if not told or size <= 0 or abs(math.hypot(*room) - 1) > 1e-3:
            raise ValueError("it doesn't tell where its recording was")
        curves = {str(n): (tuple(map(int, s)), np.dtype(str(d)).str) for n, (s, d) in described["curves"].items()}
        for shape, dtype in curves.values():
            if np.dtype(dtype).kind not in "fiu" or min(shape, default=0) < 0 or math.prod(shape[1:]) > _WIDEST:
                raise ValueError("it doesn't tell what its recording had")
        return cls(
            file=str(described["file"]),
            flame=bool(described["flame"]),
            curves=curves,
            frames=int(described["frames"]),
            room=room,
            size=size,
            start=start,
            rest={name: arrays[f"{_STORED}{name}"] for name in names},
        )
