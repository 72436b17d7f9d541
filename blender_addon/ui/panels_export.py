"""The panel that exports takes."""

from __future__ import annotations

from typing import Any

import bpy

from .drawing import draw_errand
from .op_export import made_takes
from .operator import rig_of
from .panels import SidebarPanel, VLOGGER_PT_animate


class VLOGGER_PT_export(SidebarPanel, bpy.types.Panel):
    """Takes as files for engines."""

    bl_label = "Export"
    bl_parent_id = VLOGGER_PT_animate.__name__
    bl_options = {"DEFAULT_CLOSED"}

    @classmethod
    def poll(cls, context: Any) -> bool:
        armature = rig_of(context)
        return armature is not None and bool(made_takes(armature))

    def draw(self, context: Any) -> None:
        layout, settings = self.layout, context.scene.vlogger.export
        layout.use_property_split, layout.use_property_decorate = True, False
        column = layout.column()
        for name in ("preset", "folder", "textures", "overwrite"):
            column.prop(settings, name)
        if draw_errand(layout, "export"):
            return
        count = len(made_takes(rig_of(context)))
        row = layout.row(align=True)
        texts = {False: "Export FBX", True: f"All {count} Takes"} if count > 1 else {False: "Export FBX"}
        for all_takes, text in texts.items():
            button = row.operator("vlogger.export_takes", text=text, icon="NONE" if all_takes else "EXPORT")
            button.all_takes = all_takes
            for name in ("preset", "folder", "textures", "overwrite"):
                setattr(button, name, getattr(settings, name))


CLASSES = (VLOGGER_PT_export,)
