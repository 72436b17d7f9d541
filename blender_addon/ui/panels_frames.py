"""The panel that makes pictures of a take."""

from __future__ import annotations

from typing import Any

import bpy

from ..core.errors import AddonError
from ..scene.camera import picture_size
from ..scene.character import body_of
from .drawing import draw_errand, draw_text
from .models import models
from .op_frames import why_no_painter
from .operator import rig_of
from .panels import SidebarPanel, VLOGGER_PT_animate
from .portraits import PHOTO
from .takes import shown_take
from .wish import wanted_frames


class VLOGGER_PT_frames(SidebarPanel, bpy.types.Panel):
    """Pictures of the shown take, as the scene's camera sees it."""

    bl_label = "Frames"
    bl_parent_id = VLOGGER_PT_animate.__name__
    bl_options = {"DEFAULT_CLOSED"}

    @classmethod
    def poll(cls, context: Any) -> bool:
        armature = rig_of(context)
        take = shown_take(armature) if armature is not None else None
        return take is not None and not take.job

    def draw(self, context: Any) -> None:
        layout, scene, armature = self.layout, context.scene, rig_of(context)
        layout.use_property_split, layout.use_property_decorate = True, False
        settings = scene.vlogger.frames
        row = layout.row()
        row.use_property_split = False
        row.prop(settings, "painter", expand=True)
        if settings.painter == PHOTO:
            self._photo(context)
        elif body_of(armature) is None:
            draw_text(
                layout,
                "This rig's take is drawn on the character that it was made for: keys edited by hand don't show.",
                context,
                "INFO",
            )
        column = layout.column()
        column.prop(scene, "camera")
        try:
            frames = wanted_frames(scene, shown_take(armature))
        except AddonError as error:
            draw_text(column, str(error), context, "ERROR")
            return
        width, height = picture_size(scene)
        draw_text(column, f"{len(frames)} of {width} x {height}, frames {frames.start} to {frames.stop - 1}", context)
        column.prop(settings, "strip")
        if not draw_errand(layout, "frames"):
            layout.operator("vlogger.render_frames", icon="RENDER_ANIMATION")
        row = layout.row(align=True)
        row.operator("vlogger.show_frames", icon="IMAGE_DATA")
        row = layout.row(align=True)
        row.operator("vlogger.frames_to_sequencer", icon="SEQUENCE")
        row.operator("vlogger.frames_to_compositor", icon="NODE_COMPOSITING")

    def _photo(self, context: Any) -> None:
        layout, settings = self.layout, context.scene.vlogger.frames
        reason = why_no_painter(context)
        column = layout.column()
        column.prop(settings, "renderers")
        if settings.body or any(model.expressive for model in models()):
            column.prop(settings, "bodies")
        column.prop(settings, "background")
        if reason:
            draw_text(layout, f"{reason}.", context, "ERROR")


CLASSES = (VLOGGER_PT_frames,)
