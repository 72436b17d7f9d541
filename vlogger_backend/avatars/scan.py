"""Meshes of people from anywhere, as surfaces: `.obj`, `.ply`, `.stl` and `.glb` files (read by trimesh).

How much a file holds is looked at before it is decoded: scans are passed from hand to hand.
"""

from __future__ import annotations

import io
import json
import re
import struct
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError

SUFFIXES = (".obj", ".ply", ".stl", ".glb")
MOST = 10_000_000
"""Vertices or triangles; scanners make some million."""
_LARGEST = 1 << 30
_HEADER = 1 << 16
"""Bytes that the header of a `.ply` may have; and the JSON of a `.glb` a thousand times that."""
_FARTHEST = 1e9
_GIVE = "give a scan as .obj, .ply, .stl or .glb"


@dataclass(frozen=True, eq=False)
class Scan:
    """A mesh.

    vertices : (n, 3), in the order of the file
    faces    : (f, 3) triangles
    """

    vertices: NDArray[np.float64]
    faces: NDArray[np.int32]

    def joined(self) -> Scan:
        """The same surface, whose triangles share the vertices that are at the same place, turned outside out."""
        places, numbered = np.unique(self.vertices, axis=0, return_inverse=True)
        faces = numbered.reshape(-1)[self.faces].astype(np.int32)
        faces = faces[(faces != np.roll(faces, 1, axis=1)).all(axis=1)]
        corners = places[faces] - places.mean(axis=0)
        inside_out = np.einsum("fi,fi->", corners[:, 0], np.cross(corners[:, 1], corners[:, 2])) < 0
        return Scan(places, np.ascontiguousarray(faces[:, ::-1]) if inside_out else faces)


def read_scan(path: Path) -> Scan:
    """Read a mesh; all parts of a file are one.

    Raises InputError if there is no such file, if it is another kind, too large or damaged, or has no triangles.
    """
    suffix = path.suffix.lower()
    if suffix not in SUFFIXES:
        raise InputError(f"{path} is no mesh that can be read; {_GIVE}, or a .portrait.")
    try:
        if not path.is_file() and path.exists():
            raise InputError(f"{path} is a folder; {_GIVE}.")
        size = path.stat().st_size
        if size > _LARGEST:
            raise InputError(f"{path} is larger than {_LARGEST >> 30} GB; reduce the mesh.")
        with open(path, "rb") as file:
            count = _COUNTS[suffix](file, size)
    except OSError as error:
        raise InputError(f"{path} can't be read: {error.strerror or error}. Check the path of the mesh.") from error
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError, struct.error) as error:
        raise _damaged(path, error) from error
    if count > MOST:
        raise InputError(f"{path} claims {count:,} vertices or triangles; give a mesh of at most {MOST:,}.")
    return _checked(path, *_decoded(path, suffix))


def _decoded(path: Path, suffix: str) -> tuple[NDArray[Any], NDArray[Any]]:
    import trimesh

    try:
        with open(path, "rb") as file:
            # An open file, not a path: nothing beside it is opened.
            opened = _bare(file) if suffix == ".obj" else file
            scene = trimesh.load_scene(opened, file_type=suffix[1:], process=False, maintain_order=True)
        parts = [part for part in scene.dump() if isinstance(part, trimesh.Trimesh)]
        starts = np.cumsum([0, *(len(part.vertices) for part in parts)])
        vertices = [np.asarray(part.vertices) for part in parts]
        faces = [np.asarray(part.faces) + start for part, start in zip(parts, starts, strict=False)]
    except Exception as error:  # what a damaged or hostile file leads to can be anything
        raise _damaged(path, error) from error
    if not parts:
        return np.zeros((0, 3)), np.zeros((0, 3), np.int32)
    return np.concatenate(vertices), np.concatenate(faces)


def _bare(file: BinaryIO) -> BinaryIO:
    """An `.obj` without texture coordinates, normals, materials and parts, by which its vertices would be split."""
    lines = (line for line in file if line.startswith((b"v ", b"v\t", b"f ", b"f\t")))
    return io.BytesIO(b"".join(re.sub(rb"/[^\s]*", b"", line) for line in lines))


def _checked(path: Path, vertices: NDArray[Any], faces: NDArray[Any]) -> Scan:
    if not len(faces):
        raise InputError(
            f"{path} has no triangles: it is empty, or of points only; make a surface of it first (in MeshLab: Filters "
            "> Remeshing > Screened Poisson)."
        )
    if max(len(vertices), len(faces)) > MOST:
        raise InputError(f"{path} has {max(len(vertices), len(faces)):,} vertices or triangles; give at most {MOST:,}.")
    if not 0 <= faces.min() <= faces.max() < len(vertices):
        raise _damaged(path, ValueError("its triangles refer to vertices that are not there"))
    if not np.isfinite(vertices).all() or np.abs(vertices).max() > _FARTHEST:
        raise _damaged(path, ValueError("its vertices hold numbers that are not finite, or much too large"))
    return Scan(np.asarray(vertices, np.float64), np.asarray(faces, np.int32))


def _damaged(path: Path, error: Exception) -> InputError:
    return InputError(
        f"{path} is no mesh that can be read ({str(error)[:200] or type(error).__name__}); export it again, without "
        "compression, as .ply or .obj."
    )


def _in_obj(file: BinaryIO, size: int) -> int:
    return size // 16  # the shortest lines are about as long


def _in_ply(file: BinaryIO, size: int) -> int:
    header = file.read(_HEADER).partition(b"end_header")[0]
    if not header.startswith(b"ply"):
        raise ValueError("it doesn't begin like a .ply")
    counts = [int(number) for number in re.findall(rb"element\s+\w+\s+(\d+)", header)]
    if sum(counts) > size:
        raise ValueError("it claims more than it holds")
    return max(counts, default=0)


def _in_stl(file: BinaryIO, size: int) -> int:
    start = file.read(84)
    if len(start) < 84 or (start[:5] == b"solid" and b"facet" in start + file.read(512)):
        return size // 100
    (count,) = struct.unpack("<I", start[80:])
    if count * 50 + 84 > size:
        raise ValueError("it claims more than it holds")
    return int(count)


def _in_glb(file: BinaryIO, size: int) -> int:
    magic, _, _, length, _ = struct.unpack("<4sIII4s", file.read(20))
    if magic != b"glTF" or length > min(size, _HEADER * 1000):
        raise ValueError("it doesn't begin like a .glb")
    about = json.loads(file.read(length))
    for name in about.get("extensionsRequired", []):
        if "draco" in name.lower() or "meshopt" in name.lower():
            raise ValueError("it is compressed")
    return max((int(accessor["count"]) for accessor in about.get("accessors", [])), default=0)


_COUNTS: dict[str, Callable[[BinaryIO, int], int]] = {
    ".obj": _in_obj, ".ply": _in_ply, ".stl": _in_stl, ".glb": _in_glb,
}  # fmt: skip
