"""The box person of tests/blender as an Avatar, and its lively takes as Motions."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

INSIDE_BLENDER = Path(__file__).parents[1] / "blender"
sys.path.insert(0, str(INSIDE_BLENDER))

from box_person import box_person, lively_take  # noqa: E402

from vlogger_backend.avatars.avatar import Avatar, Material, Morph  # noqa: E402
from vlogger_backend.motion.motion import Motion  # noqa: E402
from vlogger_backend.motion.names import ARKIT_NAMES  # noqa: E402


@pytest.fixture(scope="session")
def avatar() -> Avatar:
    person = box_person(ARKIT_NAMES)
    return Avatar(
        name=person.name,
        vertices=person.vertices,
        faces=person.faces,
        uvs=person.uvs,
        face_material=person.face_material,
        materials=tuple(Material(**vars(material)) for material in person.materials),
        joints=person.joints,
        joint_indices=person.joint_indices,
        joint_weights=person.joint_weights,
        morphs=tuple(Morph(morph.vertices, morph.offsets) for morph in person.morphs),
    )


@pytest.fixture(scope="session")
def lively() -> Callable[..., Motion]:
    """`lively(frames, fps=30, seed=0)`: a Motion in which everything moves."""

    def make(frames: int, fps: float = 30.0, seed: int = 0) -> Motion:
        take = lively_take(frames, fps, seed, ARKIT_NAMES)
        return Motion(take.fps, take.poses, take.trans, take.face, np.zeros((frames, 0), np.float32))

    return make


@pytest.fixture(scope="session")
def imported(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., dict[str, np.ndarray]]:
    """`imported(file, fps, frames)`: what Blender's own importer makes of a file."""
    if importlib.util.find_spec("bpy") is None:  # not imported: bpy can hang when it is torn down
        pytest.skip("no bpy module")

    def read(path: Path, fps: float, frames: tuple[int, ...] = ()) -> dict[str, np.ndarray]:
        out = tmp_path_factory.mktemp("imported") / "out.npz"
        script = INSIDE_BLENDER / "inside" / "read_file.py"
        command = [sys.executable, str(script), str(out), str(path), str(fps), *map(str, frames)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
        assert out.exists(), done.stderr[-3000:]
        with np.load(out, allow_pickle=False) as file:
            return {name: file[name] for name in file.files}

    return read
