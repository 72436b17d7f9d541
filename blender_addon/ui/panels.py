"""The panels in the sidebar of the 3D view."""

from __future__ import annotations

from typing import Any

import bpy

from ..core.service_process import OtherVersionError, StartError
from ..scene.compat import draw_progress, why_offline
from .asked import is_waiting
from .backend import backend, clock, size
from .chosen import preferences, why_no_service
from .drawing import draw_errand, draw_hint, draw_text
from .models import models
from .operator import no_rig, rig_of
from .session import session
from .takes import DIALS, shown_take, take_file


class SidebarPanel:
    """Where all panels of the add-on are."""

    bl_space_type = "VIEW_3D"
    bl_region_type = "UI"
    bl_category = "VLOGGER"


class VLOGGER_PT_animate(SidebarPanel, bpy.types.Panel):
    """Sound, text and rig; the button; and what goes on."""

    bl_label = "VLOGGER"

    def draw(self, context: Any) -> None:
        session().seen()
        layout, settings = self.layout, context.scene.vlogger
        layout.use_property_split, layout.use_property_decorate = True, False
        column = layout.column()
        row = column.row()
        row.use_property_split = False
        row.prop(settings, "source", expand=True)
        column.prop(settings, settings.source, text=settings.bl_rna.properties[settings.source].name)
        column.prop(settings, "text")
        column.prop(settings, "language")
        column = layout.column()
        armature = rig_of(context)
        column.prop(settings, "rig", text="Rig")
        if settings.rig is None and armature is not None:
            draw_hint(column, f"Active: {armature.name}", "ARMATURE_DATA")
        if settings.model or any(model.expressive for model in models()):
            column.prop(settings, "models")
        column.prop(settings, "seed")
        column.prop(settings, "place_sound")
        self._button(context, armature)
        draw_errand(layout, "import")
        draw_notice(layout, context)

    def _button(self, context: Any, armature: Any) -> None:
        layout, making = self.layout, session().keying.making.get(armature.name) if armature is not None else None
        if making is None:
            row = layout.row(align=True)
            row.scale_y = 1.6
            row.operator("vlogger.animate", icon="PLAY")
            row.operator("vlogger.animate", text="", icon="FILE_REFRESH").another = True
            reason = no_rig(context)
            if reason:
                draw_text(layout, reason, context, "INFO")
            draw_backend(layout, context)
            return
        handle, seconds = making.handle, making.performing.frames / max(making.performing.fps, 1.0)
        waiting = "Waiting for the service" if handle.state == "sending" else handle.state.capitalize()
        words = [handle.stage or waiting]
        if handle.left is not None:
            words.append(f"{handle.left:.0f} s left")
        if seconds:
            words.append(f"{seconds:.1f} s keyed")
        draw_progress(layout, handle.done, ", ".join(words))
        row = layout.row()
        row.enabled = not handle.cancelling
        row.operator("vlogger.cancel", text="Cancelling …" if handle.cancelling else "Cancel (Esc)", icon="X")


class VLOGGER_PT_style(SidebarPanel, bpy.types.Panel):
    """How the next take is performed."""

    bl_label = "Style of the Next Take"
    bl_parent_id = "VLOGGER_PT_animate"
    bl_options = {"DEFAULT_CLOSED"}

    def draw(self, context: Any) -> None:
        layout = self.layout
        layout.use_property_split, layout.use_property_decorate = True, False
        for name in ("energy", "gesture", "head", "gaze", "blink"):
            layout.prop(context.scene.vlogger, name, slider=True)


class VLOGGER_UL_takes(bpy.types.UIList):
    """The takes of a rig."""

    def draw_item(
        self, context: Any, layout: Any, data: Any, item: Any, icon: Any, active_data: Any, active_property: Any
    ) -> None:
        row = layout.row(align=True)
        row.prop(item, "name", text="", emboss=False, icon=_take_icon(item))
        if not item.job and take_file(item) is None:
            row.label(text="", icon="UNLINKED")


def _take_icon(take: Any) -> str:
    if take.job:
        return "ERROR" if take.said else "SORTTIME"
    return "ACTION"


class VLOGGER_PT_takes(SidebarPanel, bpy.types.Panel):
    """The takes of the rig, side by side."""

    bl_label = "Takes"
    bl_parent_id = "VLOGGER_PT_animate"

    @classmethod
    def poll(cls, context: Any) -> bool:
        armature = rig_of(context)
        return armature is not None and len(armature.vlogger_takes) > 0

    def draw(self, context: Any) -> None:
        layout, armature = self.layout, rig_of(context)
        row = layout.row()
        row.template_list("VLOGGER_UL_takes", "", armature, "vlogger_takes", armature, "vlogger_take", rows=3)
        column = row.column(align=True)
        column.operator("vlogger.forget_take", text="", icon="REMOVE")
        column.operator("vlogger.same_again", text="", icon="COPYDOWN")
        column.operator("vlogger.put_on_track", text="", icon="NLA")
        take = shown_take(armature)
        if take is not None and is_waiting(armature, take):
            box = layout.box().column()
            said = take.said or f"{take.name} was asked for before Blender was closed, and is not there yet."
            draw_text(box, said, context, "ERROR" if take.said else "SORTTIME")
            row = box.row(align=True)
            row.operator("vlogger.follow_take", icon="VIEWZOOM")
            row.operator("vlogger.make_again", icon="FILE_REFRESH")


class VLOGGER_PT_dials(SidebarPanel, bpy.types.Panel):
    """Dials that act on the take that is there."""

    bl_label = "Dials of This Take"
    bl_parent_id = "VLOGGER_PT_takes"

    @classmethod
    def poll(cls, context: Any) -> bool:
        armature = rig_of(context)
        take = shown_take(armature) if armature is not None else None
        return take is not None and not take.job

    def draw(self, context: Any) -> None:
        layout, armature = self.layout, rig_of(context)
        layout.use_property_split, layout.use_property_decorate = True, False
        take = shown_take(armature)
        column = layout.column()
        column.enabled = take_file(take) is not None
        for name in DIALS:
            column.prop(take, name, slider=True)
        if not column.enabled:
            draw_text(
                layout, "The file of this take is gone: make the take again to use its dials.", context, "UNLINKED"
            )
        layout.operator("vlogger.reset_dials")
        column = layout.column(heading="Pins")
        column.prop(armature, "vlogger_pin_reach")
        column.operator("vlogger.rekey", icon="KEYTYPE_EXTREME_VEC")
        layout.operator("vlogger.reduce_keys", icon="IPO_BEZIER")


def draw_backend(layout: Any, context: Any) -> None:
    """Why nothing can be made just now, if the backend is the reason, with the button that mends it."""
    state, own = backend().installer.poll(), preferences(context).backend == "own"
    if own and state.busy and state.doing == "install":
        box = layout.box().column()
        draw_progress(box, state.fraction, f"Installing, {clock(state.seconds)}")
        for step in state.steps:
            if step.state == "running":
                draw_hint(box, step.detail or step.name, "BLANK1")
        row = box.row(align=True)
        row.operator("vlogger.cancel_install", text="Cancelling …" if state.cancelling else "Cancel", icon="X")
        row.operator("vlogger.preferences", text="", icon="PREFERENCES")
        return
    reason = why_no_service()
    if not reason:
        return
    box = layout.box().column()
    failed = state.error if own else None
    draw_text(box, str(failed or f"{reason}."), context, "ERROR" if failed else "INFO")
    if own and backend().environment is None and not state.busy and not why_offline():
        draw_text(box, f"It downloads about {size(backend().installer.recipe.download)}.", context, "BLANK1")
        row = box.row(align=True)
        row.operator("vlogger.install_backend", icon="IMPORT")
        row.operator("vlogger.preferences", text="", icon="PREFERENCES")
    else:
        box.operator("vlogger.preferences", icon="PREFERENCES")


def draw_notice(layout: Any, context: Any) -> None:
    """What the session tells, with the buttons that help."""
    held = session()
    if held.notices.latest is None:
        if held.service.state == "away":
            draw_text(layout, held.service.sentence, context, "ERROR")
        elif held.service.state == "starting" and held.active:
            draw_text(layout, held.service.sentence, context, "SORTTIME")
        return
    box, error = layout.box(), held.notices.latest.error
    draw_text(box, held.notices.latest.sentence, context, "ERROR" if error is not None else "CHECKMARK")
    row = box.row(align=True)
    if isinstance(error, OtherVersionError):
        row.operator("vlogger.connect", text="Replace It").replace = True
    elif isinstance(error, StartError):
        row.operator("vlogger.preferences", icon="PREFERENCES")
        row.operator("vlogger.connect", icon="FILE_REFRESH")
    if error is not None:
        row.operator("vlogger.copy_report", text="Copy Report", icon="COPYDOWN")
    row.operator("vlogger.dismiss", text="", icon="X")


CLASSES = (
    VLOGGER_PT_animate,
    VLOGGER_PT_style,
    VLOGGER_UL_takes,
    VLOGGER_PT_takes,
    VLOGGER_PT_dials,
)
