"""Install the extension's zip in this Blender and use it: `load_zip.py OUT ZIP`.

BLENDER_USER_RESOURCES names an empty folder. Before 4.2 there were no extensions: it is unpacked where add-ons are.
"""

from __future__ import annotations

import sys
import zipfile
from pathlib import Path
from typing import Any

import bpy
from leave import leave


def enable(zipped: str) -> str:
    """Install and enable it as a user would; returns the module's name."""
    import addon_utils  # it is found only once bpy is there

    if bpy.app.version >= (4, 2, 0):
        addon_utils.enable("bl_pkg")
        bpy.ops.extensions.package_install_files(filepath=zipped, repo="user_default", enable_on_install=True)
        return "bl_ext.user_default.vlogger"
    folder = Path(bpy.utils.user_resource("SCRIPTS", path="addons", create=True)) / "vlogger"
    with zipfile.ZipFile(zipped) as file:
        file.extractall(folder)
    addon_utils.enable("vlogger", default_set=True)
    return "vlogger"


def main(zipped: str) -> dict[str, Any]:
    import addon_utils

    module = enable(zipped)
    where = Path(sys.modules[module].__file__).parent
    found: dict[str, Any] = {
        "enabled": addon_utils.check(module)[1],
        "operators": sorted(name for name in dir(bpy.ops.vlogger) if not name.startswith("_")),
        "carries": [(where / name).is_file() for name in ("backend/pyproject.toml", "rigs/mixamo.json")],
    }
    before = set(bpy.data.objects)
    bpy.ops.vlogger.add_character()
    found["kinds"] = sorted(thing.type for thing in set(bpy.data.objects) - before)
    addon_utils.disable(module)
    addon_utils.enable(module)
    addon_utils.disable(module)
    found["disabled"] = not addon_utils.check(module)[1]
    return found


if __name__ == "__main__":
    leave(main)
