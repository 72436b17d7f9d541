"""The zip that `vlogger extension build` makes, installed in each Blender at hand."""

from __future__ import annotations

from pathlib import Path

import pytest

from vlogger_backend.extension import build_extension

pytest.importorskip("bpy", reason="Blender's module, which has the tool that builds extensions, is not here")


@pytest.fixture(scope="module")
def zipped(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_extension(tmp_path_factory.mktemp("repository"))


def test_it_is_installed_enabled_used_and_disabled(blender, zipped, tmp_path, monkeypatch):
    monkeypatch.setenv("BLENDER_USER_RESOURCES", str(tmp_path))
    found = blender("load_zip.py", zipped)
    assert found["enabled"]
    assert {"animate", "install_backend", "import_take", "match_rig"} <= set(found["operators"].tolist())
    assert found["carries"].all()
    assert found["kinds"].tolist() == ["ARMATURE", "MESH"]
    assert found["disabled"]
