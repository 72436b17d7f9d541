"""Meshes from anywhere: what is read, in the file's order, and what is refused before it is decoded."""

import json
import struct
from pathlib import Path

import numpy as np
import pytest
import trimesh

from vlogger_backend.avatars import scan as scans
from vlogger_backend.avatars.scan import SUFFIXES, Scan, read_scan
from vlogger_backend.errors import InputError


@pytest.fixture
def ball() -> trimesh.Trimesh:
    return trimesh.creation.icosphere(subdivisions=2)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_every_format_is_the_same_surface(tmp_path: Path, ball: trimesh.Trimesh, suffix: str) -> None:
    path = tmp_path / f"ball{suffix}"
    ball.export(path)
    found = read_scan(path)
    assert len(found.faces) == len(ball.faces)
    assert np.abs(found.vertices[found.faces].mean(axis=1) - ball.triangles_center).max() < 1e-6
    joined = found.joined()
    assert len(joined.vertices) == len(ball.vertices)
    if suffix != ".stl":
        assert np.abs(found.vertices - ball.vertices).max() < 1e-6, "in the file's order"


def test_an_obj_with_texture_parts_and_materials_keeps_its_vertices(tmp_path: Path, ball: trimesh.Trimesh) -> None:
    rows = ["mtllib none.mtl"] + [f"v {x} {y} {z}" for x, y, z in ball.vertices]
    rows += [f"vt 0.{n:04d} 0.5" for n in range(3 * len(ball.faces))] + ["vn 0 0 1"]
    for number, face in enumerate(ball.faces):
        rows += [f"o part{number}", f"usemtl m{number}"] if number % 100 == 0 else []
        rows.append("f " + " ".join(f"{vertex + 1}/{3 * number + k + 1}/1" for k, vertex in enumerate(face)))
    path = tmp_path / "parts.obj"
    path.write_text("\n".join(rows))
    found = read_scan(path)
    assert np.abs(found.vertices - ball.vertices).max() < 1e-9
    assert (found.faces == ball.faces).all()


def test_a_scene_is_one_mesh_where_it_stands(tmp_path: Path, ball: trimesh.Trimesh) -> None:
    scene = trimesh.Scene()
    scene.add_geometry(ball)
    scene.add_geometry(ball.copy(), transform=trimesh.transformations.translation_matrix([5, 0, 0]))
    scene.export(tmp_path / "two.glb")
    found = read_scan(tmp_path / "two.glb")
    assert len(found.faces) == 2 * len(ball.faces)
    assert np.ptp(found.vertices[:, 0]) == pytest.approx(7, abs=1e-5)


def test_inside_out_is_turned(ball: trimesh.Trimesh) -> None:
    turned = Scan(np.asarray(ball.vertices), np.asarray(ball.faces[:, ::-1], np.int32)).joined()
    corners = turned.vertices[turned.faces]
    assert np.einsum("fi,fi->", corners[:, 0], np.cross(corners[:, 1], corners[:, 2])) > 0


def ply(vertices: int, faces: int, body: bytes = b"") -> bytes:
    return (
        b"ply\nformat binary_little_endian 1.0\nelement vertex %d\nproperty float x\nproperty float y\n"
        b"property float z\nelement face %d\nproperty list uchar int vertex_indices\nend_header\n" % (vertices, faces)
    ) + body


def glb(about: dict[str, object]) -> bytes:
    text = json.dumps(about).encode()
    text += b" " * (-len(text) % 4)
    return struct.pack("<4sIII4s", b"glTF", 2, 20 + len(text), len(text), b"JSON") + text


@pytest.mark.parametrize(
    ("name", "data", "said"),
    [
        ("a.txt", b"x", "no mesh that can be read"),
        ("a.fbx", b"x", r"\.obj, \.ply, \.stl or \.glb"),
        ("a.obj", b"", "no triangles"),
        ("a.obj", b"v 0 0 0\nv 1 0 0\nv 0 1 0\n", "points only"),
        ("a.obj", b"v 0 0 0\nv 1 0 0\nv nan 1 0\nf 1 2 3\n", "not finite"),
        ("a.obj", b"v 0 0 0\nv 1 0 0\nf 1 2 9\n", "export it again"),
        ("a.obj", b"\x89PNG\r\n\x1a\n" * 40, "no triangles|export it again"),
        ("a.ply", b"no ply", "doesn't begin like"),
        ("a.ply", ply(2_000_000_000, 0), "claims more than it holds"),
        ("a.ply", ply(3, 1, b"abc"), "export it again|claims more"),
        ("a.stl", b"\0" * 80 + struct.pack("<I", 4_000_000_000), "claims more than it holds"),
        ("a.stl", b"", "no triangles|export it again"),
        ("a.glb", b"glTF", "export it again"),
        ("a.glb", glb({"asset": {"version": "2.0"}, "accessors": [{"count": 10**12}]}), "claims 1,000,000,000,000"),
        ("a.glb", glb({"asset": {}, "extensionsRequired": ["KHR_draco_mesh_compression"]}), "compressed"),
        (
            "a.glb",
            glb({"asset": {"version": "2.0"}, "buffers": [{"uri": "../../secret", "byteLength": 9}]}),
            "again|no",
        ),
    ],
)
def test_bad_files_are_a_sentence(tmp_path: Path, name: str, data: bytes, said: str) -> None:
    path = tmp_path / name
    path.write_bytes(data)
    with pytest.raises(InputError, match=said):
        read_scan(path)


def test_what_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="can't be read"):
        read_scan(tmp_path / "none.obj")
    (tmp_path / "folder.obj").mkdir()
    with pytest.raises(InputError, match="is a folder"):
        read_scan(tmp_path / "folder.obj")


def test_a_gigantic_mesh_is_refused(tmp_path: Path, ball: trimesh.Trimesh, monkeypatch: pytest.MonkeyPatch) -> None:
    ball.export(tmp_path / "ball.ply")
    monkeypatch.setattr(scans, "MOST", 100)
    with pytest.raises(InputError, match="at most 100"):
        read_scan(tmp_path / "ball.ply")
