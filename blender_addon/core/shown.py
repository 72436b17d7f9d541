"""A take as the scene shows it: on its frames and with its dials, as a file for the service, and as pictures."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from .errors import AddonError
from .rotations import from_vectors, inverse, multiply, to_vectors
from .take import Take

Floats = NDArray[np.float64]


def sampled(take: Take, places: Floats, fps: float) -> Take:
    """The take at `places` (N,), counted in its own frames, fractions too, as one that runs at `fps`."""
    places = np.clip(places, 0, len(take) - 1)
    whole = np.rint(places)
    if np.allclose(places, whole, atol=1e-3):
        chosen = whole.astype(int)
        return replace(take, fps=fps, poses=take.poses[chosen], trans=take.trans[chosen], face=take.face[chosen])
    low = np.minimum(np.floor(places).astype(int), max(len(take) - 2, 0))
    part = (places - low)[:, None]
    high = np.minimum(low + 1, len(take) - 1)

    def between(values: NDArray[np.float32]) -> NDArray[np.float32]:
        return np.asarray(values[low] * (1 - part) + values[high] * part, np.float32)

    start = from_vectors(take.poses[low])
    way = to_vectors(multiply(inverse(start), from_vectors(take.poses[high])))
    poses = to_vectors(multiply(start, from_vectors(way * part[:, None])))
    return replace(
        take, fps=fps, poses=np.asarray(poses, np.float32), trans=between(take.trans), face=between(take.face)
    )


def write_shown(path: Path, take: Take, name: str) -> None:
    """Write a take that the service can draw. It remembers its request, if it has one, and nothing of the speech.

    Raises AddonError if it can't be written.
    """
    try:
        request = json.loads(take.meta)["request"]
    except (ValueError, KeyError, TypeError):
        request = {"audio": name}
    meta = {
        "request": request,
        "audio_sha256": "",
        "speech": {
            "duration": len(take) / take.fps, "language": "en", "method": "", "phones": [], "words": [], "accents": []
        },
    }  # fmt: skip
    tracks = {f"speech_{track}": np.zeros(0, np.float32) for track in ("loudness", "pitch", "voicing", "emphasis")}
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with open(path, "wb") as file:
            np.savez(
                file,
                fps=np.asarray(take.fps),
                poses=take.poses.reshape(len(take), -1),
                trans=take.trans,
                arkit=take.face,
                arkit_names=np.asarray(take.face_names),
                expression=np.zeros((len(take), 0), np.float32),
                meta=np.asarray(json.dumps(meta)),
                **tracks,
            )
    except OSError as error:
        raise AddonError(
            f"{path} can't be written ({error.strerror or error}). Save the blend file elsewhere."
        ) from error


def digests(take: Take, frames: range, more: Sequence[bytes]) -> list[str]:
    """What the pictures of some frames are made of, as hashes: each frame's curves, and its own of `more`."""
    names = "\n".join(take.face_names).encode()
    return [
        hashlib.sha256(
            b"".join((names, take.poses[i].tobytes(), take.trans[i].tobytes(), take.face[i].tobytes(), rest))
        ).hexdigest()[:32]
        for i, rest in zip(frames, more, strict=True)
    ]


class Painted:
    """Which pictures are in a folder, and what each was made of; so none is asked for twice."""

    def __init__(self, folder: Path, file: Callable[[int], Path]) -> None:
        """`file` is where a picture is, by its number."""
        self._index = folder / "frames.json"
        self._file = file
        self._known: dict[str, str] = {}
        self._old: dict[int, tuple[int, ...]] = {}
        with suppress(OSError, ValueError):  # none yet, or damaged: then all are made again
            found = json.loads(self._index.read_text("utf-8"))
            self._known = {str(name): str(value) for name, value in found.items()} if isinstance(found, dict) else {}

    def missing(self, wanted: Mapping[int, str]) -> list[range]:
        """Which of the pictures are not there as they should be, in stretches."""
        runs: list[range] = []
        for number, made_of in sorted(wanted.items()):
            identity = _identity(self._file(number))
            if identity and self._known.get(str(number)) == f"{made_of} {identity[0]}":
                continue
            self._old[number] = identity
            if runs and runs[-1].stop == number:
                runs[-1] = range(runs[-1].start, number + 1)
            else:
                runs.append(range(number, number + 1))
        return runs

    def came(self, number: int, made_of: str) -> None:
        """A picture is there."""
        size, *_ = _identity(self._file(number)) or (0,)
        self._known[str(number)] = f"{made_of} {size}"

    def forget(self, numbers: Iterable[int]) -> None:
        """Remove pictures that are still the ones that `missing` found: others are on their way, or there already."""
        for number in numbers:
            if _identity(self._file(number)) == self._old.get(number):
                with suppress(OSError):
                    self._file(number).unlink(missing_ok=True)

    def save(self) -> None:
        """Remember it all. What can't be remembered is made again some day."""
        with suppress(OSError):
            self._index.parent.mkdir(parents=True, exist_ok=True)
            part = self._index.with_suffix(".part")
            part.write_text(json.dumps(self._known), "utf-8")
            os.replace(part, self._index)


def _identity(file: Path) -> tuple[int, ...]:
    """Size, and what else tells a file from another one that took its name; () if there is none."""
    try:
        known = file.stat()
    except OSError:
        return ()
    return known.st_size, known.st_mtime_ns, known.st_ino
