"""Takes and other programs' performances, keyed on the rig from a file: nothing of this needs the backend."""

from pathlib import Path
from typing import Any

import bpy
from bpy.props import StringProperty

from ..core.formats.reading import SUFFIXES, read_performance
from ..scene.performing import Part
from ..scene.sound import rate_of
from .mapping import descriptions, mapping_of
from .op_take import check_usable
from .operator import Operator, no_rig, rig_of
from .session import session
from .takes import free_name


class VLOGGER_OT_import_take(Operator):
    """Key a performance from a file on the rig: a take, AMASS or SMPL-X, BVH, Live Link Face, Rhubarb"""

    bl_idname = "vlogger.import_take"
    bl_label = "Import Performance"

    filepath: StringProperty(subtype="FILE_PATH")
    filter_glob: StringProperty(default=";".join(f"*{suffix}" for suffix in SUFFIXES), options={"HIDDEN"})

    @classmethod
    def disabled(cls, context: Any) -> str:
        return no_rig(context)

    def invoke(self, context: Any, event: Any) -> set[str]:
        context.window_manager.fileselect_add(self)
        return {"RUNNING_MODAL"}

    def run(self, context: Any) -> str:
        scene, armature, path = context.scene, rig_of(context), Path(bpy.path.abspath(self.filepath))
        rig, mapping = mapping_of(armature)
        check_usable(armature, mapping)
        take = read_performance(path, rate_of(scene), descriptions())
        name = free_name(armature, path.stem)
        entry = armature.vlogger.takes.add()
        entry.name, entry.start, entry.path = name, scene.frame_current, str(path)
        armature.vlogger["take"] = len(armature.vlogger.takes) - 1
        part = Part(scene.name, armature.name, name, scene.frame_current, rate_of(scene), rig, lambda: mapping)
        session().key(part, take)
        return f"{len(take) / take.fps:.1f} s of {path.name}."


def draw_menu(menu: Any, context: Any) -> None:
    menu.layout.operator("vlogger.import_take", text="VLOGGER Performance (.npz .bvh .csv .json)")


CLASSES = (VLOGGER_OT_import_take,)


def register() -> None:
    bpy.types.TOPBAR_MT_file_import.append(draw_menu)


def unregister() -> None:
    bpy.types.TOPBAR_MT_file_import.remove(draw_menu)
