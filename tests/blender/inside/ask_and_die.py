"""Ask for a take, save, and end as if killed: `ask_and_die.py OUT.npz FOLDER PYTHON CHARACTER SOUND`."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import bpy
from leave import leave
from use_panel import PACKAGE, PATIENCE


def prepare(folder: str, python: str) -> Any:
    """An empty Blender with the add-on, which is returned by its session."""
    import addon_utils  # it is found only once bpy is there

    bpy.ops.wm.read_factory_settings(use_empty=True)
    addon_utils.enable(PACKAGE, default_set=True)
    from blender_addon.ui.session import session

    chosen = bpy.context.preferences.addons[PACKAGE].preferences
    chosen.backend, chosen.program, chosen.library = "existing", python, str(Path(folder) / "library")
    return session()


def main(folder: str, python: str, character: str, sound: str) -> dict[str, Any]:
    session = prepare(folder, python)
    from blender_addon.core.character import read_character
    from blender_addon.scene.character import build_character

    armature = build_character(bpy.context, read_character(Path(character))).armature
    bpy.context.view_layer.objects.active = armature
    mine = bpy.data.actions.new("Mine")
    armature.animation_data_create().action = mine
    bpy.context.scene.vlogger.file = sound
    bpy.ops.vlogger.animate()
    making = session.keying.making[armature.name]
    end = time.monotonic() + PATIENCE
    while not making.performing.frames and time.monotonic() < end:
        session.tick()
        time.sleep(0.005)
    bpy.ops.wm.save_as_mainfile(filepath=str(Path(folder) / "asked.blend"))
    take = armature.vlogger_takes[0]
    return {"job": take.job, "made": making.ended is not None, "animated_by": armature.animation_data.action.name}


if __name__ == "__main__":
    leave(main)
