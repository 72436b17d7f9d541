"""Undo, redo, renaming and removing, at every moment: `undo.py OUT.npz FOLDER PYTHON CHARACTER SOUND`.

The session lays steps for undo as in a window.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import bpy
import numpy as np
from leave import leave
from odd_rigs import talking_take
from read_file import curves

PACKAGE = "blender_addon"
found: dict[str, Any] = {}


def rig() -> Any:
    return next(thing for thing in bpy.data.objects if thing.type == "ARMATURE")


def state() -> str:
    """All that an undo should bring back, as text."""
    rigs = [thing for thing in bpy.data.objects if thing.type == "ARMATURE"]
    owners = [*rigs, *bpy.data.shape_keys]
    return json.dumps(
        {
            "objects": sorted(thing.name for thing in bpy.data.objects),
            "scenes": sorted(scene.name for scene in bpy.data.scenes),
            "takes": [[take.name, take.job, round(take.jaw, 4), take.action and take.action.name, len(take.faces)]
                      for thing in rigs for take in thing.vlogger_takes],
            "shown": [thing.vlogger_take for thing in rigs],
            "bones": [len(thing.vlogger.bones) for thing in rigs],
            "animated": [owner.animation_data.action.name if owner.animation_data and owner.animation_data.action
                         else "" for owner in owners],
            "tracks": [len(owner.animation_data.nla_tracks) if owner.animation_data else 0 for owner in owners],
            "keys": {action.name: digest(action) for action in bpy.data.actions},
            "seed": [scene.vlogger.seed for scene in bpy.data.scenes],
        },
        sort_keys=True,
    )  # fmt: skip


def digest(action: Any) -> list[float]:
    """How many keys an Action has, and about what they are."""
    count, total = 0, 0.0
    for curve in curves(action):
        places = np.empty(2 * len(curve.keyframe_points), np.float32)
        curve.keyframe_points.foreach_get("co", places)
        count, total = count + len(curve.keyframe_points), total + float(places.sum())
    return [count, round(total, 2)]


def work(enough: Callable[[], bool] = lambda: False) -> None:
    """Blender's timer, by hand, until nothing is left to do, or it is enough."""
    from blender_addon.ui.session import session

    end = time.monotonic() + 90
    while session().active and not enough():
        assert time.monotonic() < end, session().notices.latest
        time.sleep(min(session().tick(), 0.01))
    session().tick()


def half() -> bool:
    """Some curves are there, others to come."""
    from blender_addon.scene.unfinished import actions_of, unfinished_takes

    return any(len(list(curves(action))) > 40 for take in unfinished_takes() for action in actions_of(take))


def push(what: str = "step") -> None:
    bpy.ops.ed.undo_push(message=what)


def said() -> str:
    from blender_addon.ui.session import session

    notice = session().notices.latest
    return notice.sentence if notice else ""


def left() -> list[str]:
    """What should not be there when nothing is being keyed."""
    from blender_addon.scene.unfinished import unfinished_takes

    scenes = [scene.name for scene in bpy.data.scenes if scene.name.startswith("VLOGGER")]
    used = {action for thing in bpy.data.objects for take in thing.vlogger_takes
            for action in (take.action, *(face.action for face in take.faces))}  # fmt: skip
    lost = [action.name for action in bpy.data.actions if action not in used and action.name != "Mine"]
    return [*unfinished_takes(), *scenes, *lost]


def there_and_back(name: str, act: Callable[[], Any]) -> None:
    """Do it, undo it, and redo it; found[name] says whether it did something, and was as before, and as after."""
    push()
    before = state()
    act()
    work()
    after, undone, steps = state(), "", 0
    while undone != before and steps < 3:
        bpy.ops.ed.undo()
        work()
        undone, steps = state(), steps + 1
    for _ in range(steps):
        bpy.ops.ed.redo()
        work()
    found[name] = [after != before, undone == before, state() == after]


def interrupted(name: str, start: Callable[[], Any], act: Callable[[], Any]) -> None:
    """Something happens while curves land; found[name] is what is left over, and what is said."""
    start()
    work(half)
    assert half(), f"{name}: nothing is being keyed. {said()}"
    act()
    work()
    found[name] = [*left(), "|", said()]


def main(folder: str, python: str, character: str, sound: str) -> dict[str, Any]:
    import addon_utils

    bpy.ops.wm.read_factory_settings(use_empty=True)
    addon_utils.enable(PACKAGE, default_set=True)
    from blender_addon.core.take import save_take
    from blender_addon.ui import keying, op_import
    from blender_addon.ui.op_character import add_to_scene
    from blender_addon.ui.session import session

    for module in (keying, op_import):
        module.push_undo = push

    chosen = bpy.context.preferences.addons[PACKAGE].preferences
    chosen.backend, chosen.program, chosen.library = "existing", python, str(Path(folder) / "library")
    panel, blend = bpy.ops.vlogger, str(Path(folder) / "scene.blend")
    bpy.context.scene.render.fps = 30
    add_to_scene(bpy.context, Path(character), {})
    marker = bpy.data.objects.new("Marker", None)
    bpy.context.collection.objects.link(marker)
    rig().keyframe_insert("location", frame=1)
    rig().animation_data.action.name = "Mine"
    save_take(Path(folder) / "walk.npz", talking_take(4800))
    save_take(Path(folder) / "step.npz", talking_take(200))
    bpy.context.scene.vlogger.file = sound
    bpy.ops.wm.save_as_mainfile(filepath=blend)

    def load(name: str = "walk") -> None:
        panel.import_take(filepath=str(Path(folder) / f"{name}.npz"), wait=False)

    def again() -> None:
        bpy.ops.wm.open_mainfile(filepath=blend)
        bpy.context.view_layer.objects.active = rig()
        push("opened")

    # Operators, one after the other
    push()
    act = ("EXEC_DEFAULT", True)
    there_and_back("import", lambda: panel.import_take(*act, filepath=str(Path(folder) / "step.npz")))
    load("step")
    work()
    there_and_back("dial", lambda: setattr(rig().vlogger_takes[-1], "jaw", 0.5))
    there_and_back("reduce keys", lambda: panel.reduce_keys(*act))
    there_and_back("key anew", lambda: (setattr(rig().vlogger_takes[-1], "head", 0.3), panel.rekey(*act)))
    there_and_back("read rig", lambda: panel.match_rig(*act))
    there_and_back("push to NLA", lambda: panel.put_on_track(*act))
    there_and_back("delete take", lambda: panel.forget_take(*act))
    there_and_back("character", lambda: (add_to_scene(bpy.context, Path(character), {}), push()))
    bpy.context.view_layer.objects.active = rig()
    there_and_back("animate", lambda: panel.animate(*act))

    # Redo brings back what an undo has taken, whole
    again()
    load()
    work()
    whole = state()
    bpy.ops.ed.undo()
    found["undone"] = [*left(), *(take.name for take in rig().vlogger_takes)]
    bpy.ops.ed.redo()
    found["redone"] = state() == whole

    # While curves land
    def undo() -> None:
        bpy.ops.ed.undo()

    def move() -> None:
        bpy.data.objects["Marker"].location.x += 1
        push("move")

    again()
    move()
    interrupted("undo", load, undo)
    again()
    interrupted("undo of something else", load, lambda: (move(), undo()))
    found["undo of something else, keys"] = digest(rig().animation_data.action)[0] if rig().vlogger_takes else 0
    again()
    interrupted("undo and redo", load, lambda: (move(), undo(), bpy.ops.ed.redo()))
    again()
    interrupted("renamed rig", load, lambda: setattr(rig(), "name", "Other"))
    found["renamed rig, takes"] = [bool(take.action) for take in rig().vlogger_takes]
    again()
    interrupted("renamed take", load, lambda: setattr(rig().vlogger_takes[0], "name", "Mine too"))
    found["renamed take, takes"] = [f"{take.name} {bool(take.action)}" for take in rig().vlogger_takes]
    again()
    interrupted("renamed scene", load, lambda: setattr(bpy.context.scene, "name", "Other"))
    again()
    mine = digest(bpy.data.actions["Mine"])
    interrupted("another Action", load, lambda: setattr(rig().animation_data, "action", bpy.data.actions["Mine"]))
    found["another Action, kept"] = digest(bpy.data.actions["Mine"]) == mine
    again()
    interrupted("removed rig", load, lambda: bpy.data.objects.remove(rig()))
    again()

    def delete() -> None:
        bpy.ops.object.select_all(action="DESELECT")
        rig().select_set(True)
        bpy.ops.object.delete(*act)

    interrupted("deleted rig", load, delete)
    again()
    interrupted("deleted rig and undone", load, lambda: (delete(), undo()))
    again()
    interrupted("removed mesh", load, lambda: bpy.data.objects.remove(
        next(thing for thing in bpy.data.objects if thing.type == "MESH")))  # fmt: skip
    again()
    interrupted("removed Action", load, lambda: bpy.data.actions.remove(rig().animation_data.action))
    again()
    bpy.data.scenes.new("Second")
    interrupted("removed scene", load, lambda: bpy.data.scenes.remove(bpy.data.scenes["Scene"]))
    again()
    interrupted("edit mode", load, lambda: (bpy.ops.object.mode_set(mode="EDIT"), bpy.ops.object.mode_set()))
    again()
    interrupted("new file", load, lambda: bpy.ops.wm.read_homefile(use_empty=True))
    again()
    half_saved = str(Path(folder) / "half.blend")

    def save_and_open() -> None:
        bpy.ops.wm.save_as_mainfile(filepath=half_saved, copy=True)
        bpy.ops.wm.open_mainfile(filepath=half_saved)

    interrupted("saved and opened", load, save_and_open)
    found["saved and opened, takes"] = [bool(take.action) for take in rig().vlogger_takes]

    # While the service works, and after it has
    def animate() -> None:
        panel.animate(*act)

    again()
    interrupted("animate, undone", animate, undo)
    found["animate, undone, takes"] = [take.name for take in rig().vlogger_takes]
    found["animate, undone, animated"] = rig().animation_data.action.name
    bpy.ops.ed.redo()
    session().tick()
    found["animate, redone"] = [*left(), *(take.name for take in rig().vlogger_takes)]
    again()
    interrupted("animate, something else undone", animate, lambda: (move(), undo()))
    found["animate, something else undone, takes"] = [bool(take.action) for take in rig().vlogger_takes]
    again()
    interrupted("animate, and something else", animate, move)
    whole = state()
    bpy.ops.ed.undo()
    found["animate, back to the middle"] = [*left(), *(take.name for take in rig().vlogger_takes)]
    bpy.ops.ed.redo()
    found["animate, and forth"] = state() == whole
    again()
    interrupted("animate, another file", animate, bpy.ops.wm.revert_mainfile)
    found["animate, another file, takes"] = [take.name for take in rig().vlogger_takes]
    addon_utils.disable(PACKAGE)
    return found


if __name__ == "__main__":
    leave(main)
