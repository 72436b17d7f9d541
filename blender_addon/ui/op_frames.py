"""Pictures of a take, as the scene's camera sees it: the buttons."""

from typing import Any

from ..scene.camera import check_camera
from ..scene.character import body_of
from ..scene.pictures import add_node, add_strip, show_beside
from ..scene.rigs import check_rig
from .chosen import why_no_service
from .operator import Operator, no_rig, rig_of
from .painting import paint
from .session import session
from .takes import shown_take, take_file
from .wish import wish_of


class VLOGGER_OT_render_frames(Operator):
    """Make pictures, with alpha, of what the rig does over the shown take, as the scene's camera sees it"""

    bl_idname = "vlogger.render_frames"
    bl_label = "Render Frames"
    bl_options = {"REGISTER"}

    @classmethod
    def disabled(cls, context: Any) -> str:
        reason = no_rig(context)
        if reason:
            return reason
        take = shown_take(rig_of(context))
        if take is None:
            return "This rig has no take yet: press Animate"
        if take.job:
            return "This take is still being made"
        if take_file(take) is None:
            return "The file of this take is gone: make the take again"
        return "Pictures are being made: cancel, or wait" if "frames" in session().errands else why_no_service()

    def run(self, context: Any) -> str:
        armature = rig_of(context)
        check_rig(armature)
        wish = wish_of(context.scene, armature, shown_take(armature))
        check_camera(context.scene, armature)
        session().begin("frames", paint(wish, body_of(armature)))
        return ""


class _PictureOperator(Operator):
    @classmethod
    def disabled(cls, context: Any) -> str:
        reason = no_rig(context)
        if reason:
            return reason
        take = shown_take(rig_of(context))
        return "" if take is not None and take.image is not None else "There are no pictures yet: press Render Frames"


class VLOGGER_OT_show_frames(_PictureOperator):
    """Show the pictures beside the viewport, in an Image Editor that follows the scene's frame"""

    bl_idname = "vlogger.show_frames"
    bl_label = "Beside Viewport"
    bl_options = {"REGISTER"}

    def run(self, context: Any) -> str:
        show_beside(context, shown_take(rig_of(context)).image)
        return ""


class VLOGGER_OT_frames_to_sequencer(_PictureOperator):
    """Lay the pictures into the sequencer, over what is there. Renders come from the sequencer then"""

    bl_idname = "vlogger.frames_to_sequencer"
    bl_label = "Sequencer"

    def run(self, context: Any) -> str:
        add_strip(context.scene, shown_take(rig_of(context)).image)
        return "The pictures are in the sequencer, which is what Blender renders now."


class VLOGGER_OT_frames_to_compositor(_PictureOperator):
    """Make the pictures a node of the compositor, with alpha"""

    bl_idname = "vlogger.frames_to_compositor"
    bl_label = "Compositor"

    def run(self, context: Any) -> str:
        add_node(context.scene, shown_take(rig_of(context)).image)
        return "The pictures are a node of the compositor."


CLASSES = (
    VLOGGER_OT_render_frames,
    VLOGGER_OT_show_frames,
    VLOGGER_OT_frames_to_sequencer,
    VLOGGER_OT_frames_to_compositor,
)
