"""Blender is never imported into the tests themselves: the scripts in `inside/` run in a Blender's Python.

By default that is the Python that runs the tests, if it has the `bpy` module. To test other versions, make an
environment for each and name their Pythons, separated as in PATH:

    python3.11 -m venv b42 && b42/bin/pip install "bpy==4.2.*" numpy
    python3.11 -m venv b50 && b50/bin/pip install "bpy==5.0.*" numpy
    python3.13 -m venv b52 && b52/bin/pip install "bpy==5.2.*" numpy
    VLOGGER_BLENDERS=b42/bin/python:b50/bin/python:b52/bin/python pytest tests/blender
"""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

HERE = Path(__file__).parent
_USER_FOLDERS = ("BLENDER_USER_CONFIG", "BLENDER_USER_SCRIPTS", "BLENDER_USER_DATAFILES")
"""So that nothing of the user's own Blender is read, or written."""
Blender = Callable[..., dict[str, np.ndarray]]


def _pythons() -> list[str]:
    if named := os.environ.get("VLOGGER_BLENDERS"):
        return named.split(os.pathsep)
    return [sys.executable] if importlib.util.find_spec("bpy") else []


@pytest.fixture(scope="session")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with `astronaut.png`, a public-domain photo of a person, `two.png` of two, `coffee.png` of nobody."""
    from skimage import data

    folder = tmp_path_factory.mktemp("photos")
    person = data.astronaut()
    for name, picture in {"astronaut": person, "two": np.hstack([person, person]), "coffee": data.coffee()}.items():
        Image.fromarray(picture).save(folder / f"{name}.png")
    return folder


@pytest.fixture(scope="session")
def portrait_file(photos: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The portrait of that person."""
    from vlogger_backend.portraits.making import affirmed_now, make_portrait
    from vlogger_backend.portraits.storage import write_portrait

    path = tmp_path_factory.mktemp("portrait") / "astronaut.portrait"
    write_portrait(make_portrait(photos / "astronaut.png", affirmed_now()), path)
    return path


@pytest.fixture(scope="session", params=_pythons() or [pytest.param("", marks=pytest.mark.skip("no bpy module"))])
def blender(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Blender:
    """`blender(script, *arguments)` runs `inside/script`, whose first argument is an .npz to write; returns that."""

    def run(script: str, *arguments: object) -> dict[str, np.ndarray]:
        out = tmp_path_factory.mktemp("blender") / "out.npz"
        command = [request.param, str(HERE / "inside" / script), str(out), *map(str, arguments)]
        path = os.pathsep.join([str(HERE.parents[1]), str(HERE)])
        done = subprocess.run(
            command,
            env={**os.environ, "PYTHONPATH": path, **dict.fromkeys(_USER_FOLDERS, str(out.parent))},
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        assert out.exists(), done.stderr[-3000:]
        with np.load(out, allow_pickle=False) as file:
            return {name: file[name] for name in file.files}

    return run
