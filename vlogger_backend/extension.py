"""The add-on as an extension: one zip that Blender installs, in a folder that Blender can use as a repository.

The zip holds the add-on, what is known of other people's rigs, the default character, and in `backend/` the sources of
the backend, from which the add-on installs it: so the two always fit.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from .errors import InputError

_LEFT_OUT = shutil.ignore_patterns("__pycache__", "*.pyc", ".*")
_BACKEND = ("pyproject.toml", "README.md", "LICENSE", "vlogger_backend", "blender_addon", "rigs")
"""What pip needs to install the backend."""
_DATE = 946_728_000
"""The date of every file in the zip, 1 January 2000, so that the same sources give the same zip."""


def build_extension(folder: Path) -> Path:
    """Write `vlogger-VERSION.zip` and the `index.json` of a static extension repository to `folder`.

    Blender's own tool checks and writes them. Returns the zip's path. The same sources give the same zip.

    Raises InputError if the folder can't be written, this is no checkout, or Blender's Python module is not installed.
    """
    sources, tool = _checkout(), _blender_tool()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".extension-", dir=folder) as temporary:
            stage, made = Path(temporary) / "vlogger", Path(temporary) / "made"
            _lay_out(sources, stage)
            made.mkdir()
            _run(tool, "validate", str(stage))
            _run(tool, "build", "--source-dir", str(stage), "--output-dir", str(made))
            (built,) = made.glob("*.zip")
            zipped = folder / built.name
            built.replace(zipped)
            _run(tool, "server-generate", "--repo-dir", str(folder), "--html")
    except OSError as error:
        raise InputError(
            f"The extension can't be written to {folder}: {error.strerror or error}. Choose another folder with -o."
        ) from error
    return zipped


def _lay_out(sources: Path, stage: Path) -> None:
    """Put all that goes into the zip where it goes."""
    shutil.copytree(sources / "blender_addon", stage, ignore=_LEFT_OUT)
    shutil.copytree(sources / "rigs", stage / "rigs", ignore=_LEFT_OUT)
    _write_character(stage / "character.npz")
    (stage / "backend").mkdir()
    for name in _BACKEND:
        place = stage / "backend" / name
        if (sources / name).is_dir():
            shutil.copytree(sources / name, place, ignore=_LEFT_OUT)
        else:
            shutil.copyfile(sources / name, place)
    for path in stage.rglob("*"):
        os.utime(path, (_DATE, _DATE))


def _write_character(path: Path) -> None:
    import numpy as np

    from .avatars.library import load_avatar
    from .exports.character import write_character

    write_character(path, load_avatar())
    with np.load(path) as file:
        arrays = dict(file)
    np.savez_compressed(path, **arrays)


def _checkout() -> Path:
    """The folder that holds the sources of everything."""
    folder = Path(__file__).parents[1]
    missing = [name for name in _BACKEND if not (folder / name).exists()]
    if missing:
        raise InputError(
            f"The extension is built from a checkout, and {folder} is none: there is no {missing[0]}. Fetch vlogger's "
            "sources, and run `python -m vlogger_backend.cli extension build` in their folder."
        )
    return folder


def _blender_tool() -> Path:
    """The program that Blender builds extensions with; it is a part of Blender's Python module and needs no Blender."""
    spec = importlib.util.find_spec("bpy")
    place = Path(spec.origin).parent if spec and spec.origin else None
    found = sorted(place.glob("*/scripts/addons_core/bl_pkg/cli/blender_ext.py")) if place else []
    if not found:
        raise InputError(
            "The extension is built by Blender's Python module, which is not here; install it with: "
            'pip install "bpy==4.5.*"'
        )
    return found[-1]


def _run(tool: Path, *arguments: str) -> None:
    done = subprocess.run(
        [sys.executable, str(tool), *arguments],
        env={**os.environ, "TZ": "UTC"},  # zips have local times
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
    )
    if done.returncode:
        said = [line for line in (done.stdout + done.stderr).splitlines() if line.strip()] or ["it said nothing"]
        raise RuntimeError(f"Blender's extension tool refused the add-on at `{arguments[0]}`: {' '.join(said[-3:])}")
