"""Pictures of a take, as the scene's camera sees it: the buttons."""

from typing import Any

from ..core.errors import AddonError
from ..scene.camera import check_camera
from ..scene.character import body_of
from ..scene.pictures import add_node, add_strip, show_beside
from ..scene.rigs import check_rig
from .chosen import why_no_service
from .operator import Operator, no_rig, rig_of
from .painting import paint
from .portraits import PHOTO
from .renderers import what_lacks
from .session import session
from .takes import shown_take, take_file
from .wish import person_of, shown_image, wish_of


class VLOGGER_OT_render_frames(Operator):
    """Make pictures of the shown take, as the scene's camera sees it: of the 3D character, or of the photo's person"""

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
        if "frames" in session().errands:
            return "Pictures are being made: cancel, or wait"
        return why_no_painter(context) or why_no_service()

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
        if take is None or shown_image(context.scene, take) is None:
            return "There are no pictures yet: press Render Frames"
        return ""


class VLOGGER_OT_show_frames(_PictureOperator):
    """Show the pictures beside the viewport, in an Image Editor that follows the scene's frame"""

    bl_idname = "vlogger.show_frames"
    bl_label = "Beside Viewport"
    bl_options = {"REGISTER"}

    def run(self, context: Any) -> str:
        show_beside(context, _image(context))
        return ""


class VLOGGER_OT_frames_to_sequencer(_PictureOperator):
    """Lay the pictures into the sequencer, over what is there. Renders come from the sequencer then"""

    bl_idname = "vlogger.frames_to_sequencer"
    bl_label = "Sequencer"

    def run(self, context: Any) -> str:
        add_strip(context.scene, _image(context))
        return "The pictures are in the sequencer, which is what Blender renders now."


class VLOGGER_OT_frames_to_compositor(_PictureOperator):
    """Make the pictures a node of the compositor, with alpha"""

    bl_idname = "vlogger.frames_to_compositor"
    bl_label = "Compositor"

    def run(self, context: Any) -> str:
        add_node(context.scene, _image(context))
        return "The pictures are a node of the compositor."


def why_no_painter(context: Any) -> str:
    """Why the photo's person can't be painted, "" if they can, or if frames are of the 3D character."""
    settings = context.scene.vlogger.frames
    try:
        person_of(context.scene, rig_of(context))
    except AddonError as error:
        return str(error).rstrip(".")
    return what_lacks(settings.renderer).rstrip(".") if settings.painter == PHOTO else ""


def _image(context: Any) -> Any:
    return shown_image(context.scene, shown_take(rig_of(context)))


CLASSES = (
    VLOGGER_OT_render_frames,
    VLOGGER_OT_show_frames,
    VLOGGER_OT_frames_to_sequencer,
    VLOGGER_OT_frames_to_compositor,
)
