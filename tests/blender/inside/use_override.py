"""Takes on two overrides of one linked character, before and after reopening: `use_override.py OUT.npz FOLDER`."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import bpy
import numpy as np
from land import new_rig
from leave import leave
from odd_rigs import talking_take
from read_file import curves
from use_panel import PACKAGE, said


def overridden(path: Path) -> Any:
    """The armature of a new override of the character in the library."""
    before = set(bpy.data.objects)
    with bpy.data.libraries.load(str(path), link=True) as (_, here):
        here.collections = ["Character"]
    empty = bpy.data.objects.new("Character", None)
    linked = next(c for c in bpy.data.collections if c.name == "Character" and c.library is not None)
    empty.instance_type, empty.instance_collection = "COLLECTION", linked
    bpy.context.scene.collection.objects.link(empty)
    linked.override_hierarchy_create(bpy.context.scene, bpy.context.view_layer, reference=empty, do_fully_editable=True)
    new = set(bpy.data.objects) - before
    return next(thing for thing in new if thing.type == "ARMATURE" and thing.library is None)


def write_library(path: Path) -> None:
    armature = new_rig()
    character = bpy.data.collections.new("Character")
    bpy.context.scene.collection.children.link(character)
    for thing in [armature, *armature.children]:
        thing.users_collection[0].objects.unlink(thing)
        character.objects.link(thing)
        if thing.type == "MESH":
            thing.modifiers.new("Armature", "ARMATURE").object = armature
    for i in range(6):
        bpy.data.objects["Head"].shape_key_add(name=f"Exp{i:03}").data[0].co.z = 0.02
    bpy.ops.wm.save_as_mainfile(filepath=str(path))
    bpy.ops.wm.read_factory_settings(use_empty=True)


def state(armature: Any) -> dict[str, Any]:
    """What animates a character, the first keys of it, and its takes."""
    head = next(thing for thing in armature.children if thing.name.startswith("Head"))
    keys = head.data.shape_keys
    found = {}
    for name, owner, path in (("body", armature, 'pose.bones["head"].rotation_quaternion'),
                              ("face", keys, 'key_blocks["jawOpen"].value')):  # fmt: skip
        action = owner.animation_data.action if owner.animation_data is not None else None
        curve = next((c for c in curves(action) if c.data_path == path), None) if action else None
        found[name] = [point.co[1] for point in curve.keyframe_points] if curve else []
    takes = [f"{take.name} {take.jaw:g}" for take in armature.vlogger_takes]
    return {**found, "takes": takes, "shown": armature.vlogger_take, "reach": armature.vlogger_pin_reach}


def main(folder: str) -> dict[str, Any]:
    import addon_utils  # it is found only once bpy is there

    library, scene, line = (Path(folder) / name for name in ("character.blend", "shot.blend", "line.npz"))
    addon_utils.enable(PACKAGE, default_set=True)
    write_library(library)
    addon_utils.enable(PACKAGE, default_set=True)
    from blender_addon.core.take import save_take
    from blender_addon.ui.session import session

    def work() -> None:
        end = time.monotonic() + 60
        while session().active and time.monotonic() < end:
            time.sleep(min(session().tick(), 0.02))

    save_take(line, talking_take())
    first, second = overridden(library), overridden(library)
    names, found = [first.name, second.name], {}
    for armature, count in ((first, 2), (second, 1)):
        bpy.context.scene.vlogger.rig = armature
        for _ in range(count):
            bpy.ops.vlogger.import_take(filepath=str(line))
            work()
        found["said"] = said()
    first.vlogger_take, first.vlogger_pin_reach = 0, 21
    first.vlogger_takes[0].jaw = 0.5
    work()
    kinds = ("now", "then")
    for kind in kinds:
        found |= {f"{kind} {i} {key}": value for i, name in enumerate(names)
                  for key, value in state(bpy.data.objects[name, None]).items()}  # fmt: skip
        if kind == "now":
            bpy.ops.wm.save_as_mainfile(filepath=str(scene))
            bpy.ops.wm.open_mainfile(filepath=str(scene))
    armature = bpy.data.objects[names[0], None]
    armature.vlogger_takes[0].jaw = 1.0
    work()
    found |= {f"dialled {key}": value for key, value in state(armature).items()}
    armature.vlogger_take = 1
    found["switched"] = state(armature)["face"]
    talk = talking_take()
    signed = np.full((len(talk), 6), -2, np.float32)
    names_of_all = (*talk.face_names, *(f"Exp{i:03}" for i in range(6)))
    save_take(line, replace(talk, face=np.concatenate([talk.face, signed], axis=1), face_names=names_of_all))
    bpy.context.scene.vlogger.rig = armature
    bpy.ops.vlogger.import_take(filepath=str(line))
    work()
    found["expression said"] = said()
    return {name: np.array(value) for name, value in found.items()}


if __name__ == "__main__":
    leave(main)
