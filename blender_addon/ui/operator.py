"""What all operators have in common: an error is a sentence, and a grey button says why it is grey."""

from __future__ import annotations

from typing import Any

import bpy

from ..core.errors import AddonError
from .notices import own_fault
from .session import session


class Operator(bpy.types.Operator):
    """An operator whose `run` does the work, and whose `disabled` says why it can't, "" if it can."""

    bl_options = {"REGISTER", "UNDO"}

    @classmethod
    def poll(cls, context: Any) -> bool:
        reason = cls.disabled(context)
        if reason:
            cls.poll_message_set(reason)
        return not reason

    @classmethod
    def disabled(cls, context: Any) -> str:
        return ""

    def execute(self, context: Any) -> set[str]:
        try:
            said = self.run(context)
        except Exception as error:
            told = error if isinstance(error, AddonError) else own_fault(error)
            session().notices.tell(told)
            self.report({"ERROR"}, str(told))
            return {"CANCELLED"}
        if said:
            self.report({"INFO"}, said)
        return {"FINISHED"}

    def run(self, context: Any) -> str:
        """Do it; returns a sentence for the status bar, "" if what was done shows itself. Raises AddonError."""
        raise NotImplementedError


def rig_of(context: Any) -> Any:
    """The armature that the panel is about: the picked one, else the active one or that of the active mesh; or None."""
    picked = context.scene.vlogger.rig
    if picked is not None and picked.name in context.scene.objects:
        return picked
    active = context.object
    while active is not None:
        if active.type == "ARMATURE":
            return active
        carried = active.find_armature() if active.type == "MESH" else None
        active = carried or active.parent
    armatures = [thing for thing in context.scene.objects if thing.type == "ARMATURE"]
    return armatures[0] if len(armatures) == 1 else None


def no_rig(context: Any) -> str:
    """Why there is no rig, "" if there is one."""
    if rig_of(context) is not None:
        return ""
    active = context.object
    if active is not None and active.instance_collection is not None:
        how = "Library Override > Make" if active.instance_collection.library else "Apply > Make Instances Real"
        return f"{active.name} is an instance of a collection, which can't be animated: use Object > {how}"
    return "There is no rig: select an armature, or add one with Add > Armature > VLOGGER Character"
