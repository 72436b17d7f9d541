"""An FBX file as a tree, and what hangs together in it.

The tree is read and written by the modules that Blender's own exporter and importer are made of.
"""

from __future__ import annotations

import array
import importlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..core.errors import AddonError

Floats = NDArray[np.float64]

MOVES = 1e-3
"""Per cent by which a shape must change to be one that moves."""
_ADDERS = {
    "B": "add_bool", "C": "add_char", "Z": "add_int8", "Y": "add_int16", "I": "add_int32", "L": "add_int64",
    "F": "add_float32", "D": "add_float64", "R": "add_bytes", "S": "add_string", "f": "add_float32_array",
    "i": "add_int32_array", "d": "add_float64_array", "l": "add_int64_array", "b": "add_bool_array",
    "c": "add_byte_array",
}  # fmt: skip
"""By which method of the encoder a value of each type is added."""


@dataclass(frozen=True)
class Contents:
    """What is in a file. Each bone has `keys` keys; of the `shapes` of all meshes, `moving` change."""

    take: str
    bones: int
    keys: int
    shapes: int
    moving: int

    def __str__(self) -> str:
        face = f"{self.shapes} face shapes ({self.moving} move)" if self.shapes else "no face shapes"
        return f"{self.bones} bones, {face}, {self.keys} frames"


class FbxFile:
    """The tree of a file. It is changed in place, and written anew.

    objects  : by id; `parents` and `children` are who is connected with whom
    animated : the curves of each object, by property and component ("Lcl Rotation", "d|X")

    Raises AddonError if it can't be read.
    """

    def __init__(self, path: Path) -> None:
        try:
            self._root, self._version = _module("parse_fbx").parse(str(path))
        except (OSError, ValueError, AssertionError, EOFError) as error:
            raise AddonError(f"{path} is not an FBX file that can be read ({error}). Export it again.") from error
        self.tops: dict[bytes, Any] = {child.id: child for child in self._root.elems}
        self.index()

    def index(self) -> None:
        """Look through the connections, which must be done again after they were changed."""
        self.objects: dict[int, Any] = {thing.props[0]: thing for thing in self.tops[b"Objects"].elems if thing.props}
        self.parents: dict[int, list[int]] = {}
        self.children: dict[int, list[int]] = {}
        self.animates: dict[int, tuple[int, str]] = {}
        for link in self.tops[b"Connections"].elems:
            kind, child, parent = link.props[:3]
            if kind == b"OO":
                self.parents.setdefault(child, []).append(parent)
                self.children.setdefault(parent, []).append(child)
            elif self.objects[child].id in (b"AnimationCurve", b"AnimationCurveNode"):
                # A shape's curves are connected twice: with its channel first, then with a property of the mesh.
                self.animates.setdefault(child, (parent, link.props[3].decode("utf-8", "replace")))
        self.animated: dict[int, dict[tuple[str, str], Any]] = {}
        for id, (node, component) in self.animates.items():
            if node in self.animates:
                owner, what = self.animates[node]
                self.animated.setdefault(owner, {})[what, component] = self.objects[id]

    def write(self, path: Path) -> None:
        encoder = _module("encode_bin")

        def copy(thing: Any) -> Any:
            made = encoder.FBXElem(thing.id)
            for kind, value in zip(bytes(thing.props_type).decode("ascii"), thing.props, strict=True):
                # Blender 3 knew one type of a single byte, and read it as a truth value.
                getattr(made, "add_bool" if isinstance(value, bool) else _ADDERS[kind])(value)
            made.elems.extend(copy(child) for child in thing.elems)
            return made

        encoder.write(str(path), copy(self._root), self._version)

    def of_kind(self, kind: bytes, sort: bytes | None = None) -> Iterator[tuple[int, Any]]:
        """The objects of a kind (Model, Geometry, …) and sort (LimbNode, Mesh, …), with their ids."""
        for id, thing in self.objects.items():
            if thing.id == kind and (sort is None or thing.props[2] == sort):
                yield id, thing

    def is_bone(self, id: int) -> bool:
        thing = self.objects.get(id)
        return thing is not None and thing.id == b"Model" and thing.props[2] == b"LimbNode"

    def carrier(self) -> int:
        """The armature's node, on which the bones hang. Raises AddonError if there is none."""
        for id, _ in self.of_kind(b"Model"):
            if not self.is_bone(id) and any(self.is_bone(child) for child in self.children.get(id, ())):
                return id
        raise AddonError("Blender exported no skeleton. Give the armature bones that deform.")

    def bones(self) -> dict[str, int]:
        """The bones by name, parents before their children."""
        found = [child for child in self.children[self.carrier()] if self.is_bone(child)]
        for id in found:
            found.extend(child for child in self.children.get(id, ()) if self.is_bone(child))
        return {name_of(self.objects[id]): id for id in found}

    def moving(self) -> list[int]:
        """The channels of shapes that change."""
        curves = ((id, self.animated.get(id, {}).get(("DeformPercent", "d|DeformPercent")))
                  for id, _ in self.of_kind(b"Deformer", b"BlendShapeChannel"))  # fmt: skip
        return [id for id, curve in curves if curve is not None and np.ptp(values_of(curve)) > MOVES]

    def meshes_of(self, channel: int) -> list[int]:
        """The geometries that a channel of shapes belongs to."""
        return [mesh for deformer in self.parents.get(channel, ()) for mesh in self.parents.get(deformer, ())]

    def contents(self) -> Contents:
        """What is in the file, counted from its curves, not from what was meant to be written."""
        turns = [self.animated.get(id, {}).get(("Lcl Rotation", "d|X")) for id in self.bones().values()]
        counts = [len(times_of(curve)) for curve in turns if curve is not None]
        names = [name_of(stack) for _, stack in self.of_kind(b"AnimationStack")]
        return Contents(
            take=names[0] if len(names) == 1 else "",
            bones=sum(count == max(counts) for count in counts),
            keys=max(counts, default=0),
            shapes=sum(1 for _ in self.of_kind(b"Deformer", b"BlendShapeChannel")),
            moving=len(self.moving()),
        )

    def remove_bones(self, bones: Iterable[int]) -> None:
        """Take bones out of the file, with what only they have: curves, weights, places in bind poses."""
        gone = set(bones)
        for id, thing in self.objects.items():
            if thing.id == b"NodeAttribute" and gone.issuperset(self.parents.get(id, (0,))):
                gone.add(id)
        gone |= {id for id, _ in self.of_kind(b"Deformer", b"Cluster") if gone & set(self.children.get(id, ()))}
        for _ in ("nodes of curves", "curves"):
            gone |= {id for id, (owner, _) in self.animates.items() if owner in gone}
        for _, pose in self.of_kind(b"Pose"):
            rest = [part for part in pose.elems if part.id != b"PoseNode" or child(part, b"Node").props[0] not in gone]
            pose.elems[:] = rest
            child(pose, b"NbPoseNodes").props[0] = sum(part.id == b"PoseNode" for part in rest)
        objects, links = self.tops[b"Objects"].elems, self.tops[b"Connections"].elems
        objects[:] = [thing for thing in objects if thing.props[0] not in gone]
        links[:] = [link for link in links if not gone.intersection(link.props[1:3])]
        self._count()
        self.index()

    def _count(self) -> None:
        """The file begins with how many objects of each kind there are; the settings count as one."""
        kinds = [thing.id for thing in self.tops[b"Objects"].elems]
        for part in self.tops[b"Definitions"].elems:
            if part.id == b"Count":
                part.props[0] = len(kinds) + 1
            elif part.id == b"ObjectType" and part.props[0] != b"GlobalSettings":
                child(part, b"Count").props[0] = kinds.count(part.props[0])


def child(thing: Any, id: bytes) -> Any:
    """The first part of that kind that an element has."""
    return next(part for part in thing.elems if part.id == id)


def name_of(thing: Any) -> str:
    return str(thing.props[1].split(b"\x00\x01")[0].decode("utf-8", "replace"))


def rename(thing: Any, name: str) -> None:
    thing.props[1] = name.encode() + b"\x00\x01" + thing.props[1].partition(b"\x00\x01")[2]


def properties(thing: Any, name: str, default: list[Any]) -> list[Any]:
    """The values of an object's property; its default is not in the file."""
    entry = _entry(thing, name)
    return default if entry is None else list(entry.props[4:])


def set_property(thing: Any, name: str, values: list[Any]) -> None:
    """Change the values of an object's property, if it is in the file."""
    entry = _entry(thing, name)
    if entry is not None:
        entry.props[4:] = values


def times_of(curve: Any) -> NDArray[np.int64]:
    """When its keys are, in FBX's unit of time."""
    return np.asarray(child(curve, b"KeyTime").props[0], np.int64)


def values_of(curve: Any) -> Floats:
    return np.asarray(child(curve, b"KeyValueFloat").props[0], float)


def put_values(curve: Any, values: Floats) -> None:
    put_array(child(curve, b"KeyValueFloat"), values)


def put_array(part: Any, values: NDArray[Any]) -> None:
    """Replace an array by one of the same type."""
    typecode = part.props[0].typecode
    part.props[0] = array.array(typecode, np.asarray(values).astype(typecode).tobytes())


def matrix_of(part: Any) -> Floats:
    """A transform (4, 4); FBX writes its columns one after the other."""
    return np.array(part.props[0], float).reshape(4, 4).T


def put_matrix(part: Any, matrix: Floats) -> None:
    put_array(part, matrix.T.ravel())


def _entry(thing: Any, name: str) -> Any | None:
    entries = (entry for block in thing.elems if block.id == b"Properties70" for entry in block.elems)
    return next((entry for entry in entries if entry.props[0] == name.encode()), None)


def _module(name: str) -> Any:
    try:
        return importlib.import_module(f"io_scene_fbx.{name}")
    except ImportError as error:
        raise AddonError("Blender's own FBX add-on is not there. Install Blender anew.") from error
