"""Pictures of a take, with a real service: `render_frames.py OUT.npz FOLDER PYTHON CHARACTER SOUND`."""

from __future__ import annotations

import shutil
import time
from pathlib import Path
from typing import Any

import bpy
import numpy as np
from bpy_extras.object_utils import world_to_camera_view
from leave import leave
from odd_rigs import at, own_skeleton, placed
from pose_rigs import build
from use_panel import PACKAGE, PATIENCE, refused, said, work

FIRST, LAST = 14, 21
BONES = ("pelvis", "spine3", "neck", "head", "left_shoulder", "right_shoulder", "left_elbow", "right_knee", "left_knee")


def pictures(folder: Path) -> dict[str, int]:
    """The pictures that are there, and when each was written."""
    return {path.name: path.stat().st_mtime_ns for path in sorted((folder / "frames").glob("*.png"))}


def seen(armature: Any, frames: range, bones: tuple[str, ...] = BONES) -> Any:
    """Where in the picture bones are, in parts of its width and height, from the lower left."""
    scene, before = bpy.context.scene, bpy.context.scene.frame_current
    found = []
    for frame in frames:
        scene.frame_set(frame)
        heads = [armature.matrix_world @ armature.pose.bones[bone].head for bone in bones]
        found.append([tuple(world_to_camera_view(scene, scene.camera, head))[:2] for head in heads])
    scene.frame_set(before)
    return found


def look_at(camera: Any, armature: Any, distance: float) -> None:
    """Move the camera in front of a rig and along, for the whole take."""
    target = armature.matrix_world @ armature.data.bones["spine2"].head_local
    camera.constraints.clear()
    camera.constraints.new("TRACK_TO").target = bpy.data.objects["Aim"]
    bpy.data.objects["Aim"].location = target
    camera.animation_data_clear()
    for frame, aside in ((FIRST, -0.4), (LAST, 0.4)):
        camera.location = target[0] + aside * distance, target[1] - distance, target[2] + 0.2 * distance
        camera.keyframe_insert("location", frame=frame)


def ticking_until(done: Any) -> None:
    from blender_addon.ui.session import session

    end = time.monotonic() + PATIENCE
    while not done() and session().active and time.monotonic() < end:
        time.sleep(min(session().tick(), 0.02))


def main(folder: str, python: str, character: str, sound: str) -> dict[str, Any]:
    import addon_utils  # it is found only once bpy is there

    bpy.ops.wm.read_factory_settings(use_empty=True)
    addon_utils.enable(PACKAGE, default_set=True)
    from blender_addon.core.character import read_character
    from blender_addon.scene.character import build_character, remember_body
    from blender_addon.scene.compat import keyed_curves, strips_of
    from blender_addon.ui.session import session

    chosen = bpy.context.preferences.addons[PACKAGE].preferences
    chosen.backend, chosen.program, chosen.library = "existing", python, str(Path(folder) / "library")
    scene, panel = bpy.context.scene, bpy.ops.vlogger
    scene.render.fps, scene.frame_current, scene.frame_start, scene.frame_end = 25, 11, FIRST, LAST
    found: dict[str, Any] = {}
    built_in = build_character(bpy.context, read_character(Path(character)))
    remember_body(built_in, {}, 1.0)
    armature = built_in.armature
    armature.location, armature.rotation_euler = (0.7, -0.4, 0.2), (0, 0, 0.5)
    bpy.context.view_layer.objects.active = armature
    bpy.ops.wm.save_as_mainfile(filepath=str(Path(folder) / "scene.blend"))
    scene.vlogger.file = sound
    found["no take"] = refused(panel.render_frames)
    panel.animate()
    work()
    take = armature.vlogger_takes[0]
    found["no camera"] = refused(panel.render_frames)
    for name, data in (("Camera", bpy.data.cameras.new("Camera")), ("Aim", None)):
        scene.collection.objects.link(bpy.data.objects.new(name, data))
    camera = scene.camera = bpy.data.objects["Camera"]
    scene.render.resolution_x, scene.render.resolution_y, scene.render.resolution_percentage = 300, 400, 50
    look_at(camera, armature, 4.5)
    scene.frame_start, scene.frame_end = 1000, 1100
    found["outside"] = refused(panel.render_frames)
    scene.frame_start, scene.frame_end = FIRST, LAST

    before = [each.name for each in bpy.data.scenes], scene.frame_current, scene.camera.name, bpy.context.mode
    panel.render_frames()
    found["busy"] = refused(panel.render_frames)
    work()
    found["said"] = said()
    found["as it was"] = before == (
        [each.name for each in bpy.data.scenes], scene.frame_current, scene.camera.name, bpy.context.mode
    )  # fmt: skip
    image = take.image
    here = Path(bpy.path.abspath(image.filepath)).parent.parent
    found["folder"] = str(here)
    found["image"] = [image.name, image.source, image.filepath, image.alpha_mode]
    found["seen"] = seen(armature, range(FIRST, LAST + 1))
    first = pictures(here)
    found["pictures"] = list(first)
    shutil.copytree(here / "frames", Path(folder) / "first")

    (here / "frames" / "000005.png").unlink()
    panel.render_frames()
    work()
    second = pictures(here)
    found["made again"] = [name for name in second if first.get(name) != second[name]]
    found["said again"] = said()
    for curve in keyed_curves(camera):  # straight from frame to frame, and elsewhere at the end
        values = [curve.evaluate(frame) for frame in range(FIRST, LAST + 1)]
        for frame, value in zip(range(FIRST, LAST + 1), values, strict=True):
            curve.keyframe_points.insert(frame, value + (0.5 if frame > LAST - 2 else 0)).interpolation = "LINEAR"
    panel.render_frames()
    work()
    third = pictures(here)
    found["other camera"] = [name for name in third if second.get(name) != third[name]]

    # Keys edited by hand: two frames of an arm
    turned = {}
    path = 'pose.bones["left_shoulder"].rotation_quaternion'
    for curve in [curve for curve in keyed_curves(armature) if curve.data_path == path]:
        for point in curve.keyframe_points:
            if point.co.x in (FIRST, FIRST + 1):
                point.co.y = (0.8, 0.0, 0.0, 0.6)[curve.array_index]
                turned[curve.array_index] = True
    assert len(turned) == 4
    panel.render_frames()
    work()
    edited = pictures(here)
    found["edited"] = [name for name in edited if third.get(name) != edited[name]]
    found["edited seen"] = seen(armature, range(FIRST, LAST + 1), (*BONES, "left_wrist", "right_wrist"))
    shutil.copytree(here / "frames", Path(folder) / "edited")
    scene.render.engine, scene.render.film_transparent, scene.cycles.samples = "CYCLES", True, 1
    scene.cycles.use_denoising, scene.render.use_compositing = False, False
    scene.frame_set(FIRST + 1)
    scene.render.filepath = str(Path(folder) / "seen by Blender.png")
    bpy.ops.render.render(write_still=True)
    take.gesture = 1.1  # keyed anew, without what was edited
    work()
    take.gesture = 1.0
    work()
    panel.render_frames()
    work()

    # Cancelled on the way, and gone on with
    scene.frame_end = FIRST + 20
    panel.render_frames()
    ticking_until(lambda: len(pictures(here)) >= LAST - FIRST + 4)
    panel.stop(kind="frames")
    work()
    fourth = pictures(here)
    found["cancelled"] = [len(fourth), said()]
    panel.render_frames()
    work()
    last = pictures(here)
    found["gone on"] = [len(last), sum(fourth[name] == last[name] for name in fourth), len(fourth)]

    # What the service refuses, in its words
    scene.render.resolution_percentage = 2000
    panel.render_frames()
    work()
    found["too large"] = said()
    found["kept"] = pictures(here) == last
    scene.render.resolution_percentage = 50
    panel.render_frames()
    work()
    found["nothing to do"] = said()
    take.jaw = 0.2
    work()
    scene.frame_end = FIRST + 9
    session().longest_tick = 0.0
    panel.render_frames()
    work()
    found["longest tick"] = session().longest_tick
    found["dialled"] = said()
    scene.frame_end = FIRST + 20
    take.jaw = 1.0
    work()
    panel.render_frames()
    work()

    # In the sequencer and the compositor
    panel.frames_to_sequencer()
    strip = next(strip for strip in strips_of(scene) if strip.type == "IMAGE")
    found["strip"] = [strip.blend_type, str(len(strip.elements))]
    panel.frames_to_compositor()
    panel.frames_to_compositor()
    tree = scene.compositing_node_group if hasattr(scene, "compositing_node_group") else scene.node_tree
    nodes = [node for node in tree.nodes if node.type == "IMAGE"]
    found["nodes"] = len(nodes)
    found["node"] = [nodes[0].frame_start, nodes[0].frame_duration, nodes[0].frame_offset]
    scene.view_settings.view_transform = "Standard"
    scene.render.film_transparent, scene.render.use_compositing = True, False
    scene.render.image_settings.file_format, scene.render.image_settings.color_mode = "PNG", "RGBA"
    scene.frame_set(FIRST + 6)
    scene.render.filepath = str(Path(folder) / "sequencer.png")
    bpy.ops.render.render(write_still=True)

    # Someone's rig, turned, scaled, elsewhere
    foreign = build(placed(own_skeleton(arms_down=50), at(2.0, z=130), np.eye(3)))
    entry = foreign.vlogger_takes.add()
    entry.name, entry.start, entry.path = "copy", 12.5, take.path
    scene.vlogger.rig = foreign
    session().keying.rekey(foreign, entry)
    work()
    scene.frame_start, scene.frame_end = FIRST, LAST
    look_at(camera, foreign, 9)
    scene.vlogger.frames.strip = True
    panel.render_frames()
    work()
    found["foreign said"] = said()
    found["foreign folder"] = str(Path(bpy.path.abspath(entry.image.filepath)).parent.parent)
    found["foreign seen"] = seen(foreign, range(FIRST, LAST + 1))
    found["strips"] = sorted(strip.name for strip in strips_of(scene))

    panel.render_frames()
    foreign.vlogger_takes.remove(0)
    work()
    found["take gone"] = said()
    addon_utils.disable(PACKAGE)
    return {name: np.asarray(value) for name, value in found.items()}


if __name__ == "__main__":
    leave(main)
