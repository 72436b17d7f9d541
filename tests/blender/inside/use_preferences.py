"""Install and remove the backend by the preferences' buttons: `use_preferences.py OUT SOURCES VERSION FOLDER`.

SOURCES are those of a package that stands in the backend's place.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import bpy
from leave import leave
from use_panel import PACKAGE


def refused(act: Callable[[], object]) -> str:
    """The sentence with which something refuses, or the words of its grey button."""
    try:
        act()
    except Exception as error:
        return str(error)
    return ""


def wait() -> Any:
    """What the timer does, until there is nothing more to do; returns the last state."""
    from blender_addon.ui.backend import backend

    end = time.monotonic() + 240
    while backend().look() is not None:
        assert time.monotonic() < end
        time.sleep(0.02)
    return backend().installer.poll()


def main(sources: str, version: str, place: str) -> dict[str, Any]:
    import addon_utils  # it is found only once bpy is there

    bpy.ops.wm.read_factory_settings(use_empty=True)
    addon_utils.enable(PACKAGE, default_set=True)
    from blender_addon.core.backend_folder import BackendFolder
    from blender_addon.core.installer import Installer
    from blender_addon.ui.backend import backend
    from blender_addon.ui.chosen import chosen_service

    root = Path(place) / "backend"
    held, panel = backend(), bpy.ops.vlogger
    recipe = replace(held.installer.recipe, sources=Path(sources), version=version, disk=1)
    held.installer = Installer(recipe, BackendFolder(root))  # not in the user's own folder
    held.environment = None
    chosen = bpy.context.preferences.addons[PACKAGE].preferences
    chosen.library = str(Path(place) / "library")
    armature = bpy.data.objects.new("Rig", bpy.data.armatures.new("Rig"))
    bpy.context.scene.collection.objects.link(armature)
    found: dict[str, Any] = {"nothing": refused(panel.animate)}
    library = Path(chosen.library)
    library.mkdir(parents=True)
    (library / "service.json").write_text(json.dumps({"pid": os.getpid()}))
    found["by_hand"] = str(chosen_service().program)
    (library / "service.json").unlink()

    system = bpy.context.preferences.system
    if hasattr(system, "use_online_access"):
        system.use_online_access = False
        found["offline"] = refused(panel.install_backend)
        system.use_online_access = True
    found["nothing_to_cancel"] = refused(panel.cancel_install)
    panel.install_backend()
    found["busy"] = refused(panel.install_backend)
    found["animate_while_installing"] = refused(panel.animate)
    panel.cancel_install()
    state = wait()
    found["cancelled"] = state.said
    found["after_cancel"] = held.environment is None

    panel.install_backend()
    state = wait()
    found["error"] = str(state.error or "")
    found["log"] = "\n".join(held.installer.log[-30:])
    found["installed"] = state.said
    program = chosen_service().program
    found["own"] = program == root / "env-1" / "bin" / "python" and program.is_file()

    marker = root / "env-1" / "vlogger.json"
    written = marker.read_text()
    marker.write_text(written.replace(version, "0.0.0"))
    found["old"] = refused(chosen_service)
    marker.write_text(written)
    for link in (root / "env-1" / "bin").glob("python*"):
        link.unlink()
    found["lost"] = refused(chosen_service)
    panel.install_backend()
    found["mended"] = wait().said

    chosen.backend = "existing"
    found["unchosen"] = refused(panel.check_backend)
    for name, where in (("fits", root / "env-1"), ("fits_not", place)):
        chosen.program = str(where)
        panel.check_backend()
        wait()
        found[name] = held.finding.sentence
    chosen.program = str(root / "env-1")
    found["existing"] = chosen_service().program == program
    chosen.backend, chosen.url = "remote", "http://127.0.0.1:9"
    found["no_token"] = refused(panel.animate)
    chosen.token = "token"
    panel.check_backend()
    wait()
    found["remote"] = held.finding.sentence
    chosen.url = "host:8443"
    found["no_address"], found["no_address_to_test"] = refused(panel.animate), refused(panel.check_backend)
    if hasattr(system, "use_online_access"):
        system.use_online_access = False
        chosen.url = "https://127.0.0.1:9"
        found["here"] = chosen_service().address.url
        chosen.url = "https://host:8443"
        found["away"], found["away_to_test"] = refused(panel.animate), refused(panel.check_backend)
        system.use_online_access = True
        found["away_online"] = chosen_service().address.url

    chosen.backend = "own"
    panel.remove_backend()
    state = wait()
    found["removed"] = state.said
    found["gone"] = not root.exists()
    addon_utils.disable(PACKAGE, default_set=True)
    return found


if __name__ == "__main__":
    leave(main)
