"""What can be done with a take that was asked for before Blender was closed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ..core.errors import AddonError
from .asked import ask, asked_for, follow, is_waiting
from .chosen import why_no_service
from .operator import Operator, no_rig, rig_of
from .takes import shown_take


class _AskedOperator(Operator):
    @classmethod
    def disabled(cls, context: Any) -> str:
        reason = no_rig(context)
        if reason:
            return reason
        armature = rig_of(context)
        take = shown_take(armature)
        if take is None or not is_waiting(armature, take):
            return "This take is not waited for"
        return why_no_service()


class VLOGGER_OT_follow_take(_AskedOperator):
    """Ask the service again for this take, which was asked for before Blender was closed"""

    bl_idname = "vlogger.follow_take"
    bl_label = "Look Again"

    def run(self, context: Any) -> str:
        armature = rig_of(context)
        follow(armature, shown_take(armature))
        return ""


class VLOGGER_OT_make_again(_AskedOperator):
    """Have this take made once more, from the same sound with the same settings"""

    bl_idname = "vlogger.make_again"
    bl_label = "Make Again"

    def run(self, context: Any) -> str:
        armature = rig_of(context)
        take = shown_take(armature)
        asked = asked_for(take)
        if asked is None:
            raise AddonError(f"{take.name} doesn't say what it was made with. Delete it, and animate anew.")
        sound = Path(str(asked.request.get("audio")))
        if not sound.is_file():
            raise AddonError(f"The sound of {take.name} is no longer at {sound}. Pick it anew, and animate.")
        ask(context, armature, take, lambda folder: asked)
        return ""


CLASSES = (VLOGGER_OT_follow_take, VLOGGER_OT_make_again)
