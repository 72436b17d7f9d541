"""How a rig is read, and corrected."""

from __future__ import annotations

from typing import Any

from .mapping import keep_correction, list_bones, mapping_of
from .operator import Operator, no_rig, rig_of
from .session import session


class VLOGGER_OT_match_rig(Operator):
    """Find which bones and shape keys of the rig perform what, and show it"""

    bl_idname = "vlogger.match_rig"
    bl_label = "Read Rig"

    @classmethod
    def disabled(cls, context: Any) -> str:
        return no_rig(context)

    def run(self, context: Any) -> str:
        armature = rig_of(context)
        _, mapping = mapping_of(armature)
        list_bones(armature, mapping)
        settings = armature.vlogger
        settings.kind, settings.face_kind, settings.score = mapping.kind, mapping.face_kind, mapping.score
        settings.problems = "\n".join(mapping.problems)
        settings.face_keys = len(mapping.face)
        return ""


class VLOGGER_OT_keep_correction(Operator):
    """Keep these bones for this rig, and for every rig with the same bone names"""

    bl_idname = "vlogger.keep_correction"
    bl_label = "Keep Correction"

    @classmethod
    def disabled(cls, context: Any) -> str:
        reason = no_rig(context)
        if not reason and not rig_of(context).vlogger.bones:
            return "Press Read Rig first"
        return reason

    def run(self, context: Any) -> str:
        kept = keep_correction(rig_of(context))
        session().mappings.forget()
        return f"The correction is kept in {kept}."


CLASSES = (VLOGGER_OT_match_rig, VLOGGER_OT_keep_correction)
