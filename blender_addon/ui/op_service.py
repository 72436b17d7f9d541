"""The service and its errors: connecting anew, and a report to copy."""

from typing import Any

import bpy
from bpy.props import BoolProperty

from ..core.report import masked, report
from .operator import Operator
from .session import session


class VLOGGER_OT_connect(Operator):
    """Look for the service again, and start it if it is not there"""

    bl_idname = "vlogger.connect"
    bl_label = "Connect"
    bl_options = {"INTERNAL"}

    replace: BoolProperty(
        name="Replace",
        description="End the service of another version that runs; its jobs are kept",
        options={"SKIP_SAVE"},
    )

    def run(self, context: Any) -> str:
        session().reconnect(self.replace)
        return ""


class VLOGGER_OT_copy_report(Operator):
    """Copy what happened, with the versions of everything and without private paths, to paste into a mail"""

    bl_idname = "vlogger.copy_report"
    bl_label = "Copy Report"
    bl_options = {"INTERNAL"}

    @classmethod
    def disabled(cls, context: Any) -> str:
        return "" if session().notices.latest is not None else "Nothing went wrong"

    def run(self, context: Any) -> str:
        held, notice = session(), session().notices.latest
        if notice is None:
            return ""
        facts = {"Blender": bpy.app.version_string, "Service": masked(held.service.sentence) or "not asked yet"}
        error = notice.error or RuntimeError(notice.sentence)
        context.window_manager.clipboard = report(error, facts, held.service_lines)
        return "The report is on the clipboard."


class VLOGGER_OT_dismiss(Operator):
    """Put this message away"""

    bl_idname = "vlogger.dismiss"
    bl_label = "Dismiss"
    bl_options = {"INTERNAL"}

    def run(self, context: Any) -> str:
        session().notices.say("")
        return ""


class VLOGGER_OT_preferences(Operator):
    """Open the preferences of the add-on, where the backend is installed"""

    bl_idname = "vlogger.preferences"
    bl_label = "Set Up Backend"
    bl_options = {"INTERNAL"}

    def run(self, context: Any) -> str:
        bpy.ops.preferences.addon_show(module=__package__.rpartition(".")[0])
        return ""


CLASSES = (VLOGGER_OT_connect, VLOGGER_OT_copy_report, VLOGGER_OT_dismiss, VLOGGER_OT_preferences)
