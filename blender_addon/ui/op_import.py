"""Takes and other programs' performances, keyed on the rig from a file: nothing of this needs the backend."""

from concurrent.futures import ThreadPoolExecutor
from itertools import count
from pathlib import Path
from typing import Any

import bpy
from bpy.props import BoolProperty, StringProperty

from ..core.errors import AddonError
from ..core.formats.reading import SUFFIXES, is_take, read_performance
from ..core.steps import awaited
from ..core.take import Take, save_take
from ..scene.obstacles import check_free
from ..scene.overrides import free_faces
from ..scene.performing import Part
from ..scene.rigs import check_rig
from ..scene.sound import rate_of
from .errand import Steps, in_steps, run_through
from .mapping import descriptions
from .operator import Operator, no_rig, rig_of
from .session import session
from .takes import add_take, safe_name, takes_folder
from .undo import push_undo


class VLOGGER_OT_import_take(Operator):
    """Key a performance from a file on the rig: a take, AMASS, SMPL-X or FLAME, BVH, Live Link Face, Rhubarb"""

    bl_idname = "vlogger.import_take"
    bl_label = "Import Performance"

    filepath: StringProperty(subtype="FILE_PATH")
    filter_glob: StringProperty(default=";".join(f"*{suffix}" for suffix in SUFFIXES), options={"HIDDEN"})
    wait: BoolProperty(description="Come back when the file is read", default=True, options={"HIDDEN", "SKIP_SAVE"})

    @classmethod
    def disabled(cls, context: Any) -> str:
        reason = no_rig(context)
        if not reason and "import" in session().errands:
            return "A file is being read: cancel it, or wait"
        return reason

    def invoke(self, context: Any, event: Any) -> set[str]:
        """Pressed in a window: the file is read while Blender stays usable."""
        self.wait = False
        context.window_manager.fileselect_add(self)
        return {"RUNNING_MODAL"}

    def run(self, context: Any) -> str:
        scene, armature, path = context.scene, rig_of(context), Path(bpy.path.abspath(self.filepath))
        check_rig(armature)
        check_free(armature)
        free_faces(armature)
        steps = _import(scene.name, armature.name, path, scene.frame_current, rate_of(scene), takes_folder())
        if self.wait:
            return run_through(steps)
        session().begin("import", steps)
        return ""


def _import(scene: str, armature: str, path: Path, frame: int, rate: float, folder: Path) -> Steps:
    thread = ThreadPoolExecutor(1, "vlogger-import")
    try:
        reading = thread.submit(_read, path, rate, folder)
        take, kept = yield from in_steps(awaited(reading), f"Reading {path.name}")
    finally:
        thread.shutdown(wait=False, cancel_futures=True)
    thing = bpy.data.objects.get(armature)
    if thing is None or bpy.data.scenes.get(scene) is None:
        raise AddonError(f"The rig {armature} is gone, so {path.name} was not keyed.")
    entry = add_take(thing, path.stem, frame)
    entry.path = str(kept)
    push_undo(f"VLOGGER {path.name}")
    session().keying.key(Part(scene, armature, entry.id, entry.name, frame, rate), take, anew=True)
    return f"{len(take) / take.fps:.1f} s of {path.name}."


def _read(path: Path, rate: float, folder: Path) -> tuple[Take, Path]:
    """The performance, and the take's file from which it can be keyed again; what is no take is kept as one."""
    take = read_performance(path, rate, descriptions())
    if is_take(path):
        return take, path
    names = (f"{safe_name(path.stem)}{f' {i}' if i > 1 else ''}.npz" for i in count(1))
    kept = next(folder / name for name in names if not (folder / name).exists())
    save_take(kept, take)
    return take, kept


def draw_menu(menu: Any, context: Any) -> None:
    menu.layout.operator("vlogger.import_take", text="VLOGGER Performance (.npz .bvh .csv .json)")


CLASSES = (VLOGGER_OT_import_take,)


def register() -> None:
    bpy.types.TOPBAR_MT_file_import.append(draw_menu)


def unregister() -> None:
    bpy.types.TOPBAR_MT_file_import.remove(draw_menu)
