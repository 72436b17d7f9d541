"""How a rig is read, and corrected."""

from __future__ import annotations

from typing import Any

from ..core.corrections import forget_correction
from ..scene.rigs import read_rig
from .mapping import corrections_folder, keep_correction, list_mapping, mapping_of
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
        list_mapping(armature, *mapping_of(armature))
        return ""


class VLOGGER_OT_keep_correction(Operator):
    """Keep these bones and shape keys for this rig, and for every rig with the same bone names"""

    bl_idname = "vlogger.keep_correction"
    bl_label = "Keep Correction"

    @classmethod
    def disabled(cls, context: Any) -> str:
        reason = no_rig(context)
        if not reason and not rig_of(context).vlogger.bones:
            return "Press Read Rig first"
        return reason

    def run(self, context: Any) -> str:
        armature = rig_of(context)
        kept = keep_correction(armature)
        session().keying.mappings.forget()
        list_mapping(armature, *mapping_of(armature))
        return f"The correction is kept in {kept}."


class VLOGGER_OT_forget_correction(Operator):
    """Delete what was set by hand for this rig, and for every rig with the same bone names, and read it anew"""

    bl_idname = "vlogger.forget_correction"
    bl_label = "Reset"

    @classmethod
    def disabled(cls, context: Any) -> str:
        reason = no_rig(context)
        if not reason and not rig_of(context).vlogger.corrected:
            return "Nothing of this rig was set by hand"
        return reason

    def run(self, context: Any) -> str:
        armature = rig_of(context)
        forget_correction(corrections_folder(), read_rig(armature))
        session().keying.mappings.forget()
        list_mapping(armature, *mapping_of(armature))
        return "The rig is read as it was found."


CLASSES = (VLOGGER_OT_match_rig, VLOGGER_OT_keep_correction, VLOGGER_OT_forget_correction)
