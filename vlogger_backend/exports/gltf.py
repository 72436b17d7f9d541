"""glTF 2.0 in one binary file (.glb), as in Khronos' specification.

The JSON is pygltflib's; the arrays are written by us, one after the other, so that a long take is never copied whole.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pygltflib as gl
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from ..avatars.avatar import Avatar, Material
from ..errors import InputError
from ..files import writing
from ..motion.motion import Motion
from ..motion.names import ARKIT_NAMES, JOINT_NAMES, JOINT_PARENTS
from ..progress import Progress, no_progress

Floats = NDArray[np.float32]

_COMPONENTS = {
    "uint8": gl.UNSIGNED_BYTE,
    "uint16": gl.UNSIGNED_SHORT,
    "uint32": gl.UNSIGNED_INT,
    "float32": gl.FLOAT,
}
_TYPES = {(): gl.SCALAR, (2,): gl.VEC2, (3,): gl.VEC3, (4,): gl.VEC4, (4, 4): gl.MAT4}
_ALPHA = {"opaque": gl.OPAQUE, "mask": gl.MASK, "blend": gl.BLEND}
_STILL = 1e-7
"""A channel that never leaves its first value by more than this gets a single key."""
_LEAST_TURN = 0.01
"""A morph's change of a normal (a unit vector) that is too small to see, and left out."""
_ROOT, _PELVIS = 0, 1
"""Nodes: the root, then the joints, then the mesh."""


def write_glb(path: Path, avatar: Avatar, motion: Motion, name: str, progress: Progress = no_progress) -> None:
    """Write `motion` on `avatar` as a .glb with one animation called `name`.

    Metres, Y up, facing +Z. The skeleton is SMPL-X's below a node `root`, every rest frame the world's; the face is 52
    morph targets with ARKit's names. Rotations, the pelvis's translation and the weights have a key on every frame,
    with straight lines between; what never moves has one. Morph targets are sparse and carry normals.

    Raises InputError if there is no frame, or if the file can't be written.
    """
    if not len(motion):
        raise InputError(f"{path} was not written: the take has no frames. Make it from a longer sound.")
    progress("Writing glTF", 0.0)
    file = _File()
    file.json.asset = gl.Asset(generator="vlogger", version="2.0")
    file.json.scenes, file.json.scene = [gl.Scene(nodes=[_ROOT, 1 + len(JOINT_NAMES)])], 0
    _add_skeleton(file, avatar)
    _add_mesh(file, avatar)
    _add_animation(file, avatar, motion, name)
    with writing(path) as temporary:
        file.write(temporary)
    progress("Writing glTF", 1.0)


@dataclass
class _File:
    """A .glb being put together: its JSON, and the arrays that will be its binary part, as they come."""

    json: gl.GLTF2 = field(default_factory=gl.GLTF2)
    parts: list[NDArray[Any]] = field(default_factory=list)
    size: int = 0

    def view(self, array: NDArray[Any], target: int | None = None) -> int:
        """Append an array's bytes, on a multiple of four, as a buffer view."""
        array = np.ascontiguousarray(array)
        self.json.bufferViews.append(
            gl.BufferView(buffer=0, byteOffset=self.size, byteLength=array.nbytes, target=target)
        )
        self.parts.append(array)
        self.size += array.nbytes + -array.nbytes % 4
        return len(self.json.bufferViews) - 1

    def accessor(self, array: NDArray[Any], target: int | None = None, bounds: bool = False) -> int:
        """Append an array; its rows are the accessor's elements."""
        accessor = self._accessor(array, len(array), self.view(array, target))
        if bounds:
            accessor.min, accessor.max = _bounds(array)
        return self._add(accessor)

    def sparse(self, count: int, rows: NDArray[Any], values: Floats, bounds: bool = False) -> int:
        """Append an accessor of `count` elements, all zero but for `values` at the ascending `rows`."""
        if not len(rows):
            # Not every reader knows that an accessor without any data is all zeros: give it one.
            rows, values = np.zeros(1, np.intp), np.zeros((1, *values.shape[1:]), np.float32)
        accessor = self._accessor(values, count, None)
        kind = np.uint16 if count <= 0x10000 else np.uint32
        accessor.sparse = gl.Sparse(
            count=len(rows),
            indices=gl.AccessorSparseIndices(
                bufferView=self.view(rows.astype(kind)), componentType=_COMPONENTS[np.dtype(kind).name]
            ),
            values=gl.AccessorSparseValues(bufferView=self.view(values)),
        )
        if bounds:
            elsewhere = np.zeros((int(len(rows) < count), *values.shape[1:]), np.float32)
            accessor.min, accessor.max = _bounds(np.concatenate([values, elsewhere]))
        return self._add(accessor)

    def write(self, path: Path) -> None:
        self.json.buffers = [gl.Buffer(byteLength=self.size)]
        text = self.json.to_json(separators=(",", ":"), ensure_ascii=False).encode()
        text += b" " * (-len(text) % 4)
        with open(path, "wb") as file:
            file.write(struct.pack("<4sII", b"glTF", 2, 12 + 8 + len(text) + 8 + self.size))
            file.write(struct.pack("<I4s", len(text), b"JSON") + text)
            file.write(struct.pack("<I4s", self.size, b"BIN\0"))
            for part in self.parts:
                file.write(part.data)
                file.write(bytes(-part.nbytes % 4))

    def _accessor(self, array: NDArray[Any], count: int, view: int | None) -> gl.Accessor:
        return gl.Accessor(
            bufferView=view,
            byteOffset=None if view is None else 0,
            componentType=_COMPONENTS[array.dtype.name],
            type=_TYPES[array.shape[1:]],
            count=count,
        )

    def _add(self, accessor: gl.Accessor) -> int:
        self.json.accessors.append(accessor)
        return len(self.json.accessors) - 1


def _bounds(array: NDArray[Any]) -> tuple[list[float], list[float]]:
    rows = array.reshape(len(array), -1)
    return rows.min(axis=0).tolist(), rows.max(axis=0).tolist()


def _add_skeleton(file: _File, avatar: Avatar) -> None:
    """Nodes and skin. The root is at the origin; a joint's node stands at its place in its parent's frame."""
    nodes = [gl.Node(name="root", children=[_PELVIS])]
    for joint, (name, parent) in enumerate(zip(JOINT_NAMES, JOINT_PARENTS, strict=True)):
        offset = avatar.joints[joint] - (avatar.joints[parent] if parent >= 0 else 0)
        nodes.append(gl.Node(name=name, translation=offset.tolist()))
        if parent >= 0:
            nodes[_PELVIS + parent].children.append(_PELVIS + joint)
    nodes.append(gl.Node(name=avatar.name, mesh=0, skin=0))
    file.json.nodes = nodes
    inverse_bind = np.tile(np.eye(4, dtype=np.float32), (len(JOINT_NAMES), 1, 1))
    inverse_bind[:, 3, :3] = -avatar.joints  # column-major
    joints = [_PELVIS + joint for joint in range(len(JOINT_NAMES))]
    skin = gl.Skin(inverseBindMatrices=file.accessor(inverse_bind), skeleton=_ROOT, joints=joints)
    file.json.skins = [skin]


def _add_mesh(file: _File, avatar: Avatar) -> None:
    """A primitive for each material that is used; a vertex is split where its corners differ in UV."""
    normals = _normals(avatar.vertices, avatar.faces)
    turns = [_turned_normals(avatar, normals, morph.vertices, morph.offsets) for morph in avatar.morphs]
    mesh = gl.Mesh(name=avatar.name, weights=[0.0] * len(ARKIT_NAMES), extras={"targetNames": list(ARKIT_NAMES)})
    for index, material in enumerate(avatar.materials):
        file.json.materials.append(_material(file, material))
        chosen = avatar.face_material == index
        if not chosen.any():
            continue
        corners, uvs, indices = _split(avatar.faces[chosen], avatar.uvs[chosen])
        primitive = gl.Primitive(
            attributes=_vertices(file, avatar, normals, corners, uvs),
            indices=file.accessor(indices, gl.ELEMENT_ARRAY_BUFFER),
            material=index,
        )
        for morph, (rows, turn) in zip(avatar.morphs, turns, strict=True):
            moved, offsets = _at(corners, len(normals), morph.vertices, morph.offsets)
            turned, turn_offsets = _at(corners, len(normals), rows, turn)
            primitive.targets.append(
                gl.Attributes(
                    POSITION=file.sparse(len(corners), moved, offsets, bounds=True),
                    NORMAL=file.sparse(len(corners), turned, turn_offsets),
                )
            )
        mesh.primitives.append(primitive)
    file.json.meshes = [mesh]


def _vertices(file: _File, avatar: Avatar, normals: Floats, corners: NDArray[np.intp], uvs: Floats) -> gl.Attributes:
    weights = avatar.joint_weights[corners]
    weights = weights / weights.sum(axis=1, keepdims=True, dtype=np.float64)
    joints = np.where(weights > 0, avatar.joint_indices[corners], 0)
    arrays = file.accessor
    return gl.Attributes(
        POSITION=arrays(avatar.vertices[corners], gl.ARRAY_BUFFER, bounds=True),
        NORMAL=arrays(normals[corners], gl.ARRAY_BUFFER),
        TEXCOORD_0=arrays((uvs * (1, -1) + (0, 1)).astype(np.float32), gl.ARRAY_BUFFER),  # v goes down in glTF
        JOINTS_0=arrays(joints.astype(np.uint8), gl.ARRAY_BUFFER),
        WEIGHTS_0=arrays(weights.astype(np.float32), gl.ARRAY_BUFFER),
    )


def _split(faces: NDArray[np.int32], uvs: Floats) -> tuple[NDArray[np.intp], Floats, NDArray[Any]]:
    """For a primitive's vertices, the avatar's vertex (n,) and UV (n, 2) of each; and the triangles' indices."""
    corners = np.empty(faces.size, [("vertex", np.int32), ("u", np.float32), ("v", np.float32)])
    corners["vertex"] = faces.ravel()
    corners["u"], corners["v"] = (uvs.reshape(-1, 2) + 0.0).T  # so that -0 is 0
    kept, indices = np.unique(corners, return_inverse=True)
    # 65535 is kept free: it means "start again" to some hardware.
    kind = np.uint16 if len(kept) < 0xFFFF else np.uint32
    return kept["vertex"].astype(np.intp), np.stack([kept["u"], kept["v"]], axis=1), indices.astype(kind)


def _at(corners: NDArray[np.intp], count: int, rows: NDArray[Any], values: Floats) -> tuple[NDArray[Any], Floats]:
    """What is given for some of the avatar's vertices, for those of a primitive: the rows there, and their values."""
    where = np.full(count, -1, np.intp)
    where[rows] = np.arange(len(rows))
    found = where[corners]
    (kept,) = np.nonzero(found >= 0)
    return kept, values[found[kept]]


def _normals(vertices: Floats, faces: NDArray[np.int32]) -> Floats:
    """Unit vertex normals (V, 3): the faces' normals, weighted by area, also across UV seams."""
    a, b, c = (vertices[faces[:, k]].astype(np.float64) for k in range(3))
    weighted = np.cross(b - a, c - a)
    total = np.stack(
        [np.bincount(faces.ravel(), np.repeat(weighted[:, k], 3), len(vertices)) for k in range(3)], axis=1
    )
    length = np.linalg.norm(total, axis=1, keepdims=True)
    upwards = np.array([0.0, 1.0, 0.0])
    return np.where(length > 1e-20, total / np.maximum(length, 1e-20), upwards).astype(np.float32)


def _turned_normals(
    avatar: Avatar, normals: Floats, moved: NDArray[np.int32], offsets: Floats
) -> tuple[NDArray[np.intp], Floats]:
    """The vertices whose normals a morph turns enough to see, and by how much."""
    vertices = avatar.vertices.copy()
    vertices[moved] += offsets
    change = _normals(vertices, avatar.faces) - normals
    (rows,) = np.nonzero(np.linalg.norm(change, axis=1) > _LEAST_TURN)
    return rows, change[rows]


def _material(file: _File, material: Material) -> gl.Material:
    surface = gl.PbrMetallicRoughness(
        baseColorFactor=[float(value) for value in material.color],
        metallicFactor=material.metallic,
        roughnessFactor=material.roughness,
    )
    if material.texture is not None:
        kind = "image/png" if material.texture.startswith(b"\x89PNG") else "image/jpeg"
        view = file.view(np.frombuffer(material.texture, np.uint8))
        file.json.images.append(gl.Image(name=material.name, bufferView=view, mimeType=kind))
        file.json.samplers = [gl.Sampler(magFilter=gl.LINEAR, minFilter=gl.LINEAR_MIPMAP_LINEAR)]
        file.json.textures.append(gl.Texture(source=len(file.json.images) - 1, sampler=0))
        surface.baseColorTexture = gl.TextureInfo(index=len(file.json.textures) - 1)
    return gl.Material(
        name=material.name,
        pbrMetallicRoughness=surface,
        alphaMode=_ALPHA[material.alpha],
        alphaCutoff=0.5 if material.alpha == "mask" else None,
        doubleSided=material.double_sided,
    )


def _add_animation(file: _File, avatar: Avatar, motion: Motion, name: str) -> None:
    animation = gl.Animation(name=name)
    times = (np.arange(len(motion)) / motion.fps).astype(np.float32)
    inputs = [file.accessor(times[:1], bounds=True), file.accessor(times, bounds=True)]

    def add(node: int, path: str, values: Floats) -> None:
        """A channel; `values` has one row for each frame."""
        moves = bool(np.ptp(values, axis=0).max() > _STILL)
        rows = values if moves else values[:1]
        elements = rows.ravel() if path == "weights" else rows
        animation.samplers.append(gl.AnimationSampler(input=inputs[moves], output=file.accessor(elements)))
        target = gl.AnimationChannelTarget(node=node, path=path)
        animation.channels.append(gl.AnimationChannel(sampler=len(animation.samplers) - 1, target=target))

    add(_PELVIS, "translation", (avatar.joints[0] + motion.trans).astype(np.float32))
    for joint in range(len(JOINT_NAMES)):
        add(_PELVIS + joint, "rotation", _quaternions(motion.poses[:, joint]))
    add(1 + len(JOINT_NAMES), "weights", motion.arkit.astype(np.float32))
    file.json.animations = [animation]


def _quaternions(axis_angles: Floats) -> Floats:
    """Rotation vectors (T, 3) as unit quaternions (T, 4) in x, y, z, w, without jumps of sign between frames."""
    quaternions = Rotation.from_rotvec(axis_angles).as_quat()
    flips = np.where((quaternions[1:] * quaternions[:-1]).sum(axis=1) < 0, -1.0, 1.0)
    quaternions[1:] *= np.cumprod(flips)[:, None]
    return np.asarray(quaternions, np.float32)
