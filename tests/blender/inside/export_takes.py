"""Export takes of the built-in character, of someone's rig and of a control rig: `export_takes.py OUT.npz FOLDER`.

`FOLDER/one.npz` and `FOLDER/two.npz` are the takes.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import bpy
import numpy as np
from box_person import box_person
from leave import leave
from odd_rigs import odd_rigs
from pose_rigs import build
from use_panel import refused, said, work

PACKAGE = "blender_addon"
FPS = 25
KEYS = ("jawOpen", "mouthSmileLeft", "mouthSmileRight", "mouthClose", "eyeBlinkLeft", "eyeBlinkRight", "tongueOut")


def add_mesh(armature: Any, name: str, bone: str, keys: tuple[str, ...] = KEYS) -> Any:
    """A square at a bone, with shape keys; each moves a corner."""
    place = np.array(armature.data.bones[bone].head_local)
    size = 0.1 * armature.data.bones[bone].length
    corners = [place + size * np.array(corner) for corner in ((0, 0, 0), (1, 0, 0), (1, 0, 1), (0, 0, 1))]
    data = bpy.data.meshes.new(name)
    data.from_pydata(corners, [], [(0, 1, 2, 3)])
    mesh = bpy.data.objects.new(name, data)
    bpy.context.scene.collection.objects.link(mesh)
    mesh.vertex_groups.new(name=bone).add((0, 1, 2, 3), 1.0, "REPLACE")
    mesh.parent = armature
    mesh.modifiers.new("Armature", "ARMATURE").object = armature
    if keys:
        mesh.shape_key_add(name="Basis")
    for i, key in enumerate(keys):
        mesh.shape_key_add(name=key).data[i % 4].co.z += size
    return mesh


def control_rig() -> Any:
    """Hips, a leg and a prop: what deforms copies helpers, and hangs on helpers, as in Rigify's rigs."""
    armature = bpy.data.objects.new("Controlled", bpy.data.armatures.new("Controlled"))
    bpy.context.scene.collection.objects.link(armature)
    bpy.context.view_layer.objects.active = armature
    bpy.ops.object.mode_set(mode="EDIT")
    hip, knee, ankle = (0.1, 0, 1), (0.1, -0.02, 0.5), (0.1, 0, 0.1)
    tree = {
        "root": ("", (0, 0, 0), (0, 0.5, 0)), "ORG-hips": ("root", (0, 0, 1), (0, 0, 1.2)),
        "DEF-hips": ("root", (0, 0, 1), (0, 0, 1.2)), "MCH-leg": ("ORG-hips", hip, (0.1, 0.2, 1)),
        "ORG-thigh": ("MCH-leg", hip, knee), "DEF-thigh": ("MCH-leg", hip, knee),
        "DEF-shin": ("DEF-thigh", knee, ankle), "ORG-shin": ("ORG-thigh", knee, ankle),
        "hand": ("ORG-hips", (0.4, 0, 1), (0.5, 0, 1)),
    }  # fmt: skip
    for name, (parent, head, tail) in tree.items():
        bone = armature.data.edit_bones.new(name)
        bone.head, bone.tail, bone.use_deform = head, tail, name.startswith("DEF")
        bone.parent = armature.data.edit_bones[parent] if parent else None
    bpy.ops.object.mode_set(mode="OBJECT")
    for name in ("hips", "thigh", "shin"):
        copying = armature.pose.bones[f"DEF-{name}"].constraints.new("COPY_TRANSFORMS")
        copying.target, copying.subtarget = armature, f"ORG-{name}"
    random = np.random.default_rng(1)
    for frame in (3, 8, 14):
        for name in ("root", "ORG-hips", "MCH-leg", "ORG-thigh", "ORG-shin", "hand"):
            bone = armature.pose.bones[name]
            bone.rotation_mode, bone.rotation_euler = "XYZ", random.normal(0, 0.7, 3)
            bone.keyframe_insert("rotation_euler", frame=frame)
        armature.pose.bones["ORG-hips"].location = random.normal(0, 0.1, 3)
        armature.pose.bones["ORG-hips"].keyframe_insert("location", frame=frame)
    add_mesh(armature, "Leg", "DEF-thigh", ())
    prop = add_mesh(armature, "Prop", "DEF-shin", ())
    prop.modifiers.clear()
    prop.parent_type, prop.parent_bone = "BONE", "hand"
    return armature


def state(armature: Any) -> list[str]:
    """All of the scene that an export could leave changed."""
    scene, layer = bpy.context.scene, bpy.context.view_layer
    things = [thing for thing in scene.objects if thing == armature or thing in set(armature.children_recursive)]
    found: list[Any] = [
        scene.name, scene.frame_start, scene.frame_end, scene.frame_current, round(scene.frame_subframe, 4),
        scene.render.fps, scene.render.fps_base, bpy.context.mode, layer.objects.active.name,
        sorted(thing.name for thing in bpy.context.selected_objects),
        sorted(action.name for action in bpy.data.actions),
        armature.data.pose_position, sorted(mesh.name for mesh in bpy.data.meshes),
    ]  # fmt: skip
    for thing in things:
        found += [thing.name, thing.hide_get(), thing.hide_viewport]
        found += [(item.name, item.show_viewport, item.show_render) for item in thing.modifiers]
    meshes = [thing for thing in things if thing.type == "MESH" and thing.data.shape_keys]
    found += [(mesh.show_only_shape_key, mesh.active_shape_key_index) for mesh in meshes]
    for owner in (armature, *(mesh.data.shape_keys for mesh in meshes)):
        data = owner.animation_data
        found += [data.action.name if data.action else "", data.use_nla, [track.mute for track in data.nla_tracks]]
        found += [str(getattr(data, "action_slot", None) and data.action_slot.identifier)]
    found += [tuple(round(x, 5) for row in bone.matrix_basis for x in row) for bone in armature.pose.bones]
    found += [round(key.value, 5) for mesh in meshes for key in mesh.data.shape_keys.key_blocks]
    return [str(item) for item in found]


def poses(armature: Any, first: int, last: int) -> dict[str, Any]:
    """Where the bones are, in the world, and what the shape keys are, on every frame."""
    scene = bpy.context.scene
    meshes = [child for child in armature.children if child.type == "MESH" and child.data.shape_keys]
    bones, faces = [], []
    for frame in range(first, last + 1):
        scene.frame_set(frame)
        bones.append([np.array(armature.matrix_world @ bone.matrix) for bone in armature.pose.bones])
        faces.append([key.value for mesh in meshes for key in mesh.data.shape_keys.key_blocks[1:]])
    names = [f"{mesh.data.name}/{key.name}" for mesh in meshes for key in mesh.data.shape_keys.key_blocks[1:]]
    return {"bones": [bone.name for bone in armature.pose.bones], "worlds": bones, "keys": names, "faces": faces}


def load_takes(armature: Any, folder: str, start: int) -> None:
    from blender_addon.ui.session import session

    bpy.context.view_layer.objects.active = armature
    bpy.context.scene.vlogger.rig = armature
    bpy.context.scene.frame_set(start)
    for name in ("one", "two"):
        entry = armature.vlogger_takes.add()
        entry.name, entry.start, entry.path = name, start, str(Path(folder) / f"{name}.npz")
        session().keying.rekey(armature, entry)
        work()


def main(folder: str) -> dict[str, Any]:
    import addon_utils  # it is found only once bpy is there

    bpy.ops.wm.read_factory_settings(use_empty=True)
    addon_utils.enable(PACKAGE, default_set=True)
    from blender_addon.scene.cast import cast_of
    from blender_addon.scene.character import build_character
    from blender_addon.scene.compat import SLOTS, put_on_track
    from blender_addon.scene.fbx import PRESETS, Played, export_fbx
    from blender_addon.ui.session import session

    out = Path(folder) / "out"
    scene, panel = bpy.context.scene, bpy.ops.vlogger
    scene.name, scene.render.fps, scene.frame_end = "My scene", FPS, 99
    found: dict[str, Any] = {}

    character = build_character(bpy.context, box_person()).armature
    character.name = "Hero"
    load_takes(character, folder, 30)
    frames = len(np.load(Path(folder) / "one.npz")["poses"])
    foreign = build(next(rig for rig in odd_rigs() if rig.name.startswith("centimetres")))
    foreign.name = "Someone's"
    head = next(bone.name for bone in foreign.data.bones if "head" in bone.name)
    for name in ("Face", "Teeth"):
        add_mesh(foreign, name, head)
    add_mesh(foreign, "Shirt", head, ()).modifiers.new("Mirror", "MIRROR")
    load_takes(foreign, folder, 12)
    for armature, first in ((character, 30), (foreign, 12)):
        for i, take in enumerate(("one", "two")):
            armature.vlogger_take = i
            for name, value in poses(armature, first, first + frames - 1).items():
                found[f"{armature.name}/{take}/{name}"] = value

    out.mkdir()
    for armature, first in ((character, 30), (foreign, 12)) if SLOTS else ():
        armature.vlogger_take = 1
        scene.frame_start, scene.frame_end = first, first + frames - 1
        bpy.ops.object.select_all(action="DESELECT")
        for thing in (armature, *armature.children):
            thing.select_set(True)
        path = str(out / f"{armature.name}.glb")
        bpy.ops.export_scene.gltf(filepath=path, use_selection=True, export_animation_mode="ACTIVE_ACTIONS")
    bpy.ops.object.select_all(action="DESELECT")
    scene.frame_start, scene.frame_end = 1, 99

    # A scene as users leave it: posing, the rig hidden, an NLA strip below, a bone and a key without keyframes
    character.vlogger_take = 1
    put_on_track(character, "below", 1, 20)
    scene.vlogger.rig = None
    character.pose.bones["root"].location = (0, 0.25, 0)
    bpy.context.view_layer.objects.active = character
    character.select_set(True)
    bpy.ops.object.mode_set(mode="POSE")
    scene.frame_set(41, subframe=0.25)
    found["refused nowhere"] = refused(panel.export_takes, folder="//")
    found["before"] = state(character)
    panel.export_takes(folder=str(out / "one take"), preset="UNREAL")
    found["after"] = state(character)
    found["again"] = refused(panel.export_takes, folder=str(out / "one take"))
    written = (out / "one take" / "two.fbx").stat().st_mtime_ns
    panel.export_takes(folder=str(out / "one take"), preset="UNREAL", overwrite=True)
    found["overwritten"] = (out / "one take" / "two.fbx").stat().st_mtime_ns != written
    bpy.ops.object.mode_set(mode="OBJECT")
    character.pose.bones["root"].location = (0, 0, 0)

    # All takes for each engine, tick by tick as in a window
    scene.frame_set(33)
    for armature in (character, foreign):
        scene.vlogger.rig = armature
        for preset in PRESETS:
            to = str(out / armature.name / preset)
            panel.export_takes(wait=False, folder=to, preset=preset, all_takes=True)
            found[f"busy {armature.name}"] = refused(panel.export_takes, folder=to)
            work()
            found[f"said {armature.name} {preset}"] = said()
    panel.export_takes(wait=False, folder=str(out / "cancelled"), all_takes=True)
    while not (out / "cancelled" / "one.fbx").exists():
        time.sleep(session().tick())
    panel.stop(kind="export")
    work()
    found["cancelled"] = sorted(path.name for path in (out / "cancelled").iterdir())

    # A hidden rig, and what can't be exported
    before = state(foreign)
    foreign.hide_set(True)
    hidden = state(foreign)
    panel.export_takes(folder=str(out / "hidden rig"))
    found["hidden rig as it was"] = state(foreign) == hidden
    foreign.hide_set(False)
    (out / "full" / "two.fbx").mkdir(parents=True)
    found["not written"] = refused(panel.export_takes, folder=str(out / "full"), overwrite=True)
    found["left over"] = sorted(path.name for path in (out / "full").iterdir())
    found["as it was after a failure"] = state(foreign) == before
    face, shirt = bpy.data.objects["Face"], bpy.data.objects["Shirt"]
    bad = str(out / "bad")
    welded = face.modifiers.new("Welded", "WELD")
    welded.merge_threshold = 0.09 * foreign.data.bones[head].length  # a corner that moves far enough is its own
    face.data.shape_keys.key_blocks["jawOpen"].data[1].co = face.data.vertices[0].co
    found["refused weld"] = refused(panel.export_takes, folder=bad)
    face.modifiers.remove(welded)
    face.hide_set(True)
    found["refused face"] = refused(panel.export_takes, folder=bad)
    for mesh in (bpy.data.objects["Teeth"], shirt):
        mesh.hide_set(True)
    found["refused hidden"] = refused(panel.export_takes, folder=bad)
    for mesh in (face, bpy.data.objects["Teeth"], shirt):
        mesh.hide_set(False)
    face.data.materials.append(bpy.data.materials.new("Skin"))
    face.material_slots[0].link = "OBJECT"
    twin = face.copy()
    found["refused material"] = refused(panel.export_takes, folder=bad)
    bpy.data.objects.remove(twin)
    face.material_slots[0].link = "DATA"
    face.data.shape_keys.use_relative = False
    found["refused absolute"] = refused(panel.export_takes, folder=bad)
    face.data.shape_keys.use_relative = True
    face.modifiers.new("Smoother", "SUBSURF")
    shading = face.modifiers.new("Shading", "NODES")
    shading.node_group = bpy.data.node_groups.new("Smooth by Angle.001", "GeometryNodeTree")
    panel.export_takes(wait=False, folder=str(out / "smoother"))
    work()
    found["said smoother"] = said()
    for mesh in (face, bpy.data.objects["Teeth"], shirt):
        bpy.data.objects.remove(mesh)
    found["refused no mesh"] = refused(panel.export_takes, folder=bad)
    found["bad written"] = Path(bad).exists() and sorted(path.name for path in Path(bad).iterdir())

    controlled = control_rig()
    for name, value in poses(controlled, 3, 14).items():
        found[f"Controlled/{name}"] = value
    export_fbx(bpy.context, out / "controlled.fbx", cast_of(bpy.context, controlled), Played("Steps", 3, 14))
    addon_utils.disable(PACKAGE)
    return {name: np.asarray(value) for name, value in found.items()}


if __name__ == "__main__":
    leave(main)
