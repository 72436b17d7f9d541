"""Import performances from files on the box person: `import_files.py OUT.npz FOLDER EVERY`."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import bpy
import numpy as np
from box_person import box_person
from leave import leave

PACKAGE = "blender_addon"


def work() -> None:
    from blender_addon.ui.session import session

    end = time.monotonic() + 60
    while session().active and time.monotonic() < end:
        time.sleep(min(session().tick(), 0.005))
    assert not session().active, session().notices.latest


def refused(path: Path) -> str:
    try:
        bpy.ops.vlogger.import_take(filepath=str(path))
    except RuntimeError as error:
        return str(error)
    return ""


def main(folder: str, every: str) -> dict[str, Any]:
    import addon_utils

    bpy.ops.wm.read_factory_settings(use_empty=True)
    addon_utils.enable(PACKAGE, default_set=True)
    from blender_addon.scene.character import build_character
    from blender_addon.ui.session import session

    scene = bpy.context.scene
    scene.render.fps, scene.frame_current = 30, 1
    instance = bpy.data.objects.new("Instance", None)
    instance.instance_collection = bpy.data.collections.new("Person")
    scene.collection.objects.link(instance)
    bpy.context.view_layer.objects.active = instance
    in_the_way = refused(Path(folder) / "bad.bvh")
    bpy.data.objects.remove(instance)
    armature = build_character(bpy.context, box_person()).armature
    bpy.context.view_layer.objects.active = armature
    bpy.ops.wm.save_as_mainfile(filepath=str(Path(folder) / "scene.blend"))
    found: dict[str, Any] = {"bad": refused(Path(folder) / "bad.bvh"), "instance": in_the_way}
    armature.scale = (1, 0, 1)
    bpy.context.view_layer.update()
    found["no size"] = refused(Path(folder) / "walk.bvh")
    armature.scale = (1, 1, 1)
    found["after bad"] = [take.name for take in armature.vlogger_takes]

    def places() -> Any:
        rows = []
        for frame in range(1, int(scene.frame_end) + 1, int(every)):
            scene.frame_set(frame)
            rows.append([armature.matrix_world @ armature.pose.bones[name].head for name in names])
        return np.array(rows)

    names = [bone.name for bone in armature.pose.bones]
    scene.frame_end = 60
    for file in sorted(Path(folder).glob("walk.*")):
        scene.frame_set(1)
        bpy.ops.vlogger.import_take(filepath=str(file))
        work()
        assert armature.animation_data.action is not None, session().notices.latest
        found[f"places {file.name}"] = places()
    found["takes"] = [take.name for take in armature.vlogger_takes]
    take = armature.vlogger_takes[armature.vlogger_take]
    kept = Path(bpy.path.abspath(take.path))
    before = places()
    for file in Path(folder).glob("walk.*"):
        file.unlink()
    take.gesture = 0.0
    work()
    found["arms moved"] = np.abs(places() - before)[:, names.index("left_wrist")].max()
    take.gesture = 1.0
    work()
    found["as before"] = np.abs(places() - before).max()
    for mesh in armature.children:
        mesh.shape_key_clear()
    session().longest_tick = 0.0
    bpy.ops.vlogger.import_take(filepath=str(Path(folder) / "long.bvh"), wait=False)
    work()
    found["longest tick"] = session().longest_tick
    found["long"] = [len(armature.vlogger_takes), bool(armature.animation_data.action)]
    return {
        **found,
        "names": names,
        "kept": str(kept),
        "said": session().notices.latest.sentence if session().notices.latest else "",
    }


if __name__ == "__main__":
    leave(main)
