"""A reader of FBX's raw curves, for tests: the file's tree comes from `io_scene_fbx.parse_fbx`, the rest is here.

Nothing of Blender runs: the parser is plain Python that comes with the `bpy` module.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
import types
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

TICKS = 46186158000
"""FBX's units of time in a second."""
Curve = tuple[np.ndarray, np.ndarray]


@cache
def _parser() -> Any:
    spec = importlib.util.find_spec("bpy")
    assert spec is not None
    assert spec.origin is not None
    (folder,) = Path(spec.origin).parent.glob("*/scripts/addons_core/io_scene_fbx")
    package = types.ModuleType("fbx_parser")  # without the add-on's __init__, which needs Blender
    package.__path__ = [str(folder)]
    sys.modules["fbx_parser"] = package
    return importlib.import_module("fbx_parser.parse_fbx")


@dataclass
class Fbx:
    """What a file holds: node names by id, the tree, local transforms at rest and their curves, and the face's."""

    take_names: list[str]
    time_mode: int
    frame_rate: float
    up_axis: int
    unit: float
    """Centimetres in a unit."""
    nodes: dict[int, str]
    parents: dict[int, int]
    rest: dict[int, dict[str, np.ndarray]]
    curves: dict[tuple[int, str], dict[str, Curve]]
    bind: dict[int, np.ndarray]
    face: dict[str, Curve]
    """Times (s) and per cent, by the channel's name."""
    textures: int
    """How many textures are inside."""
    shapes: dict[tuple[str, str], Curve]
    """As `face`, by mesh and channel: several meshes may have channels of one name."""
    neutral: dict[tuple[str, str], float]
    """Per cent, where no take plays."""
    points: dict[str, int]
    """How many vertices each mesh has."""
    files: list[str]
    """The files of the textures."""

    def at_rest(self) -> dict[str, np.ndarray]:
        """World matrices (4, 4) of the nodes where no take plays."""
        still = replace(self, curves={})
        return {name: world[0] for name, world in still.worlds(1).items()}

    def times(self) -> np.ndarray:
        """The times (s) of the keys of any bone."""
        return next(iter(next(iter(self.curves.values())).values()))[0]

    def worlds(self, frames: int = 0) -> dict[str, np.ndarray]:
        """World matrices (T, 4, 4) of the nodes on every frame, from the raw curves."""
        frames = frames or len(self.times())
        done: dict[int, np.ndarray] = {0: np.tile(np.eye(4), (frames, 1, 1))}

        def world(node: int) -> np.ndarray:
            if node not in done:
                done[node] = world(self.parents.get(node, 0)) @ self._local(node, frames)
            return done[node]

        return {name: world(node) for node, name in self.nodes.items()}

    def turned(self) -> dict[str, np.ndarray]:
        """How far each node is turned from its bind pose, (T, 3, 3), in the file's axes."""
        worlds = self.worlds()
        at_rest = {self.nodes[node]: matrix for node, matrix in self.bind.items()}
        return {name: _unit(worlds[name][:, :3, :3]) @ _unit(matrix[:3, :3]).T for name, matrix in at_rest.items()}

    def _local(self, node: int, frames: int) -> np.ndarray:
        translation, rotation, scaling = (
            np.stack([self._axis(node, f"Lcl {what}", axis, frames) for axis in range(3)], axis=-1)
            for what in ("Translation", "Rotation", "Scaling")
        )
        x, y, z = (_about(axis, np.radians(rotation[:, axis])) for axis in range(3))
        local = np.tile(np.eye(4), (frames, 1, 1))
        local[:, :3, :3] = (z @ y @ x) * scaling[:, None, :]
        local[:, :3, 3] = translation
        return local

    def _axis(self, node: int, what: str, axis: int, frames: int) -> np.ndarray:
        curve = self.curves.get((node, what), {}).get(f"d|{'XYZ'[axis]}")
        default = self.rest[node].get(what, np.full(3, float(what == "Lcl Scaling")))[axis]
        return np.full(frames, default) if curve is None else curve[1]


def read_fbx(path: Path) -> Fbx:
    """Read a binary FBX file."""
    root, _version = _parser().parse(str(path))
    tops = {child.id: child for child in root.elems}
    objects = {child.props[0]: child for child in tops[b"Objects"].elems}
    links = [link.props for link in tops[b"Connections"].elems]
    settings = _properties(tops[b"GlobalSettings"])
    nodes = {key: _name(thing) for key, thing in objects.items() if thing.id == b"Model"}
    channels = {
        key: _name(thing)
        for key, thing in objects.items()
        if thing.id == b"Deformer" and thing.props[2] == b"BlendShapeChannel"
    }
    ups: dict[int, int] = {link[1]: link[2] for link in reversed(links) if link[0] == b"OO"}
    of_mesh = {key: (_name(objects[ups[ups[key]]]), name) for key, name in channels.items()}
    meshes = [thing for thing in objects.values() if thing.id == b"Geometry" and thing.props[2] == b"Mesh"]
    curves: dict[tuple[int, str], dict[str, Curve]] = {}
    owners = {link[1]: (link[2], link[3].decode()) for link in links if link[0] == b"OP"}
    for key, thing in objects.items():
        if thing.id == b"AnimationCurve" and key in owners:
            node, component = owners[key]
            curves.setdefault(owners[node], {})[component] = _curve(thing)
    return Fbx(
        take_names=[_name(thing) for thing in objects.values() if thing.id == b"AnimationStack"],
        time_mode=settings["TimeMode"][0],
        frame_rate=settings["CustomFrameRate"][0],
        up_axis=settings["UpAxis"][0],
        unit=settings["UnitScaleFactor"][0],
        nodes=nodes,
        parents={link[1]: link[2] for link in links if link[0] == b"OO" and link[1] in nodes and link[2] in nodes},
        rest={
            key: {name: np.array(value) for name, value in _properties(objects[key]).items() if name.startswith("Lcl")}
            for key in nodes
        },
        curves={key: value for key, value in curves.items() if key[0] in nodes},
        bind=_bind_pose(objects, nodes),
        face={channels[key[0]]: value["d|DeformPercent"] for key, value in curves.items() if key[0] in channels},
        shapes={of_mesh[key[0]]: value["d|DeformPercent"] for key, value in curves.items() if key[0] in channels},
        neutral={
            of_mesh[key]: next(child.props[0] for child in objects[key].elems if child.id == b"DeformPercent")
            for key in channels
        },
        points={
            _name(mesh): len(next(child.props[0] for child in mesh.elems if child.id == b"Vertices")) // 3
            for mesh in meshes
        },
        files=[
            next(child.props[0].decode() for child in thing.elems if child.id == b"Filename")
            for thing in objects.values()
            if thing.id == b"Video"
        ],
        textures=sum(
            any(child.id == b"Content" and child.props[0] for child in thing.elems)
            for thing in objects.values()
            if thing.id == b"Video"
        ),
    )


def _bind_pose(objects: dict[int, Any], nodes: dict[int, str]) -> dict[int, np.ndarray]:
    found = {}
    for thing in objects.values():
        if thing.id == b"Pose":
            for entry in thing.elems:
                if entry.id == b"PoseNode":
                    node, matrix = (child.props[0] for child in entry.elems)
                    found[node] = np.array(matrix).reshape(4, 4).T
    return {node: matrix for node, matrix in found.items() if node in nodes}


def _properties(thing: Any) -> dict[str, list[Any]]:
    (block,) = [child for child in thing.elems if child.id == b"Properties70"]
    return {entry.props[0].decode(): entry.props[4:] for entry in block.elems}


def _name(thing: Any) -> str:
    return str(thing.props[1].split(b"\x00\x01")[0].decode())


def _curve(thing: Any) -> Curve:
    fields = {child.id: child.props[0] for child in thing.elems}
    return np.array(fields[b"KeyTime"]) / TICKS, np.array(fields[b"KeyValueFloat"], float)


def _unit(matrices: np.ndarray) -> np.ndarray:
    return matrices / np.linalg.norm(matrices, axis=-2, keepdims=True)


def _about(axis: int, angles: np.ndarray) -> np.ndarray:
    j, k = (axis + 1) % 3, (axis + 2) % 3
    turn = np.tile(np.eye(3), (len(angles), 1, 1))
    turn[:, j, j] = turn[:, k, k] = np.cos(angles)
    turn[:, k, j] = np.sin(angles)
    turn[:, j, k] = -np.sin(angles)
    return turn
