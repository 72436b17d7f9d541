"""The preferences' buttons: installing the backend and removing it, asking what another one is."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from blender_addon.core.version import VERSION

sys.path.append(str(Path(__file__).parents[1] / "addon"))
from standing_in import write_sources


@pytest.mark.skipif(sys.platform == "win32", reason="the paths are those of Linux and macOS")
def test_the_backend_is_installed_used_and_removed(blender, tmp_path, monkeypatch):
    python311 = tmp_path / "bin" / "python3.11"  # for Blenders with a newer one
    python311.parent.mkdir()
    python311.symlink_to(os.path.realpath(sys.executable))
    monkeypatch.setenv("PATH", str(python311.parent), prepend=os.pathsep)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("BLENDER_USER_RESOURCES", str(tmp_path / "user"))
    sources = write_sources(tmp_path / "sources")
    made = blender("use_preferences.py", sources, VERSION, tmp_path / "place")
    found = {name: value.item() for name, value in made.items()}
    assert "not installed" in found["nothing"]
    assert found["by_hand"] == "None"  # one that runs is used as it is
    assert "Online access is off" in found.get("offline", "Online access is off")
    assert "nothing to cancel" in found["nothing_to_cancel"]
    assert "already" in found["busy"]
    assert "is being installed: wait" in found["animate_while_installing"]
    assert found["cancelled"].startswith("Cancelled.")
    assert found["after_cancel"]
    assert not found["error"], found["log"]
    assert found["installed"] == f"vlogger {VERSION} is installed."
    assert found["own"]
    assert "is version 0.0.0, and this add-on" in found["old"]
    assert "Press Mend" in found["lost"]
    assert found["mended"] == f"vlogger {VERSION} works again."
    assert "Choose the environment first" in found["unchosen"]
    assert found["fits"].startswith(f"This is vlogger {VERSION} in Python 3.11.")
    assert "not a Python environment" in found["fits_not"]
    assert found["existing"]
    assert "token is not filled in" in found["no_token"]
    assert "can't be reached" in found["remote"]
    assert "Write it like https://host:8443" in found["no_address"]
    assert "Write it like https://host:8443" in found["no_address_to_test"]
    if "away" in found:
        assert "Online access is off" in found["away"]
        assert "Online access is off" in found["away_to_test"]
        assert found["here"] == "https://127.0.0.1:9"
        assert found["away_online"] == "https://host:8443"
    assert found["removed"].startswith("The backend is removed.")
    assert found["gone"]
