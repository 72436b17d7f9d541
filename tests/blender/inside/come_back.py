"""Open what `ask_and_die.py` saved, and see what becomes of the take: `come_back.py OUT.npz FOLDER PYTHON`."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import bpy
from ask_and_die import prepare
from leave import leave
from use_panel import PATIENCE, refused, said, take_keys


def main(folder: str, python: str) -> dict[str, Any]:
    session, panel = prepare(folder, python), bpy.ops.vlogger
    from blender_addon.ui.asked import follow_next

    def opened() -> Any:
        bpy.ops.wm.open_mainfile(filepath=str(Path(folder) / "asked.blend"))
        armature = next(thing for thing in bpy.data.objects if thing.type == "ARMATURE")
        bpy.context.view_layer.objects.active = armature
        return armature

    def work() -> None:
        """Blender's timer, by hand, until nothing is waited for."""
        session.arrived = True  # without a window nothing is followed by itself
        end = time.monotonic() + PATIENCE
        while session.arrived or session.active:
            assert time.monotonic() < end, session.notices.latest
            if session.arrived:
                follow_next()
            time.sleep(min(session.tick(), 0.02))

    found: dict[str, Any] = {}
    opened()
    follow_next()
    armature = opened()  # while it is followed
    work()
    take = armature.vlogger_takes[0]
    found["said"], found["job"], found["path"] = said(), take.job, take.path
    found["keys"] = take_keys(armature)['key_blocks["jawOpen"].value0']
    # Before 4.4 body and face have an Action each, so that one of two names ends in a number.
    found["idle"] = sorted(
        a.name for a in bpy.data.actions if a.users <= a.use_fake_user and a.name.startswith("bonny")
    )
    bpy.context.scene.vlogger.file = ""
    panel.same_again()
    found["same_sound"] = bpy.context.scene.vlogger.file

    # The service has no such job any more
    armature = opened()
    found["unfinished"] = refused(panel.rekey)
    armature.vlogger_takes[0].job = "f" * 32
    work()
    found["gone"], found["gone_notice"] = armature.vlogger_takes[0].said, said()
    found["animated_by"] = armature.animation_data.action.name
    panel.make_again()
    work()
    found["again"], found["again_job"] = said(), armature.vlogger_takes[0].job
    found["again_keys"] = take_keys(armature)['key_blocks["jawOpen"].value0']

    # Another service is chosen
    armature = opened()
    chosen = bpy.context.preferences.addons["blender_addon"].preferences
    chosen.library = str(Path(folder) / "other")
    work()
    found["elsewhere"] = armature.vlogger_takes[0].said
    chosen.library = str(Path(folder) / "library")
    panel.follow_take()
    work()
    found["back"] = said()

    # Blender was closed before the service had it
    armature = opened()
    armature.vlogger_takes[0].job = "asked"
    work()
    found["never"] = armature.vlogger_takes[0].said
    panel.forget_take()
    found["left"] = len(armature.vlogger_takes)
    return found


if __name__ == "__main__":
    leave(main)
