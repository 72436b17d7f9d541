"""glTF: read again byte by byte and with Blender's importer, against the motion that was written."""

from __future__ import annotations

import json
import struct
from pathlib import Path

import numpy as np
import pytest
from comparing import assert_same_body, assert_same_face, assert_same_mesh
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from vlogger_backend.errors import InputError
from vlogger_backend.exports.gltf import write_glb
from vlogger_backend.motion.motion import Motion
from vlogger_backend.motion.names import ARKIT_NAMES, JOINT_NAMES, JOINT_PARENTS

FRAMES = 40
_KINDS = {5121: np.uint8, 5123: np.uint16, 5125: np.uint32, 5126: np.float32}
_SHAPES = {"SCALAR": (), "VEC2": (2,), "VEC3": (3,), "VEC4": (4,), "MAT4": (4, 4)}


class Glb:
    """A .glb by the specification's words: header, JSON chunk, binary chunk."""

    def __init__(self, path: Path) -> None:
        data = path.read_bytes()
        magic, version, length = struct.unpack_from("<4sII", data)
        assert (magic, version, length) == (b"glTF", 2, len(data))
        size, kind = struct.unpack_from("<I4s", data, 12)
        assert kind == b"JSON"
        assert size % 4 == 0
        self.json = json.loads(data[20 : 20 + size])
        binary, kind = struct.unpack_from("<I4s", data, 20 + size)
        assert kind == b"BIN\0"
        self.bytes = data[28 + size :]
        assert binary == len(self.bytes) == self.json["buffers"][0]["byteLength"]

    def accessor(self, index: int) -> np.ndarray:
        accessor = self.json["accessors"][index]
        kind, shape = _KINDS[accessor["componentType"]], _SHAPES[accessor["type"]]
        if "bufferView" in accessor:
            values = self._read(accessor["bufferView"], kind, accessor["count"], shape).copy()
        else:
            values = np.zeros((accessor["count"], *shape), kind)
        if sparse := accessor.get("sparse"):
            rows = self._read(
                sparse["indices"]["bufferView"],
                _KINDS[sparse["indices"]["componentType"]],
                sparse["count"],
                (),
            )
            assert (np.diff(rows.astype(int)) > 0).all()
            values[rows] = self._read(sparse["values"]["bufferView"], kind, sparse["count"], shape)
        if "min" in accessor:
            rows = values.reshape(len(values), -1)
            np.testing.assert_array_equal(rows.min(axis=0), np.array(accessor["min"], np.float32))
            np.testing.assert_array_equal(rows.max(axis=0), np.array(accessor["max"], np.float32))
        return values

    def channels(self) -> dict[tuple[str, str], tuple[np.ndarray, np.ndarray]]:
        """Times and values of every channel, by the node's name and the path."""
        (animation,) = self.json["animations"]
        found = {}
        for channel in animation["channels"]:
            sampler = animation["samplers"][channel["sampler"]]
            assert sampler.get("interpolation", "LINEAR") == "LINEAR"
            key = self.json["nodes"][channel["target"]["node"]]["name"], channel["target"]["path"]
            assert "min" in self.json["accessors"][sampler["input"]]
            found[key] = self.accessor(sampler["input"]), self.accessor(sampler["output"])
        return found

    def _read(self, view: int, kind: type, count: int, shape: tuple[int, ...]) -> np.ndarray:
        at = self.json["bufferViews"][view]
        assert at["byteOffset"] % 4 == 0
        size = int(np.prod(shape, dtype=int))
        assert at["byteLength"] == count * size * np.dtype(kind).itemsize
        return np.frombuffer(self.bytes, kind, count * size, at["byteOffset"]).reshape(count, *shape)


@pytest.fixture(scope="module")
def written(avatar, lively, tmp_path_factory):
    path = tmp_path_factory.mktemp("glb") / "a line.glb"
    motion = lively(FRAMES)
    write_glb(path, avatar, motion, "A “line”")
    return path, motion


def test_blender_reads_the_same_body_face_and_mesh(written, avatar, imported):
    path, motion = written
    found = imported(path, 30, (0, 17, FRAMES - 1))
    assert_same_body(found, avatar, motion)
    assert_same_face(found, motion)
    for frame in (0, 17, FRAMES - 1):
        assert_same_mesh(found, avatar, motion, frame)
    assert set(found["actions"]) == {"A “line”"}
    assert list(found["materials"]) == ["skin", "lashes", "cloth"]


def test_raw_channels_hold_every_frame_of_body_and_face(written, avatar):
    path, motion = written
    channels = Glb(path).channels()
    assert len(channels) == 57
    for joint, name in enumerate(JOINT_NAMES):
        times, quaternions = channels[name, "rotation"]
        np.testing.assert_allclose(np.linalg.norm(quaternions, axis=1), 1, atol=1e-6)
        assert ((quaternions[1:] * quaternions[:-1]).sum(axis=1) > 0).all()  # no jumps of sign
        if name == "left_knee":  # it never moves
            assert len(times) == 1
            quaternions = np.tile(quaternions, (FRAMES, 1))
        else:
            np.testing.assert_allclose(times, np.arange(FRAMES) / 30, atol=1e-6)
        expected = Rotation.from_rotvec(motion.poses[:, joint]).as_matrix()
        np.testing.assert_allclose(Rotation.from_quat(quaternions).as_matrix(), expected, atol=2e-6)
    np.testing.assert_allclose(channels["pelvis", "translation"][1], avatar.joints[0] + motion.trans, atol=1e-6)
    np.testing.assert_array_equal(channels[avatar.name, "weights"][1].reshape(FRAMES, 52), motion.arkit)


def test_mesh_skin_and_morphs_are_the_avatars(written, avatar):
    file = Glb(written[0])
    (mesh,) = file.json["meshes"]
    assert mesh["extras"]["targetNames"] == list(ARKIT_NAMES)
    corners = []
    for material, primitive in enumerate(mesh["primitives"]):
        attributes = {name: file.accessor(index) for name, index in primitive["attributes"].items()}
        triangles = file.accessor(primitive["indices"]).reshape(-1, 3)
        chosen = avatar.face_material == material
        corners.append(attributes["POSITION"][triangles])
        np.testing.assert_array_equal(corners[-1], avatar.vertices[avatar.faces[chosen]])
        np.testing.assert_allclose(
            attributes["TEXCOORD_0"][triangles] * (1, -1) + (0, 1), avatar.uvs[chosen], atol=1e-6
        )
        np.testing.assert_allclose(attributes["WEIGHTS_0"].sum(axis=1), 1, atol=2e-7)
        np.testing.assert_allclose(np.linalg.norm(attributes["NORMAL"], axis=1), 1, atol=1e-6)
        for morph, target in zip(avatar.morphs, primitive["targets"], strict=True):
            moved = avatar.vertices.copy()
            moved[morph.vertices] += morph.offsets
            found = (attributes["POSITION"] + file.accessor(target["POSITION"]))[triangles]
            np.testing.assert_allclose(found, moved[avatar.faces[chosen]], atol=1e-6)
            turned = attributes["NORMAL"] + file.accessor(target["NORMAL"])
            np.testing.assert_allclose(np.linalg.norm(turned, axis=1), 1, atol=0.05)
    nodes, skin = file.json["nodes"], file.json["skins"][0]
    assert [nodes[joint]["name"] for joint in skin["joints"]] == list(JOINT_NAMES)
    for joint, parent in enumerate(JOINT_PARENTS):
        above = next(node["name"] for node in nodes if skin["joints"][joint] in node.get("children", ()))
        assert above == (JOINT_NAMES[parent] if parent >= 0 else "root")
    np.testing.assert_allclose(file.accessor(skin["inverseBindMatrices"])[:, 3, :3], -avatar.joints)
    names = [material["name"] for material in file.json["materials"]]
    assert names == [material.name for material in avatar.materials]
    for image, material in zip(file.json["images"], avatar.materials, strict=False):
        view = file.json["bufferViews"][image["bufferView"]]
        assert file.bytes[view["byteOffset"] :][: view["byteLength"]] == material.texture


@pytest.mark.parametrize("fps", [24, 25, 29.97, 30, 60])
def test_frame_rates(avatar, lively, tmp_path, fps):
    write_glb(tmp_path / "x.glb", avatar, lively(7, fps), "x")
    times, _ = Glb(tmp_path / "x.glb").channels()["head", "rotation"]
    np.testing.assert_allclose(times, np.arange(7) / fps, rtol=1e-6)


@pytest.mark.parametrize("name", ['It\'s a "take" 1', "Größe 日本語 🎬"])
def test_names_that_people_use(avatar, lively, tmp_path, name):
    path = tmp_path / f"{name}.glb"
    write_glb(path, avatar, lively(2), name)
    assert Glb(path).json["animations"][0]["name"] == name


def test_one_frame(avatar, lively, tmp_path):
    motion = lively(1)
    write_glb(tmp_path / "x.glb", avatar, motion, "x")
    times, weights = Glb(tmp_path / "x.glb").channels()[avatar.name, "weights"]
    np.testing.assert_array_equal(times, [0])
    np.testing.assert_array_equal(weights, motion.arkit[0])


def test_no_frames_is_said_and_nothing_is_written(avatar, lively, tmp_path):
    with pytest.raises(InputError, match="no frames"):
        write_glb(tmp_path / "x.glb", avatar, lively(0), "x")
    assert not list(tmp_path.iterdir())


def test_the_same_take_is_the_same_bytes(avatar, lively, tmp_path):
    for name in ("one.glb", "two.glb"):
        write_glb(tmp_path / name, avatar, lively(3), "x")
    assert (tmp_path / "one.glb").read_bytes() == (tmp_path / "two.glb").read_bytes()


@settings(max_examples=25, deadline=None)
@given(
    turn=st.lists(st.floats(-20, 20, width=32), min_size=3, max_size=3),
    axis=st.lists(st.floats(-1, 1, width=32), min_size=3, max_size=3),
)
def test_any_rotation_survives(avatar, tmp_path_factory, turn, axis):
    poses = np.zeros((4, 55, 3), np.float32)
    poses[:, 15] = np.outer([0, 0.3, 1, 2], axis) + turn
    nothing = np.zeros((4, 0), np.float32)
    motion = Motion(30, poses, np.zeros((4, 3), np.float32), np.zeros((4, 52), np.float32), nothing)
    path = tmp_path_factory.mktemp("any") / "x.glb"
    write_glb(path, avatar, motion, "x")
    times, quaternions = Glb(path).channels()["head", "rotation"]
    expected = Rotation.from_rotvec(poses[: len(times), 15]).as_matrix()
    np.testing.assert_allclose(Rotation.from_quat(quaternions).as_matrix(), expected, atol=5e-6)
