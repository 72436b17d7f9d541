"""The panel that shows how a rig is read, and takes corrections."""

from __future__ import annotations

from typing import Any

import bpy

from .drawing import draw_text
from .operator import rig_of
from .panels import SidebarPanel, VLOGGER_PT_animate


class VLOGGER_UL_bones(bpy.types.UIList):
    """The joints of a take and the bones that perform them."""

    def draw_item(
        self, context: Any, layout: Any, data: Any, item: Any, icon: Any, active_data: Any, active_property: Any
    ) -> None:
        split = layout.split(factor=0.42)
        split.label(text=item.name.replace("_", " ").replace(" smplhf", ""))
        split.prop_search(item, "bone", data.id_data.data, "bones", text="")


class VLOGGER_UL_keys(bpy.types.UIList):
    """The parts of the face on one mesh, and the shape keys that perform them; what is missing or in doubt first."""

    def draw_item(
        self, context: Any, layout: Any, data: Any, item: Any, icon: Any, active_data: Any, active_property: Any
    ) -> None:
        split = layout.split(factor=0.48)
        split.alert = item.doubt > 0 and item.key == item.found
        split.label(text=item.name.replace("viseme_", "/"))
        mesh = bpy.data.objects.get(item.mesh)
        if mesh is not None and mesh.type == "MESH" and mesh.data.shape_keys is not None:
            split.prop_search(item, "key", mesh.data.shape_keys, "key_blocks", text="")
        else:
            split.label(text=f"{item.mesh} is gone")

    def filter_items(self, context: Any, data: Any, property: str) -> tuple[list[int], list[int]]:
        wanted = self.filter_name.lower()
        shown = (
            row.mesh == data.face_mesh and (wanted in row.name.lower() or wanted in row.key.lower())
            for row in getattr(data, property)
        )
        return [self.bitflag_filter_item if one else 0 for one in shown], []


class VLOGGER_PT_rig(SidebarPanel, bpy.types.Panel):
    """Which bones and shape keys perform what."""

    bl_label = "Rig"
    bl_parent_id = VLOGGER_PT_animate.__name__
    bl_options = {"DEFAULT_CLOSED"}

    @classmethod
    def poll(cls, context: Any) -> bool:
        return rig_of(context) is not None

    def draw(self, context: Any) -> None:
        layout, settings = self.layout, rig_of(context).vlogger
        layout.operator("vlogger.match_rig", icon="VIEWZOOM")
        if not settings.bones:
            return
        column = layout.column(align=True)
        kind = settings.kind or "read by its structure"
        column.label(text=f"{kind}, {settings.score:.0%} sure", icon="ARMATURE_DATA")
        face = f"{settings.face_kind}, {settings.face_keys} shape keys" if settings.face_keys else "no face"
        column.label(text=face, icon="SHAPEKEY_DATA")
        for problem in filter(None, settings.problems.split("\n")):
            draw_text(layout, problem, context, "INFO")
        layout.template_list("VLOGGER_UL_bones", "", settings, "bones", settings, "bone", rows=6)
        if 0 <= settings.bone < len(settings.bones):
            draw_text(layout, settings.bones[settings.bone].reason, context)
        if settings.keys:
            self._face(layout, context, settings)
        row = layout.row(align=True)
        row.operator("vlogger.keep_correction", icon="FILE_TICK")
        if settings.corrected:
            row.operator("vlogger.forget_correction", icon="LOOP_BACK")

    def _face(self, layout: Any, context: Any, settings: Any) -> None:
        column = layout.column()
        if len({row.mesh for row in settings.keys}) > 1:
            column.prop(settings, "face_mesh", text="")
        column.template_list("VLOGGER_UL_keys", "", settings, "keys", settings, "key", rows=6)
        if 0 <= settings.key < len(settings.keys):
            row = settings.keys[settings.key]
            if row.mesh == settings.face_mesh:
                draw_text(column, row.reason, context)


CLASSES = (VLOGGER_UL_bones, VLOGGER_UL_keys, VLOGGER_PT_rig)
