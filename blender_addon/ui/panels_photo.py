"""The panel that makes a portrait of a photo."""

from __future__ import annotations

from typing import Any

import bpy

from ..core.errors import AddonError
from ..core.portrait import AFFIRMED
from .drawing import draw_errand, draw_text
from .op_photo import how_well
from .operator import rig_of
from .panels import SidebarPanel, VLOGGER_PT_animate
from .portraits import portrait_of
from .session import session


class VLOGGER_PT_photo(SidebarPanel, bpy.types.Panel):
    """The person who performs the rig's takes in painted frames."""

    bl_label = "Photo"
    bl_parent_id = VLOGGER_PT_animate.__name__
    bl_options = {"DEFAULT_CLOSED"}

    @classmethod
    def poll(cls, context: Any) -> bool:
        return rig_of(context) is not None

    def draw(self, context: Any) -> None:
        layout, settings, armature = self.layout, context.scene.vlogger.photo, rig_of(context)
        layout.use_property_split, layout.use_property_decorate = True, False
        column = layout.column()
        column.enabled = "photo" not in session().errands
        column.prop(settings, "file")
        column.prop(settings, "person")
        row = column.row()
        row.use_property_split = False
        row.prop(settings, "affirmed", text="")
        draw_text(row, AFFIRMED, context)
        if not draw_errand(layout, "photo"):
            layout.operator("vlogger.fit_photo", icon="USER")
        layout.separator()
        column = layout.column()
        column.prop(armature, "vlogger_portrait")
        if not armature.vlogger_portrait:
            return
        try:
            _, portrait = portrait_of(armature)
        except AddonError as error:
            draw_text(column, str(error), context, "ERROR")
            return
        draw_text(column, f"{portrait.name}: {how_well(portrait)}", context, "CHECKMARK")
        row = layout.row(align=True)
        row.operator("vlogger.show_fit", icon="IMAGE_DATA")
        row.operator("vlogger.photo_view", icon="CAMERA_DATA")


CLASSES = (VLOGGER_PT_photo,)
