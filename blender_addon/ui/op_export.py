"""Takes as FBX files for engines: one take a file, as many as there are, while Blender stays usable in between."""

from math import ceil, floor
from pathlib import Path
from typing import Any

import bpy
from bpy.props import BoolProperty, EnumProperty, StringProperty

from ..core.errors import AddonError
from ..scene.cast import Cast, cast_of
from ..scene.compat import Animation, animation_of, slot_for, window_of
from ..scene.fbx import PRESETS, Played, Preset, export_fbx
from ..scene.fbx_file import Contents
from .errand import At, Steps, run_through
from .operator import Operator, no_rig, rig_of
from .session import session
from .takes import safe_name, shown_take, take_named


class VLOGGER_OT_export_takes(Operator):
    """Write takes as FBX files, one a file, with body and face inside"""

    bl_idname = "vlogger.export_takes"
    bl_label = "Export Takes"
    bl_options = {"REGISTER"}

    preset: EnumProperty(
        name="For", items=[(name, preset.label, preset.description) for name, preset in PRESETS.items()]
    )
    folder: StringProperty(name="Folder", subtype="DIR_PATH", default="//")
    all_takes: BoolProperty(name="All Takes", description="All takes of the rig, not only the one that is shown")
    overwrite: BoolProperty(name="Overwrite", description="Replace files of the same names")
    textures: BoolProperty(name="Textures Inside", default=True)
    wait: BoolProperty(description="Come back when all is written", default=True, options={"HIDDEN", "SKIP_SAVE"})

    @classmethod
    def disabled(cls, context: Any) -> str:
        reason = no_rig(context)
        if reason:
            return reason
        if "export" in session().errands:
            return "An export is under way: cancel it, or wait"
        return "" if made_takes(rig_of(context)) else "This rig has no take yet: press Animate"

    def invoke(self, context: Any, event: Any) -> set[str]:
        """Pressed in a window: one take a tick, so that it can be watched and cancelled."""
        self.wait = False
        return self.execute(context)

    def run(self, context: Any) -> str:
        armature = rig_of(context)
        takes = made_takes(armature) if self.all_takes else [chosen for chosen in [shown_take(armature)] if chosen]
        if not takes or takes[0].job:
            raise AddonError("The take that is shown is still being made. Wait for it, or export all takes.")
        files = _files([take.name for take in takes], _folder(self.folder))
        there = [path.name for path in files.values() if path.exists()]
        if there and not self.overwrite:
            more = f" and {len(there) - 1} more" if len(there) > 1 else ""
            raise AddonError(
                f"{there[0]}{more} is there already. Choose another folder, or tick Overwrite to replace it."
            )
        for take in takes:  # what can't be exported is said before anything is
            _cast(context, armature, take)
        steps = _export(context.scene.name, armature.name, files, PRESETS[self.preset], self.textures)
        if self.wait:
            return run_through(steps)
        session().begin("export", steps)
        return ""


class VLOGGER_OT_stop(Operator):
    """End this; what is finished stays"""

    bl_idname = "vlogger.stop"
    bl_label = "Cancel"
    bl_options = {"INTERNAL"}

    kind: StringProperty(options={"SKIP_SAVE"})

    def run(self, context: Any) -> str:
        session().stop(self.kind)
        return "Cancelled. What was finished stays."


def made_takes(armature: Any) -> list[Any]:
    """The takes of a rig that are keyed."""
    return [take for take in armature.vlogger_takes if not take.job and (take.action is not None or len(take.faces))]


def played(armature: Any, take: Any) -> Played:
    """A take's Actions, and the whole frames that it spans.

    Faces that another take animates are still in this one; faces that none animates do what they do.
    """
    animations = {armature: Animation(take.action, slot_for(take.action, armature))}
    for other in armature.vlogger_takes:
        for face in (face for face in other.faces if face.mesh is not None and face.mesh.data.shape_keys is not None):
            if other == take:
                keys = face.mesh.data.shape_keys
                animations[keys] = Animation(face.action, slot_for(face.action, keys))
            elif animation_of(face.mesh.data.shape_keys).action == face.action:
                animations.setdefault(face.mesh.data.shape_keys, Animation(None))
    action = take.action or take.faces[0].action
    start, end = (action.frame_start, action.frame_end) if action.use_frame_range else action.frame_range
    return Played(take.name, floor(start + 0.001), ceil(end - 0.001), animations)


def _cast(context: Any, armature: Any, take: Any) -> Cast:
    faces = [face.mesh.data.shape_keys for face in take.faces if face.mesh is not None]
    return cast_of(context, armature, faces)


def _folder(written: str) -> Path:
    if not written or (written.startswith("//") and not bpy.data.filepath):
        raise AddonError("Choose a folder for the files, or save the blend file first: then they go beside it.")
    folder = Path(bpy.path.abspath(written))
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise AddonError(f"{folder} can't be made ({error.strerror or error}). Choose another folder.") from error
    return folder


def _short(folder: Path) -> str:
    """A folder as it fits into a panel."""
    return folder.name or str(folder)


def _files(names: list[str], folder: Path) -> dict[str, Path]:
    """A file for each take, named as it is as far as systems allow."""
    files: dict[str, Path] = {}
    for name in names:
        wanted = safe_name(name)
        taken = {path.stem.lower() for path in files.values()}
        free = (wanted if i == 1 else f"{wanted} {i}" for i in range(1, len(names) + 1))
        files[name] = folder / f"{next(stem for stem in free if stem.lower() not in taken)}.fbx"
    return files


def _export(scene: str, armature: str, files: dict[str, Path], preset: Preset, textures: bool) -> Steps:
    """One take after the other. Everything is looked up anew for each, as anything may happen in between."""
    written: list[Contents] = []
    notes: tuple[str, ...] = ()
    for i, (name, path) in enumerate(files.items()):
        yield At(f"{name} ({i + 1} of {len(files)})", i / len(files), enough=True)
        rig = bpy.data.objects.get(armature)
        take = take_named(rig, name) if rig is not None else None
        if take is None or scene not in bpy.data.scenes:
            raise AddonError(f"{name} is gone, so it was not exported. {len(written)} takes are in {path.parent}.")
        with window_of(bpy.data.scenes[scene]):
            cast = _cast(bpy.context, rig, take)
            try:
                written.append(export_fbx(bpy.context, path, cast, played(rig, take), preset, textures))
            except OSError as error:
                reason = error.strerror or error
                raise AddonError(f"{path} can't be written ({reason}). Choose another folder.") from error
            except RuntimeError as error:
                raise AddonError(f"{error}. Look into Blender's console for more.") from error
        notes = cast.notes
    if len(written) == 1:
        return " ".join([f"{path.name} is in {_short(path.parent)}: {written[0]}.", *notes])
    same = {(found.bones, found.shapes) for found in written}
    inside = f", each with {written[0].bones} bones and {written[0].shapes} face shapes" if len(same) == 1 else ""
    return " ".join([f"{len(written)} files are in {_short(path.parent)}{inside}.", *notes])


CLASSES = (VLOGGER_OT_export_takes, VLOGGER_OT_stop)
