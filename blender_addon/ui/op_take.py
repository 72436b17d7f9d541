"""Making takes, choosing among them, and what can be done with one."""

import json
import random
from pathlib import Path
from typing import Any

from bpy.props import BoolProperty, FloatProperty

from ..core.dials import Dials
from ..core.errors import AddonError
from ..core.simplify import Bound
from ..scene import sound as sounds
from ..scene.compat import put_on_track
from ..scene.rigs import face_meshes
from ..scene.sound import SceneSound, heard_of, rate_of
from .asked import Asked, ask, asked_for, is_waiting
from .chosen import why_no_service
from .models import performer
from .operator import Operator, no_rig, rig_of
from .session import session
from .takes import DIALS, add_take, forget_take, show_take, shown_take, take_file
from .undo import push_undo

_STYLE = ("energy", "gesture", "head", "gaze", "blink")
_USUAL = {name: Dials.__dataclass_fields__[name].default for name in DIALS}


class VLOGGER_OT_animate(Operator):
    """Animate the rig to the sound"""

    bl_idname = "vlogger.animate"
    bl_label = "Animate"
    bl_options = {"UNDO"}  # no panel to adjust it: that would ask for the take again

    another: BoolProperty(name="Another", description="With a new seed", default=False, options={"SKIP_SAVE"})

    def invoke(self, context: Any, event: Any) -> set[str]:
        """Pressed in a window: it goes on listening for Esc until the take is made."""
        result = self.execute(context)
        if "FINISHED" not in result:
            return result
        push_undo(self.bl_label)
        self._armature = rig_of(context).name
        context.window_manager.modal_handler_add(self)
        return {"RUNNING_MODAL"}

    def modal(self, context: Any, event: Any) -> set[str]:
        if self._armature not in session().keying.making:
            return {"CANCELLED"}  # the step for undo is there since it was pressed
        in_view = context.area is not None and context.area.type == "VIEW_3D"
        if event.type == "ESC" and event.value == "PRESS" and in_view and not context.screen.is_animation_playing:
            session().keying.cancel(self._armature)
            return {"RUNNING_MODAL"}
        return {"PASS_THROUGH"}

    @classmethod
    def disabled(cls, context: Any) -> str:
        reason = no_rig(context)
        if not reason and rig_of(context).name in session().keying.making:
            return "A take of this rig is being made: cancel it, or wait"
        return reason or why_no_service()

    def run(self, context: Any) -> str:
        scene, armature, settings = context.scene, rig_of(context), context.scene.vlogger
        sound = chosen_sound(scene)
        before = settings.seed
        if self.another:
            settings.seed = random.randrange(1, 100_000)
        model = performer(scene, armature)
        request = {
            "text": settings.text.strip() or None,
            "language": settings.language,
            "fps": min(max(rate_of(scene), 1.0), 240.0),
            "seed": settings.seed,
            "style": {name: getattr(settings, name) for name in _STYLE},
            **({"body": model} if model else {}),
        }

        def what(folder: Path) -> Asked:
            heard = heard_of(sound, scene, folder)
            placed = (sound.name, heard.path) if settings.place_sound and sound.source == "file" else None
            return Asked({**request, "audio": str(heard.path)}, placed, heard.write)

        chosen = armature.vlogger_take
        take = add_take(armature, f"{sound.name} {settings.seed}" if settings.seed else sound.name, sound.frame)
        try:
            ask(context, armature, take, what)
        except Exception:
            settings.seed = before
            armature.vlogger_takes.remove(len(armature.vlogger_takes) - 1)
            armature.vlogger_take = chosen
            raise
        return ""


class VLOGGER_OT_cancel(Operator):
    """Stop making the take; the rig is as before"""

    bl_idname = "vlogger.cancel"
    bl_label = "Cancel"
    bl_options = {"INTERNAL"}

    @classmethod
    def disabled(cls, context: Any) -> str:
        armature = rig_of(context)
        return "" if armature is not None and armature.name in session().keying.making else "Nothing is being made"

    def run(self, context: Any) -> str:
        session().keying.cancel(rig_of(context).name)
        return ""


class _TakeOperator(Operator):
    while_waiting = False
    """Whether it can be done with a take that was asked for and isn't there."""

    @classmethod
    def disabled(cls, context: Any) -> str:
        reason = no_rig(context)
        if reason:
            return reason
        armature = rig_of(context)
        take = shown_take(armature)
        if take is None:
            return "This rig has no take yet: press Animate"
        if not take.job:
            return ""
        if not is_waiting(armature, take):
            return "This take is still being made"
        return "" if cls.while_waiting else "This take is not there yet: press Look Again, or Make Again"


class VLOGGER_OT_show_take(_TakeOperator):
    """Animate the rig by this take"""

    bl_idname = "vlogger.show_take"
    bl_label = "Show Take"

    def run(self, context: Any) -> str:
        show_take(context, rig_of(context))
        return ""


class VLOGGER_OT_forget_take(_TakeOperator):
    """Take this take off the list, and its Actions out of the file"""

    bl_idname = "vlogger.forget_take"
    bl_label = "Delete Take"
    while_waiting = True

    def run(self, context: Any) -> str:
        armature = rig_of(context)
        name = shown_take(armature).name
        forget_take(armature, armature.vlogger_take)
        show_take(context, armature)
        return f"{name} is deleted."


class VLOGGER_OT_same_again(_TakeOperator):
    """Set the panel to what this take was made with, so that Animate makes it, or a variation of it, again"""

    bl_idname = "vlogger.same_again"
    bl_label = "Use Its Settings"
    while_waiting = True

    def run(self, context: Any) -> str:
        settings, take = context.scene.vlogger, shown_take(rig_of(context))
        asked = asked_for(take)
        request = asked.request if asked else request_of(take)
        settings.source, settings.file = "file", str(request.get("audio", settings.file))
        settings.text = request.get("text") or ""
        settings.seed = int(request.get("seed", 0))
        for name in _STYLE:
            setattr(settings, name, request.get("style", {}).get(name, 1.0))
        body = request.get("body")
        settings.model = body if isinstance(body, str) else ""
        try:
            settings.language = str(request.get("language", "en"))
        except TypeError as error:
            raise AddonError(f"The take's language, {request.get('language')}, is not in the list.") from error
        return f"The panel is set as {take.name} was made."


class VLOGGER_OT_put_on_track(_TakeOperator):
    """Make this take an NLA strip of its own, so that takes and other animation can be mixed"""

    bl_idname = "vlogger.put_on_track"
    bl_label = "Push to NLA"

    def run(self, context: Any) -> str:
        armature = rig_of(context)
        take = shown_take(armature)
        show_take(context, armature)
        for owner in (armature, *(mesh.data.shape_keys for mesh in face_meshes(armature))):
            animation = owner.animation_data
            if animation is not None and animation.action is not None:
                action = animation.action
                start, end = (action.frame_start, action.frame_end) if action.use_frame_range else action.frame_range
                put_on_track(owner, take.name, start, end)
                animation.action = None
        return f"{take.name} is an NLA strip."


class VLOGGER_OT_reset_dials(_TakeOperator):
    """Set all dials to leave the take as it was made"""

    bl_idname = "vlogger.reset_dials"
    bl_label = "Reset Dials"

    def run(self, context: Any) -> str:
        take = shown_take(rig_of(context))
        for name, value in _USUAL.items():
            setattr(take, name, value)
        return ""


class _FileOperator(_TakeOperator):
    @classmethod
    def disabled(cls, context: Any) -> str:
        reason = super().disabled(context)
        if not reason and take_file(shown_take(rig_of(context))) is None:
            return "The file of this take is gone: make the take again"
        return reason


class VLOGGER_OT_rekey(_FileOperator):
    """Key this take anew from its file; pinned keys (type Extreme) are kept, and the take bends to them"""

    bl_idname = "vlogger.rekey"
    bl_label = "Key Anew"

    def run(self, context: Any) -> str:
        armature = rig_of(context)
        session().keying.rekey(armature, shown_take(armature))
        return ""


class VLOGGER_OT_reduce_keys(_FileOperator):
    """Key this take with few Bezier keys, to be edited by hand; the lips still close, pinned keys are kept"""

    bl_idname = "vlogger.reduce_keys"
    bl_label = "Reduce Keys"

    degrees: FloatProperty(
        name="Degrees", description="How far a bone may be off at most", default=0.5, min=0.05, max=10.0
    )
    millimetres: FloatProperty(
        name="Millimetres", description="How far a point may be off at most", default=0.5, min=0.05, max=20.0
    )

    def invoke(self, context: Any, event: Any) -> set[str]:
        return set(context.window_manager.invoke_props_dialog(self))

    def run(self, context: Any) -> str:
        armature = rig_of(context)
        session().keying.rekey(armature, shown_take(armature), Bound(self.degrees, self.millimetres))
        return ""


def chosen_sound(scene: Any) -> SceneSound:
    """The sound that the panel says. Raises AddonError if there is none."""
    settings = scene.vlogger
    if settings.source == "file":
        return sounds.of_file(scene, settings.file)
    if settings.source == "speaker":
        if settings.speaker is None or settings.speaker.data.sound is None:
            raise AddonError("No speaker with a sound is picked. Pick one, or choose a strip or a file.")
        return sounds.of_speaker(scene, settings.speaker)
    for sound in sounds.sounds_in(scene):
        if sound.source == "strip" and sound.name == settings.strip:
            return sound
    raise AddonError("The sequencer has no such sound strip. Add the sound there, or choose a file.")


def request_of(take: Any) -> dict[str, Any]:
    """The request that a take was made with, from its Action. Raises AddonError if it is not there."""
    try:
        meta = json.loads(str(take.action["vlogger"]))
        request = meta.get("request", meta)
        if not isinstance(request, dict):
            raise ValueError("it is no request")
        return request
    except (KeyError, ValueError, TypeError, AttributeError) as error:
        raise AddonError(f"{take.name} doesn't say what it was made with. Animate anew.") from error


CLASSES = (
    VLOGGER_OT_animate,
    VLOGGER_OT_cancel,
    VLOGGER_OT_show_take,
    VLOGGER_OT_forget_take,
    VLOGGER_OT_same_again,
    VLOGGER_OT_put_on_track,
    VLOGGER_OT_reset_dials,
    VLOGGER_OT_rekey,
    VLOGGER_OT_reduce_keys,
)
