"""The person of a photo performs a take: `paint_photo.py OUT.npz FOLDER PYTHON CHARACTER SOUND`.

In FOLDER are photos: `astronaut.png` of a person, `two.png` of two, and `coffee.png` of nobody.
"""

from __future__ import annotations

import shutil
import time
from pathlib import Path
from typing import Any

import bpy
import numpy as np
from leave import leave
from odd_rigs import at, own_skeleton, placed
from pose_rigs import build
from render_frames import pictures, ticking_until
from use_panel import PACKAGE, PATIENCE, refused, said, work

FIRST, LAST = 14, 17


def push(what: str) -> None:
    """A step for undo, as a window lays it."""
    bpy.ops.ed.undo_push(message=what)


def editor() -> Any:
    """The Image Editor of the window; the first time, an area becomes one."""
    areas = bpy.context.window_manager.windows[0].screen.areas
    area = next((area for area in areas if area.type == "IMAGE_EDITOR"), None)
    if area is None:
        area = next(area for area in areas if area.type == "DOPESHEET_EDITOR")
        area.type = "IMAGE_EDITOR"
    return area.spaces.active


def main(folder: str, python: str, character: str, sound: str) -> dict[str, Any]:
    import addon_utils  # it is found only once bpy is there

    bpy.ops.wm.read_factory_settings(use_empty=True)
    addon_utils.enable(PACKAGE, default_set=True)
    from blender_addon.core.character import read_character
    from blender_addon.scene.character import build_character, remember_body
    from blender_addon.scene.compat import strips_of
    from blender_addon.ui import op_photo, painting
    from blender_addon.ui.session import session

    for module in (op_photo, painting):
        module.push_undo = push
    home = Path(folder)
    chosen = bpy.context.preferences.addons[PACKAGE].preferences
    chosen.backend, chosen.program, chosen.library = "existing", python, str(home / "library")
    scene, panel = bpy.context.scene, bpy.ops.vlogger
    scene.render.fps, scene.frame_current, scene.frame_start, scene.frame_end = 25, 11, FIRST, LAST
    photo, frames = scene.vlogger.photo, scene.vlogger.frames
    found: dict[str, Any] = {"no rig": refused(panel.fit_photo)}
    built_in = build_character(bpy.context, read_character(Path(character)))
    remember_body(built_in, {}, 1.0)
    armature = built_in.armature
    armature.location, armature.rotation_euler = (0.7, -0.4, 0.2), (0, 0, 0.5)
    bpy.context.view_layer.objects.active = armature
    bpy.ops.wm.save_as_mainfile(filepath=str(home / "scene.blend"))

    # What is refused before anything is asked for
    found["no photo"] = refused(panel.fit_photo)
    photo.file = str(home / "coffee.png")
    found["no tick"] = refused(panel.fit_photo)
    photo.affirmed = True
    photo.person = 2
    found["another person"] = photo.affirmed
    photo.person, photo.affirmed = 0, True
    photo.file = str(home / "nowhere.png")
    found["another photo"] = photo.affirmed
    photo.affirmed = True
    found["no file"] = refused(panel.fit_photo)
    found["no portrait"] = [refused(panel.photo_view), refused(panel.show_fit)]

    # Nobody in it; cancelled; fitted
    photo.file, photo.affirmed = str(home / "coffee.png"), True
    panel.fit_photo()
    work()
    found["no face"] = said()
    photo.file, photo.affirmed = str(home / "two.png"), True
    panel.fit_photo()
    work()
    found["two"] = said()
    photo.file, photo.affirmed = str(home / "astronaut.png"), True
    panel.fit_photo()
    found["busy"] = refused(panel.fit_photo)
    ticking_until(lambda: session().errands["photo"].at.done > 0)
    panel.stop(kind="photo")
    work()
    found["cancelled"] = [armature.vlogger_portrait, str(photo.affirmed)]
    found["left over"] = sorted(path.name for path in (home / "vlogger").iterdir())
    editor()
    push("before")
    panel.fit_photo()
    bpy.data.objects.new("Something else", None)
    push("something else")
    bpy.ops.ed.undo()
    work()
    found["fitted"] = said()
    bpy.ops.ed.undo()
    found["undone"] = bpy.data.objects["Armature"].vlogger_portrait
    bpy.ops.ed.redo()
    armature, scene = bpy.data.objects["Armature"], bpy.context.scene
    photo, frames = scene.vlogger.photo, scene.vlogger.frames
    found["portrait"], found["tick after"] = armature.vlogger_portrait, photo.affirmed
    panel.show_fit()
    fit = editor().image
    found["fit"] = [fit.name, *map(str, fit.size)]

    # The photo's own view, and frames as it sees them
    scene.vlogger.file = sound
    panel.animate()
    work()
    take = armature.vlogger_takes[0]
    panel.photo_view()
    work()
    found["view"] = [said(), scene.camera.name, str(scene.render.resolution_x), str(scene.render.resolution_y)]
    panel.photo_view()
    work()
    found["cameras"] = sum(thing.type == "CAMERA" for thing in bpy.data.objects)
    found["head"] = np.array(armature.matrix_world @ armature.data.bones["head"].head_local)
    found["camera"], found["angle"] = np.array(scene.camera.matrix_world), scene.camera.data.angle_y
    scene.render.resolution_x = scene.render.resolution_y = 192
    frames.painter = "photo"
    frames.renderers  # noqa: B018  # as the panel does
    end = time.monotonic() + PATIENCE
    while not session().answers.of("capabilities") and time.monotonic() < end:
        time.sleep(min(session().tick(), 0.05))
    found["renderers"] = [item[0] for item in _listed(frames)]
    frames.renderers = "warp"
    found["chosen"] = frames.renderer
    frames.renderers = "builtin"
    before = armature.vlogger_portrait
    armature.vlogger_portrait = ""
    found["without"] = refused(panel.render_frames)
    armature.vlogger_portrait = str(home / "moved.portrait")
    found["moved"] = refused(panel.render_frames)
    armature.vlogger_portrait = str(home / "astronaut.png")
    found["no portrait at all"] = refused(panel.render_frames)
    armature.vlogger_portrait = before
    frames.renderer = "mine"
    found["no renderer"] = [frames.renderers, refused(panel.render_frames)]
    frames.renderer = "builtin"
    found["nothing to show"] = refused(panel.frames_to_compositor)

    panel.render_frames()
    work()
    found["said"] = said()
    image = take.painted
    here = Path(bpy.path.abspath(image.filepath)).parent.parent
    first = pictures(here)
    found["pictures"], found["image"] = list(first), [image.name, image.source, image.filepath, image.alpha_mode]
    found["character's image"] = take.image is None
    shutil.copytree(here / "frames", home / "first")
    opened = bpy.data.images.load(str(here / "frames" / "000003.png"))
    alpha = np.array(opened.pixels[:])[3::4]
    found["in Blender"] = [*opened.size, opened.channels, alpha.min(), alpha.max()]

    (here / "frames" / "000004.png").unlink()
    panel.render_frames()
    work()
    again = pictures(here)
    found["made again"] = [name for name in again if first.get(name) != again[name]]
    frames.background = "photo"
    panel.render_frames()
    work()
    shutil.copytree(here / "frames", home / "whole")
    frames.background = "none"
    frames.strip = True
    scene.frame_end = FIRST
    panel.render_frames()
    work()
    found["strips"] = [strip.name for strip in strips_of(scene) if strip.type == "IMAGE"]
    panel.frames_to_compositor()

    # Beside the 3D preview's own frames
    frames.painter = "character"
    panel.render_frames()
    work()
    found["both"] = [take.image.name, take.painted.name]
    frames.painter = "photo"

    # Cancelled on the way; the newest is seen where that of the scene's frame is to come
    scene.frame_end = LAST + 40
    scene.frame_set(LAST + 30)
    panel.render_frames()
    ticking_until(lambda: len(pictures(here)) >= 6)
    user = editor().image_user
    found["while painted"] = [editor().image.name, str(user.frame_duration), str(user.frame_offset >= 3)]
    panel.stop(kind="frames")
    work()
    user = editor().image_user
    found["when cancelled"] = [user.frame_start, user.frame_duration, user.frame_offset]
    found["cancelled frames"] = len(pictures(here))
    scene.frame_end = LAST

    # Something else is undone meanwhile
    push("before")
    for path in (here / "frames").glob("*.png"):
        path.unlink()
    panel.render_frames()
    ticking_until(lambda: len(pictures(here)) >= 1)
    bpy.data.objects.new("Something else", None)
    push("something else")
    bpy.ops.ed.undo()
    work()
    armature, scene = bpy.data.objects["Armature"], bpy.context.scene
    found["undone meanwhile"] = [len(pictures(here)), armature.vlogger_takes[0].painted.name, said()]

    # From the side
    scene.camera.matrix_world = armature.matrix_world @ bpy.data.objects[scene.camera.name].matrix_world.Rotation(
        1.2, 4, "Z"
    ) @ armature.matrix_world.inverted() @ scene.camera.matrix_world  # fmt: skip
    scene.frame_end = FIRST
    panel.render_frames()
    work()
    found["aside"] = said()

    # Saved and opened again
    bpy.ops.wm.save_as_mainfile(filepath=str(home / "scene.blend"))
    bpy.ops.wm.open_mainfile(filepath=str(home / "scene.blend"))
    armature = next(thing for thing in bpy.data.objects if thing.type == "ARMATURE")
    scene = bpy.context.scene
    bpy.context.view_layer.objects.active = armature
    found["reopened"] = [
        armature.vlogger_portrait,
        armature.vlogger_takes[0].painted.name,
        scene.vlogger.frames.painter,
    ]
    panel.render_frames()
    work()
    found["nothing to do"] = said()

    # Somebody's rig of another size, elsewhere; its portrait is chosen
    foreign = build(placed(own_skeleton(arms_down=50), at(2.0, z=130), np.eye(3)))
    foreign.location, foreign.rotation_euler, foreign.scale = (1.0, 2.0, 0.1), (0, 0, 0.8), (0.5, 0.5, 0.5)
    bpy.context.view_layer.update()
    scene.vlogger.rig = foreign
    foreign.vlogger_portrait = armature.vlogger_portrait
    panel.photo_view()
    work()
    found["foreign head"] = np.array(foreign.matrix_world @ foreign.data.bones["head"].head_local)
    found["foreign camera"] = np.array(scene.camera.matrix_world)
    addon_utils.disable(PACKAGE)
    return {name: np.asarray(value) for name, value in found.items()}


def _listed(frames: Any) -> Any:
    from blender_addon.ui.properties import _renderers

    return _renderers()


if __name__ == "__main__":
    leave(main)
