"""How long the add-on holds Blender's thread: `measure_ticks.py OUT.npz FOLDER PYTHON CHARACTER SOUND KIND TIMES LONG`.

KIND is "plain", the built-in character (56 bones, 52 shape keys); "heavy", the same with 200 bones and six face
meshes; or "controls", Rigify's generated human of 706 bones. In FOLDER is `astronaut.png`, a photo of a person. Each
stage is done TIMES times; LONG is the seconds of a long take at 60 fps. For each stage there is the longest tick, or
press of a button, of each time: the thread's own seconds, and those of the clock on the wall.
"""

from __future__ import annotations

import importlib
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import bpy
import numpy as np
from leave import leave
from odd_rigs import talking_take

from blender_addon.scene.rigs import face_meshes

PACKAGE = "blender_addon"
PATIENCE = 240.0


class Ticks:
    """The longest times by stage: a list of (thread's seconds, wall's seconds), one for each time."""

    def __init__(self) -> None:
        self.longest: dict[str, list[tuple[float, float]]] = {}

    @contextmanager
    def held(self, stage: str, first: bool = True) -> Iterator[None]:
        """What goes on here holds the window. `first` begins another time of the stage."""
        own, wall = time.thread_time(), time.perf_counter()
        yield
        took = time.thread_time() - own, time.perf_counter() - wall
        times = self.longest.setdefault(stage, [])
        if first or not times:
            times.append(took)
        else:
            times[-1] = max(times[-1][0], took[0]), max(times[-1][1], took[1])

    def work(self, stage: str, enough: Callable[[], bool] = lambda: False) -> None:
        """Blender's timer, by hand, until nothing is left to do, or it is enough."""
        from blender_addon.ui.session import session

        end, first = time.monotonic() + PATIENCE, True
        while session().active and not enough():
            assert time.monotonic() < end, f"{stage} took too long"
            with self.held(stage, first):
                rest = session().tick()
            first = False
            time.sleep(min(rest, 0.02))
        notice = session().notices.latest
        assert notice is None or notice.error is None, f"{stage}: {notice.sentence}"


def main(folder: str, python: str, character: str, sound: str, kind: str, times: str, long: str) -> dict[str, Any]:
    import addon_utils

    bpy.ops.wm.read_factory_settings(use_empty=True)
    addon_utils.enable(PACKAGE, default_set=True)
    from blender_addon.core.take import save_take
    from blender_addon.ui.operator import Operator
    from blender_addon.ui.session import session

    chosen = bpy.context.preferences.addons[PACKAGE].preferences
    chosen.backend, chosen.program, chosen.library = "existing", python, str(Path(folder) / "library")
    scene, panel, ticks = bpy.context.scene, bpy.ops.vlogger, Ticks()
    scene.render.fps, scene.frame_end = 30, 200
    armature = rigs[kind](Path(character), ticks)
    bpy.context.view_layer.objects.active = armature
    bpy.ops.wm.save_as_mainfile(filepath=str(Path(folder) / "scene.blend"))
    pressed = [""]
    run = Operator.execute

    def measured(self: Any, context: Any) -> Any:  # without what Blender does before and after
        with ticks.held(pressed[0]):
            return run(self, context)

    Operator.execute = measured
    take = talking_take(20 * 30)
    face = np.random.default_rng(1).random((len(take), 52)).astype(np.float32)
    names = [key.name for mesh in face_meshes(armature)[:1] for key in mesh.data.shape_keys.key_blocks[1:53]]
    if len(names) == 52:
        take = replace(take, face=face, face_names=tuple(names))
    save_take(Path(folder) / "short.npz", take)

    def press(what: str, act: Callable[..., Any], **options: Any) -> None:
        pressed[0] = f"{what}: the button"
        act(**options)

    scene.vlogger.file = sound
    for _ in range(int(times)):
        session().keying.mappings.forget()
        press("Animate", panel.animate, another=True)
        ticks.work("Animate: the curves come")
        press("Import", panel.import_take, filepath=str(Path(folder) / "short.npz"), wait=False)
        ticks.work("Import: the curves come")
        armature.vlogger_takes[armature.vlogger_take].head = 0.5
        ticks.work("Dial")
        for index in (0, len(armature.vlogger_takes) - 1):
            with ticks.held("Switching takes"):
                armature.vlogger_take = index
        press("Key Anew", panel.rekey)
        ticks.work("Key Anew")
        press("Reduce Keys", panel.reduce_keys)
        ticks.work("Reduce Keys")
        press("Read Rig", panel.match_rig)
        if scene.camera is None:
            scene.camera = bpy.data.objects.new("Camera", bpy.data.cameras.new("Camera"))
            scene.camera.location = (0, -3, 1.5)
            scene.camera.rotation_euler = (1.5, 0, 0)
            scene.collection.objects.link(scene.camera)
        press("Render Frames", panel.render_frames)
        ticks.work("Render Frames: up to the first", lambda: " of " in session().errands["frames"].at.stage)
        session().stop("frames")
        if not armature.vlogger_portrait:
            area = next(area for area in bpy.context.screen.areas if area.type == "DOPESHEET_EDITOR")
            area.type = "IMAGE_EDITOR"
            scene.vlogger.photo.file = str(Path(folder) / "astronaut.png")
            scene.vlogger.photo.affirmed = True
            press("Fit Photo", panel.fit_photo)
            ticks.work("Fit Photo: the fit comes")
        press("Photo's View", panel.photo_view)
        ticks.work("Photo's View")
        scene.vlogger.frames.painter = "photo"
        press("Render Frames of a photo", panel.render_frames)
        ticks.work("Render Frames of a photo", lambda: " of " in session().errands["frames"].at.stage)
        session().stop("frames")
        scene.vlogger.frames.painter = "character"
        press("Push to NLA", panel.put_on_track)
        press("Delete Take", panel.forget_take)
        for track in list(armature.animation_data.nla_tracks):
            armature.animation_data.nla_tracks.remove(track)
    if float(long):
        count = int(float(long) * 60)
        rows = np.arange(count) % len(take)
        save_take(
            Path(folder) / "long.npz",
            replace(take, fps=60.0, poses=take.poses[rows], trans=take.trans[rows], face=take.face[rows]),
        )
        press("Import", panel.import_take, filepath=str(Path(folder) / "long.npz"), wait=False)
        ticks.work("A long take: the curves come")
        armature.vlogger_takes[armature.vlogger_take].head = 0.5
        ticks.work("A long take: a dial")
        with ticks.held("A long take: Blender's step for undo"):
            bpy.ops.ed.undo_push(message="Take")
    with ticks.held("Handlers of undo and loading"):
        session().before_undo()
        session().after_undo()
        session().arrive()
    addon_utils.disable(PACKAGE)
    return {"stages": list(ticks.longest), **{stage: np.array(rows) for stage, rows in ticks.longest.items()}}


def plain(character: Path, ticks: Ticks) -> Any:
    """The built-in character."""
    from blender_addon.ui.op_character import add_to_scene

    with ticks.held("Adding the character"):
        add_to_scene(bpy.context, character, {})
    return bpy.context.object


def heavy(character: Path, ticks: Ticks) -> Any:
    """The same with 200 bones and six face meshes, in a scene with 1,000 other objects."""
    from mathutils import Vector

    armature = plain(character, ticks)
    bpy.ops.object.mode_set(mode="EDIT")
    bones = armature.data.edit_bones
    for strand in range(10):
        above = bones["head"]
        for i in range(15 if strand else 9):
            bone = bones.new(f"hair_{strand}_{i}")
            bone.head, bone.parent = above.tail, above
            bone.tail = above.tail + Vector((0.01 * (strand - 5), 0.02, -0.01))
            above = bone
    bpy.ops.object.mode_set(mode="OBJECT")
    mesh = armature.children[0]
    for name in ("Brows", "Lashes", "Teeth", "Tongue", "Beard"):
        other = mesh.copy()
        other.name, other.data = name, mesh.data.copy()
        bpy.context.collection.objects.link(other)
    for i in range(1000):
        bpy.context.collection.objects.link(bpy.data.objects.new(f"Prop {i}", None))
    return armature


def controls(character: Path, ticks: Ticks) -> Any:
    """Rigify's generated human, with controls and constraints."""
    importlib.import_module("addon_utils").enable("rigify", default_set=True)
    bones = bpy.data.objects.new("human", bpy.data.armatures.new("human"))
    bpy.context.collection.objects.link(bones)
    bpy.context.view_layer.objects.active = bones
    bpy.ops.object.mode_set(mode="EDIT")
    importlib.import_module("rigify.metarigs.human").create(bones)
    bpy.ops.object.mode_set(mode="OBJECT")
    bpy.ops.pose.rigify_generate()
    rig = bpy.context.object
    bpy.data.objects.remove(bones)
    return rig


rigs: dict[str, Callable[[Path, Ticks], Any]] = {"plain": plain, "heavy": heavy, "controls": controls}


if __name__ == "__main__":
    leave(main)
