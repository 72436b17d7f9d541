"""The add-on as an extension: one zip that Blender installs, in a folder that Blender can use as a repository."""

from __future__ import annotations

import importlib.util
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from .errors import InputError

_LEFT_OUT = shutil.ignore_patterns("__pycache__", "*.pyc", ".*")


def build_extension(folder: Path) -> Path:
    """Write `vlogger-VERSION.zip` and the `index.json` of a static extension repository to `folder`.

    Blender's own tool checks and writes them. Returns the zip's path. The same sources give the same files.

    Raises InputError if the folder can't be written, or Blender's Python module is not installed.
    """
    tool, sources, rigs = _blender_tool(), _package("blender_addon"), _package("rigs")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".extension-", dir=folder) as temporary:
            stage, made = Path(temporary) / "vlogger", Path(temporary) / "made"
            shutil.copytree(sources, stage, ignore=_LEFT_OUT)
            shutil.copytree(rigs, stage / "rigs", ignore=_LEFT_OUT)
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


def _run(tool: Path, *arguments: str) -> None:
    done = subprocess.run(
        [sys.executable, str(tool), *arguments], capture_output=True, text=True, encoding="utf-8", check=False
    )
    if done.returncode:
        said = [line for line in (done.stdout + done.stderr).splitlines() if line.strip()] or ["it said nothing"]
        raise RuntimeError(f"Blender's extension tool refused the add-on at `{arguments[0]}`: {' '.join(said[-3:])}")


def _blender_tool() -> Path:
    """The program that Blender builds extensions with; it is a part of Blender's Python module and needs no Blender."""
    spec = importlib.util.find_spec("bpy")
    found = sorted(Path(spec.origin).parent.glob("*/scripts/addons_core/bl_pkg/cli/blender_ext.py")) if (
        spec and spec.origin
    ) else []  # fmt: skip
    if not found:
        raise InputError(
            'The extension is built by Blender\'s Python module, which is not here; install it with: pip install "bpy==4.5.*"'
        )
    return found[-1]


def _package(name: str) -> Path:
    spec = importlib.util.find_spec(name)
    if spec is None or not spec.submodule_search_locations:
        raise InputError(f"The folder {name} is not installed; install vlogger anew: pip install --force-reinstall vlogger")
    return Path(next(iter(spec.submodule_search_locations)))
