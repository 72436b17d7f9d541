"""A person from a photo: fitted, shown, and seen as the photo shows them."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

import bpy

from ..core.errors import AddonError
from ..core.jobs import JobHandle
from ..core.portrait import AFFIRMED, PortraitFile, read_portrait_file
from ..core.standing import BY_HEAD, standing
from ..core.steps import awaited
from ..scene.camera import look_from
from ..scene.pictures import show_beside, show_in_editors
from ..scene.rigs import check_rig, rig_in_steps
from .chosen import why_no_service
from .errand import At, Steps, in_steps
from .mapping import finder
from .operator import Operator, no_rig, rig_of
from .portraits import FITTED, fit_image, fit_of, portrait_of
from .served import served
from .session import session
from .takes import new_folder, safe_name
from .undo import push_undo

_SIZES = (512, 1024)
"""Pixels between which the longer side of a shot is, as of `vlogger render`."""


class VLOGGER_OT_fit_photo(Operator):
    """Fit the head to the photo: where it was taken from, the shape of the face, its expression, hair and background"""

    bl_idname = "vlogger.fit_photo"
    bl_label = "Fit Photo"
    bl_options = {"REGISTER"}

    @classmethod
    def disabled(cls, context: Any) -> str:
        settings = context.scene.vlogger.photo
        if "photo" in session().errands:
            return "A photo is being fitted: cancel it, or wait"
        if no_rig(context):
            return no_rig(context)
        if not settings.file:
            return "No photo is chosen"
        if not settings.affirmed:
            return f"No portrait is made without consent. Tick the sentence to affirm it: {AFFIRMED}"
        return why_no_service()

    def run(self, context: Any) -> str:
        settings, armature = context.scene.vlogger.photo, rig_of(context)
        photo = Path(bpy.path.abspath(settings.file))
        if not photo.is_file():
            raise AddonError(f"There is no photo at {photo}. It was moved or deleted; choose it again.")
        folder = new_folder(safe_name(f"{photo.stem} portrait"))
        session().begin("photo", _fit(context.scene.name, armature.name, photo, settings.person, folder))
        return ""


def _fit(scene: str, armature: str, photo: Path, person: int, folder: Path) -> Steps:
    job = {"kind": "portrait", "photo": photo, "consent": True, "face": person or None, "name": photo.stem}
    try:
        yield from served(job, folder, f"Portrait of {photo.stem}", _at)
        path = folder / FITTED
        portrait = read_portrait_file(path)
    except BaseException:
        with suppress(OSError):
            folder.rmdir()
        raise
    thing = bpy.data.objects.get(armature)
    if thing is None:
        raise AddonError(f"{armature} is gone. The portrait is {path}: choose it under Photo for another rig.")
    thing.vlogger_portrait = str(path)
    if scene in bpy.data.scenes:
        bpy.data.scenes[scene].vlogger.photo.affirmed = False  # the next portrait is another one
    show_in_editors(fit_image(path, portrait.name))
    push_undo(f"VLOGGER Portrait of {portrait.name}")
    return f"{portrait.name} is fitted. {how_well(portrait)}"


def how_well(portrait: PortraitFile) -> str:
    """The error of a fit, in words."""
    return (
        f"The fit is {portrait.mean:.1f} pixels off on average, {portrait.worst:.1f} at worst, where the eyes are "
        f"{portrait.between_eyes:.0f} apart."
    )


def _at(handle: JobHandle) -> At:
    return At(handle.stage or "Waiting for the service", handle.done, enough=True)


class _PortraitOperator(Operator):
    @classmethod
    def disabled(cls, context: Any) -> str:
        reason = no_rig(context)
        if reason:
            return reason
        try:
            portrait_of(rig_of(context))
        except AddonError as error:
            return str(error).rstrip(".")
        return ""


class VLOGGER_OT_show_fit(_PortraitOperator):
    """Show how the head was fitted to the photo, beside the viewport"""

    bl_idname = "vlogger.show_fit"
    bl_label = "Show Fit"
    bl_options = {"REGISTER"}

    @classmethod
    def disabled(cls, context: Any) -> str:
        reason = super().disabled(context)
        if not reason and fit_of(portrait_of(rig_of(context))[0]) is None:
            return "There is no picture of the fit beside this portrait"
        return reason

    def run(self, context: Any) -> str:
        path, portrait = portrait_of(rig_of(context))
        show_beside(context, fit_image(path, portrait.name))
        return ""


class VLOGGER_OT_photo_view(_PortraitOperator):
    """Add a camera that sees the rig as the photo shows the person, make it the scene's, and render in its shape"""

    bl_idname = "vlogger.photo_view"
    bl_label = "Photo's View"
    bl_options = {"REGISTER"}

    @classmethod
    def disabled(cls, context: Any) -> str:
        return "The camera is being placed" if "view" in session().errands else super().disabled(context)

    def run(self, context: Any) -> str:
        armature = rig_of(context)
        check_rig(armature)
        session().begin("view", _view(context.scene.name, armature.name, portrait_of(armature)[1]))
        return ""


def _view(scene: str, armature: str, portrait: PortraitFile) -> Steps:
    thread = ThreadPoolExecutor(1, "vlogger-view")
    try:
        rig = yield from in_steps(rig_in_steps(bpy.data.objects[armature]), "Reading the rig")
        find: Callable[[], Any] = finder(rig)
        placing = yield from in_steps(awaited(thread.submit(lambda: standing(rig, find(), BY_HEAD))), "Reading the rig")
    finally:
        thread.shutdown(wait=False)
    size = _size(portrait)
    camera = look_from(scene, armature, placing, portrait.pose, portrait.field, size)
    push_undo("VLOGGER Photo's View")
    return f"{camera.name} is the scene's camera, and renders are {size[0]} x {size[1]} now."


def _size(portrait: PortraitFile) -> tuple[int, int]:
    """Of the photo's shape, even."""
    longest = max(portrait.width, portrait.height)
    scale = min(max(longest, _SIZES[0]), _SIZES[1]) / longest
    width, height = (max(16, 2 * int(side * scale / 2 + 0.5)) for side in (portrait.width, portrait.height))
    return width, height


CLASSES = (VLOGGER_OT_fit_photo, VLOGGER_OT_show_fit, VLOGGER_OT_photo_view)
