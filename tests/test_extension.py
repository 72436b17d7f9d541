"""The add-on as one zip, with all that it needs and nothing else."""

from __future__ import annotations

import ast
import json
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

import vlogger_backend
from blender_addon.core import version
from blender_addon.core.character import read_character
from blender_addon.core.installer import Recipe
from vlogger_backend import extension
from vlogger_backend.cli import main
from vlogger_backend.errors import InputError

REPOSITORY = Path(__file__).parents[1]

pytest.importorskip("bpy", reason="Blender's module, which has the tool that builds extensions, is not here")


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that `vlogger extension build` makes."""
    folder = tmp_path_factory.mktemp("extension") / "repository"
    with pytest.raises(SystemExit) as end:
        main(["extension", "build", "-o", str(folder), "--quiet"])
    assert end.value.code == 0
    return folder


@pytest.fixture(scope="module")
def zipped(repository: Path) -> Path:
    return repository / f"vlogger-{version.VERSION}.zip"


@pytest.fixture(scope="module")
def unzipped(zipped: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("unzipped")
    with zipfile.ZipFile(zipped) as file:
        file.extractall(folder)
    return folder


def test_blenders_own_validator_accepts_the_zip(zipped: Path) -> None:
    command = [sys.executable, str(extension._blender_tool()), "validate", str(zipped)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_it_is_a_repository_that_blender_reads(repository: Path, zipped: Path) -> None:
    (entry,) = json.loads((repository / "index.json").read_text("utf-8"))["data"]
    assert (entry["id"], entry["version"], entry["archive_size"]) == ("vlogger", version.VERSION, zipped.stat().st_size)
    assert entry["blender_version_min"] == "4.2.0"
    assert "wheels" not in entry
    assert sorted(path.name for path in repository.iterdir()) == ["index.html", "index.json", zipped.name]


def test_it_holds_no_waste(zipped: Path) -> None:
    with zipfile.ZipFile(zipped) as file:
        names = file.namelist()
    assert not [name for name in names if re.search(r"__pycache__|\.pyc$|(^|/)\.|~$", name)]
    assert {name.partition("/")[0] for name in names} == {
        "__init__.py", "blender_manifest.toml", "character.npz", "core", "scene", "ui", "rigs", "backend",
    }  # fmt: skip
    assert zipped.stat().st_size < 12_000_000  # two bodies, a painter, a head, speech rules: 10.7 MB


def test_the_same_sources_give_the_same_zip(zipped: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    assert extension.build_extension(tmp_path / "again").read_bytes() == zipped.read_bytes()


def test_all_say_the_same_version(unzipped: Path) -> None:
    manifest = tomllib.loads((unzipped / "blender_manifest.toml").read_text("utf-8"))
    project = tomllib.loads((unzipped / "backend" / "pyproject.toml").read_text("utf-8"))["project"]
    info = next(
        ast.literal_eval(node.value)
        for node in ast.parse((unzipped / "__init__.py").read_text("utf-8")).body
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "bl_info"
    )
    assert {
        manifest["version"],
        project["version"],
        version.VERSION,
        vlogger_backend.__version__,
        ".".join(map(str, info["version"])),
    } == {version.VERSION}
    assert project["requires-python"] == ">=3.11,<3.12"  # what blender_addon/core/pythons.py looks for


def test_the_default_character_is_in_it(unzipped: Path) -> None:
    character = read_character(unzipped / "character.npz")
    assert len(character.morphs) == 52
    assert (unzipped / "character.npz").stat().st_size < 3_000_000


def test_pip_makes_the_backend_of_it(unzipped: Path, tmp_path: Path) -> None:
    sources = shutil.copytree(unzipped / "backend", tmp_path / "backend")
    command = [sys.executable, "-m", "pip", "wheel", "--no-deps", "--no-build-isolation", "-w", tmp_path, sources]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if "BackendUnavailable" in done.stderr or "No module named pip" in done.stderr:
        pytest.skip("setuptools, which builds the backend, is not here")
    assert done.returncode == 0, done.stderr
    with zipfile.ZipFile(next(tmp_path.glob("*.whl"))) as wheel:
        names = set(wheel.namelist())
    assert "vlogger_backend/avatars/data/default.npz" in names
    assert "blender_addon/scene/headless.py" in names
    assert {f"rigs/{path.name}" for path in (unzipped / "rigs").glob("*.json")} <= names


def test_what_is_no_checkout_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(extension, "__file__", str(tmp_path / "vlogger_backend" / "extension.py"))
    with pytest.raises(InputError, match=r"built from a checkout, and .* there is no pyproject\.toml"):
        extension.build_extension(tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_folder_that_can_not_be_written_to_is_told(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("a file")
    with pytest.raises(InputError, match="can't be written"):
        extension.build_extension(tmp_path / "out")


def test_the_installer_is_meant_for_it(unzipped: Path) -> None:
    recipe = Recipe(unzipped / "backend", version.VERSION)
    assert recipe.uv.partition("==")[2], "what fetches a Python is pinned"
