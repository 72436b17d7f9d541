"""A window with the built-in character and the panel: `blender --python open_window.py -- STATE SOUND PYTHON LIBRARY`.

The add-on is the one that is installed, called `vlogger`. What goes on is written to the file STATE as JSON, again and
again.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import bpy
import mathutils

drawn = 0
"""How often the panel was drawn."""

STATE, SOUND, PYTHON, LIBRARY = sys.argv[sys.argv.index("--") + 1 :]


def prepare() -> None:
    import addon_utils

    addon_utils.enable("vlogger", default_set=True)
    preferences = bpy.context.preferences
    chosen = preferences.addons["vlogger"].preferences
    chosen.backend, chosen.program, chosen.library = "existing", PYTHON, LIBRARY
    _count_drawing()
    bpy.data.objects.remove(bpy.data.objects["Cube"])
    bpy.context.scene.vlogger.file = SOUND
    bpy.context.scene.frame_end = 90
    bpy.ops.vlogger.add_character()
    for area in bpy.context.window_manager.windows[0].screen.areas:
        if area.type == "VIEW_3D":
            space = area.spaces[0]
            space.show_region_ui = True
            space.shading.type = "MATERIAL"
            view = space.region_3d
            view.view_rotation = mathutils.Euler((1.5, 0, 0.3)).to_quaternion()
            view.view_location, view.view_distance = (-0.12, 0, 1.35), 1.5


def _count_drawing() -> None:
    from vlogger.ui.panels import VLOGGER_PT_animate

    draw = VLOGGER_PT_animate.draw

    def counted(self: bpy.types.Panel, context: bpy.types.Context) -> None:
        global drawn  # noqa: PLW0603
        draw(self, context)
        drawn += 1

    VLOGGER_PT_animate.draw = counted


def tell() -> float:
    from vlogger.scene.unfinished import unfinished_takes
    from vlogger.ui.session import session

    held = session()
    armature = next((thing for thing in bpy.data.objects if thing.type == "ARMATURE"), None)
    action = armature.animation_data.action if armature and armature.animation_data else None
    state = {
        "drawn": drawn,
        "ready": armature is not None,
        "making": sorted(held.keying.making),
        "service": held.service.state,
        "said": held.notices.latest.sentence if held.notices.latest else "",
        "takes": [take.name for take in armature.vlogger_takes] if armature else [],
        "keys": sum(len(curve.keyframe_points) for curve in action.fcurves) if action else 0,
        "playing": any(screen.is_animation_playing for screen in bpy.data.screens),
        "unfinished": sorted(unfinished_takes()),
        "longest_tick": held.longest_tick,
    }
    new = Path(STATE).with_suffix(".new")
    new.write_text(json.dumps(state))
    new.replace(STATE)
    return 0.2


bpy.context.preferences.view.show_splash = False
bpy.app.timers.register(prepare, first_interval=0.5)
bpy.app.timers.register(tell, first_interval=1.0)
