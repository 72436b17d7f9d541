"""Land takes on a rig with a face, in a scene where other things are going on.

`land.py OUT.npz FOLDER`
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import bpy
import numpy as np
from leave import leave
from odd_rigs import own_skeleton, talking_take
from pose_rigs import build, by_hand
from read_file import curves

from blender_addon.core.errors import AddonError
from blender_addon.core.retarget import retarget
from blender_addon.core.rig import Match, RigMapping
from blender_addon.core.simplify import Bound
from blender_addon.core.steps import finished
from blender_addon.core.take import Take
from blender_addon.scene.actions import set_frame_rate
from blender_addon.scene.compat import animation_of, put_on_track
from blender_addon.scene.landing import Landing, key_in_slices
from blender_addon.scene.obstacles import usable
from blender_addon.scene.rigs import read_rig

KEYS = ("jawOpen", "mouthClose", "mouthPucker", "eyeBlinkLeft", "eyeBlinkRight")
FACE = {
    **{("Head", key): {key: 1.0} for key in KEYS},
    ("Teeth", "jawOpen"): {"jawOpen": 1.0},
    ("Head", "narrow"): {"mouthPucker": 2.0},
}


def new_rig(modes: tuple[str, ...] = ("QUATERNION",)) -> Any:
    bpy.ops.wm.read_factory_settings(use_empty=True)
    rig = own_skeleton(arms_down=45, roll=30)
    armature = build(rig)
    for i, bone in enumerate(armature.pose.bones):
        bone.rotation_mode = modes[i % len(modes)]
    for name, keys in (("Head", (*KEYS, "narrow")), ("Teeth", ("jawOpen",))):
        data = bpy.data.meshes.new(name)
        data.from_pydata([(0, 0, 0), (1, 0, 0), (0, 1, 0)], [], [(0, 1, 2)])
        mesh = bpy.data.objects.new(name, data)
        bpy.context.collection.objects.link(mesh)
        mesh.shape_key_add(name="Basis")
        for key in keys:
            mesh.shape_key_add(name=key).data[0].co.z = 0.03
        mesh.parent = armature
    bpy.data.objects["Head"].data.shape_keys.key_blocks["narrow"].slider_max = 0.6
    return armature


def mapping() -> RigMapping:
    rig = by_hand(own_skeleton())
    return RigMapping(kind="", bones=rig.bones, jaw=0.35, face=FACE)


def land(armature: Any, take: Take, name: str, bound: Bound | None = None, start: float = 1) -> Any:
    motion = retarget(take, read_rig(armature), mapping())
    for _ in key_in_slices(bpy.context.scene, armature, motion, name, start, bound):
        pass
    return motion


def curve_values(armature: Any, frames: np.ndarray) -> dict[str, np.ndarray]:
    """Every curve of the rig and its face, evaluated by Blender."""
    found = {}
    owners = [armature, *(bpy.data.objects[name].data.shape_keys for name in ("Head", "Teeth"))]
    for action in dict.fromkeys(animation_of(owner).action for owner in owners):
        for curve in curves(action):
            found[f"{curve.data_path}[{curve.array_index}]"] = [curve.evaluate(frame) for frame in frames]
    return {path: np.array(values) for path, values in found.items()}


def key_count() -> int:
    return sum(len(curve.keyframe_points) for action in bpy.data.actions for curve in curves(action))


def pose(armature: Any, frame: float) -> np.ndarray:
    bpy.context.scene.frame_set(int(frame), subframe=frame % 1)
    return np.array([bone.matrix for bone in armature.pose.bones])


def one_after_the_other() -> dict[str, Any]:
    """Two takes and a third that is taken back, on a rig that was animated before."""
    armature = new_rig()
    bone = armature.pose.bones["head"]
    bone.location.x = 1
    bone.keyframe_insert("location", frame=1)
    mine = armature.animation_data.action
    mine.name = "Mine"
    take = talking_take()
    motion = land(armature, take, "First")
    first = armature.animation_data.action
    keys = sum(len(curve.keyframe_points) for curve in curves(first))
    land(armature, talking_take(60), "Second", start=11)
    second = armature.animation_data.action
    landing = Landing(bpy.context.scene, armature, "Third")
    third = landing.add(motion)
    steps = [next(third) for _ in range(30)]
    names = [action.name for action in landing.actions]
    landing.take_back()
    return {
        "mine_keys": sum(len(curve.keyframe_points) for curve in curves(mine)),
        "kept": [action.use_fake_user for action in (mine, first, second)],
        "first_keys": [keys, sum(len(curve.keyframe_points) for curve in curves(first))],
        "ranges": [[first.frame_start, first.frame_end], [second.frame_start, second.frame_end]],
        "meta": [first["vlogger"], second["vlogger"]],
        "notes": list(motion.notes),
        "steps": steps,
        "third": names,
        "actions": [action.name for action in bpy.data.actions],
        "assigned": armature.animation_data.action.name,
        "groups": sorted({curve.group.name for action in bpy.data.actions for curve in curves(action) if curve.group}),
        "narrow": curve_values(armature, np.arange(5))['key_blocks["narrow"].value[0]'],
    }


def in_pieces() -> dict[str, Any]:
    take = talking_take()
    modes = ("QUATERNION", "XYZ", "ZXY", "AXIS_ANGLE")
    frames = np.arange(1, 121)
    armature = new_rig(modes)
    land(armature, take, "Whole")
    whole = curve_values(armature, frames)
    armature = new_rig(modes)
    landing = Landing(bpy.context.scene, armature, "Pieces", 1)
    rig = read_rig(armature)
    for start, end in ((0, 50), (50, 51), (51, 120)):
        piece = Take(take.fps, take.poses[start:end], take.trans[start:end], take.face[start:end], take.face_names)
        for _ in landing.add(retarget(piece, rig, mapping()), start):
            pass
    pieces = curve_values(armature, frames)
    # and once more, all of it, over what is there
    for _ in landing.add(retarget(take, rig, mapping())):
        pass
    again = curve_values(armature, frames)
    worst = max(np.abs(whole[path] - pieces[path]).max() for path in whole)
    return {
        "paths": [len(whole), len(pieces)],
        "worst": worst,
        "again": max(np.abs(whole[path] - again[path]).max() for path in whole),
    }


def few_keys(modes: tuple[str, ...]) -> dict[str, Any]:
    take = talking_take(240)
    frames = np.arange(240)
    looked_at = range(0, 240, 5)
    found: dict[str, Any] = {}

    def local(frame: int) -> list[Any]:
        pose(armature, frame)
        return [bone.matrix_basis for bone in armature.pose.bones]

    for name, bound in (("dense", None), ("few", Bound())):
        armature = new_rig(modes)
        set_frame_rate(bpy.context.scene, take.fps)
        motion = land(armature, take, name, bound, start=0)
        found[f"{name}_keys"] = key_count()
        found[f"{name}_local"] = np.array([local(frame) for frame in looked_at])
        values = curve_values(armature, frames)
        found[f"{name}_face"] = np.array([values[f'key_blocks["{key}"].value[0]'] for key in KEYS])
        found["sealed"] = motion.sealed
    points = [curve.keyframe_points for action in bpy.data.actions for curve in curves(action)]
    found["interpolation"] = sorted({point.interpolation for own in points for point in own})
    before = curve_values(armature, frames + 0.5)
    for action in bpy.data.actions:
        for curve in curves(action):
            curve.update()
    after = curve_values(armature, frames + 0.5)
    found["after_update"] = max(np.abs(before[path] - after[path]).max() for path in before)
    return found


def on_a_track() -> dict[str, Any]:
    armature = new_rig()
    keys = bpy.data.objects["Head"].data.shape_keys
    land(armature, talking_take(), "Take", start=0)
    plain = pose(armature, 40), keys.key_blocks["jawOpen"].value
    for owner in (armature, keys):
        put_on_track(owner, "Take", 0, 119)
        owner.animation_data.action = None
    pose(armature, 0)
    strip = pose(armature, 40), keys.key_blocks["jawOpen"].value
    return {"pose": np.abs(plain[0] - strip[0]).max(), "face": [plain[1], strip[1]]}


def at_odd_settings() -> dict[str, Any]:
    """23.976 frames a second, in centimetres."""
    armature = new_rig()
    scene = bpy.context.scene
    set_frame_rate(scene, 24000 / 1001)
    scene.unit_settings.scale_length = 0.01
    motion = land(armature, talking_take(), "Film", start=5)
    head = next(curve for curve in curves(armature.animation_data.action) if "head" in curve.data_path)
    return {
        "frames": [point.co[0] for point in head.keyframe_points][:3],
        "location": np.abs(motion.locations["pelvis"]).max(),
    }


def moved_pelvises() -> dict[str, Any]:
    """The same take where the pelvis can't be moved itself, or is moved along other axes."""
    take = talking_take()
    found = {}
    for kind in ("plain", "connected", "armature's axes"):
        armature = new_rig()
        set_frame_rate(bpy.context.scene, take.fps)
        bpy.ops.object.mode_set(mode="EDIT")
        edit = armature.data.edit_bones
        root = edit.new("root")
        root.head, root.tail, root.roll = (0.1, 0, 0), edit["pelvis"].head, 0.7
        edit["pelvis"].parent = root
        edit["pelvis"].use_connect = kind == "connected"
        edit["pelvis"].use_local_location = kind != "armature's axes"
        bpy.ops.object.mode_set(mode="OBJECT")
        motion = land(armature, take, kind, start=0)
        names = [bone.name for bone in armature.pose.bones]
        found[kind] = np.array([pose(armature, frame)[:, :3, 3] for frame in range(0, 120, 30)])
        found[f"{kind} bone"] = list(motion.locations)
        found[f"{kind} names"] = names
    return found


def refused(do: Callable[[], Any]) -> str:
    try:
        do()
    except AddonError as error:
        return str(error)
    return ""


def obstacles() -> dict[str, Any]:
    armature = new_rig()
    bones = armature.pose.bones
    head = bpy.data.objects["Head"]
    keys = head.data.shape_keys
    bones["left_knee"].lock_rotation = (True, True, True)
    driver = bones["neck"].driver_add("rotation_quaternion", 1).driver
    driver.expression = "0.0"
    keys.key_blocks["mouthPucker"].driver_add("value").driver.expression = "0.5"
    keys.key_blocks["jawOpen"].mute = True
    head.show_only_shape_key = True
    bones["right_elbow"].constraints.new("IK").name = "Reach"
    bones["right_elbow"].constraints["Reach"].chain_count = 2
    armature.data.pose_position = "REST"
    kept, notes = finished(usable(bpy.context.scene, armature, mapping()))
    motion = retarget(talking_take(), read_rig(armature), kept)
    armature.data.pose_position = "POSE"
    for _ in key_in_slices(bpy.context.scene, armature, motion, "Take", 0):
        pass
    knee = pose(armature, 30)[list(bones.keys()).index("left_knee")]
    bpy.ops.object.mode_set(mode="EDIT")
    editing = refused(lambda: read_rig(armature))
    bpy.ops.object.mode_set(mode="OBJECT")
    armature.animation_data.nla_tracks.new().strips.new("strip", 1, armature.animation_data.action)
    armature.animation_data.action = None
    armature.animation_data.nla_tracks[0].select = True
    armature.animation_data.nla_tracks[0].is_solo = True
    elsewhere = RigMapping("", {"head": Match("no such bone", 1.0, "")})
    gone = refused(lambda: retarget(talking_take(), read_rig(armature), elsewhere))
    return {
        "notes": notes,
        "driven_kept": "neck" in kept.bones,
        "locked_kept": "left_knee" in kept.bones,
        "face_kept": sorted(key for mesh, key in kept.face if mesh == "Head"),
        "curves": sorted({curve.data_path for action in bpy.data.actions for curve in curves(action)}),
        "knee": knee,
        "editing": editing,
        "solo": finished(usable(bpy.context.scene, armature, mapping()))[1],
        "gone": gone,
        "no_armature": refused(lambda: read_rig(head)),
    }


def linked(folder: str) -> dict[str, Any]:
    new_rig()
    path = str(Path(folder) / "library.blend")
    bpy.ops.wm.save_as_mainfile(filepath=path)
    bpy.ops.wm.read_factory_settings(use_empty=True)
    with bpy.data.libraries.load(path, link=True) as (there, here):
        here.objects = there.objects
    armature = next(thing for thing in bpy.data.objects if thing.type == "ARMATURE")
    head = bpy.data.objects["Head"]
    for thing in (armature, head):
        bpy.context.collection.objects.link(thing)
    refusal = refused(lambda: finished(usable(bpy.context.scene, armature, mapping())))
    local = armature.override_create(remap_local_usages=True)
    local.override_library.is_system_override = True
    system = refused(lambda: finished(usable(bpy.context.scene, local, mapping())))
    local.override_library.is_system_override = False
    local_head = head.override_create(remap_local_usages=True)
    local_head.parent = local
    kept, notes = finished(usable(bpy.context.scene, local, mapping()))
    motion = retarget(talking_take(), read_rig(local), kept)
    for _ in key_in_slices(bpy.context.scene, local, motion, "Take on an override", 0):
        pass
    bpy.context.scene.frame_set(0)
    before = np.array([bone.matrix for bone in local.pose.bones])
    return {
        "refusal": refusal,
        "system": system,
        "notes": notes,
        "moved": np.abs(pose(local, 40) - before).max(),
        "modes": sorted({bone.rotation_mode for bone in local.pose.bones}),
    }


def controls() -> dict[str, Any]:
    """A control rig after Rigify's manner: arms and head hang on hidden bones that follow something else."""
    armature = new_rig()
    set_frame_rate(bpy.context.scene, talking_take().fps)
    bpy.ops.object.mode_set(mode="EDIT")
    edit = armature.data.edit_bones
    root = edit.new("root")
    root.head, root.tail = (0, 0, 0), (0, 0.2, 0)
    edit["pelvis"].parent = root
    for name, parent in (("head", "neck"), ("left_shoulder", "left_collar"), ("right_shoulder", "right_collar")):
        hidden = edit.new(f"MCH-{name}")
        hidden.head, hidden.tail = edit[name].head, edit[name].head + root.tail  # with the root's axes
        hidden.parent = edit[parent]
        edit[name].parent = hidden
    edit["left_hip"].use_inherit_rotation = False
    edit["MCH-right_shoulder"].parent = root
    bpy.ops.object.mode_set(mode="OBJECT")
    for name in ("head", "left_shoulder"):  # these stay as the root is
        constraint = armature.pose.bones[f"MCH-{name}"].constraints.new("COPY_ROTATION")
        constraint.target, constraint.subtarget = armature, "root"
    target = armature.pose.bones["MCH-right_shoulder"].constraints.new("ARMATURE").targets.new()
    target.target, target.subtarget = armature, "right_collar"  # this follows its collar bone
    armature.pose.bones["root"]["IK_FK"] = 0.0
    by_switch = target.id_data.pose.bones["MCH-right_shoulder"].constraints[0].driver_add("influence").driver
    by_switch.type = "SUM"
    switch = by_switch.variables.new().targets[0]
    switch.id, switch.data_path = armature, 'pose.bones["root"]["IK_FK"]'
    fk = replace(mapping(), switches={("root", "IK_FK"): 1.0, ("root", "no such"): 1.0})
    before = [list(bone.rotation_quaternion) for bone in armature.pose.bones]
    kept, notes = finished(usable(bpy.context.scene, armature, fk))
    same = before == [list(bone.rotation_quaternion) for bone in armature.pose.bones]
    motion = retarget(talking_take(), read_rig(armature), kept)
    for _ in key_in_slices(bpy.context.scene, armature, motion, "Take", 0):
        pass
    names = [bone.name for bone in armature.pose.bones]
    places = []
    for frame in range(0, 120, 10):
        pose(armature, frame)
        places.append([bone.head[:] for bone in armature.pose.bones])
    return {
        "switched": armature.pose.bones["root"]["IK_FK"],
        "carriers": [f"{name} {carrier}" for name, carrier in sorted(kept.carriers.items())],
        "pose_kept": same,
        "notes": notes,
        "bones": names,
        "places": np.array(places),
    }


def main(folder: str) -> dict[str, Any]:
    parts = {
        "takes": one_after_the_other(),
        "pieces": in_pieces(),
        "quaternions": few_keys(("QUATERNION",)),
        "eulers": few_keys(("XYZ", "ZXY", "YZX", "AXIS_ANGLE")),
        "track": on_a_track(),
        "odd": at_odd_settings(),
        "pelvis": moved_pelvises(),
        "obstacles": obstacles(),
        "linked": linked(folder),
        "controls": controls(),
    }
    return {f"{part}/{name}": value for part, found in parts.items() for name, value in found.items()}


if __name__ == "__main__":
    leave(main)
