"""Retarget a take to rigs, key them, and tell where the bones are on some frames.

`pose_rigs.py OUT.npz WHICH FOLDER [TAKE.npz]`: WHICH is one of MakeHuman's bodies, of which FOLDER has the files, "odd"
for the hand-made rigs, or "files" for rigs that have been through files of other formats.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import bpy
import numpy as np
from leave import leave
from makehuman import Person
from mathutils import Matrix
from odd_rigs import TestRig, odd_rigs, real_rigs, talking_take

from blender_addon.core.descriptions import load_descriptions
from blender_addon.core.matching import match_rig
from blender_addon.core.retarget import retarget
from blender_addon.core.rig import Match, RigMapping
from blender_addon.core.take import read_take
from blender_addon.scene.actions import set_frame_rate
from blender_addon.scene.landing import key_in_slices
from blender_addon.scene.rigs import read_rig

RIGS = Path(__file__).parents[3] / "rigs"
EVERY = 10


def build(rig: TestRig) -> Any:
    armature = bpy.data.objects.new(rig.name, bpy.data.armatures.new(rig.name))
    bpy.context.collection.objects.link(armature)
    bpy.context.view_layer.objects.active = armature
    bpy.ops.object.mode_set(mode="EDIT")
    for joint in rig.joints:
        bone = armature.data.edit_bones.new(joint.name)
        bone.head, bone.tail = joint.head, joint.tail
        if bone.length < 1e-4:  # Blender removes bones without length
            bone.tail = bone.head + type(bone.head)((0, 0.01, 0))
        bone.roll = joint.roll
        if joint.parent:
            bone.parent = armature.data.edit_bones[joint.parent]
    bpy.ops.object.mode_set(mode="OBJECT")
    armature.matrix_world = Matrix(rig.world.tolist())
    for i, bone in enumerate(armature.pose.bones):
        bone.rotation_mode = rig.modes[i % len(rig.modes)]
    bpy.context.view_layer.update()
    return armature


def add_skin(armature: Any, person: Person) -> Any:
    used, faces = np.unique(person.faces, return_inverse=True)  # MakeHuman's mesh has helpers that nobody sees
    number = {int(vertex): i for i, vertex in enumerate(used)}
    data = bpy.data.meshes.new(armature.name)
    data.from_pydata(person.vertices[used].tolist(), [], faces.reshape(-1, 3).tolist())
    mesh = bpy.data.objects.new(armature.name, data)
    bpy.context.collection.objects.link(mesh)
    for name, pairs in person.weights.items():
        group = mesh.vertex_groups.new(name=name)
        for vertex, weight in pairs.tolist():
            if vertex in number:
                group.add((number[vertex],), weight, "REPLACE")
    mesh.parent = armature
    mesh.modifiers.new("Armature", "ARMATURE").object = armature
    return mesh


def by_hand(rig: TestRig) -> RigMapping:
    bones = {joint: Match(bone, 1.0, "by hand") for joint, bone in rig.bones.items()}
    return RigMapping(kind="", bones=bones, jaw=rig.jaw)


def through_file(rig: TestRig, suffix: str) -> tuple[TestRig, Any]:
    """The rig as Blender's own exporter and importer of a format leave it: other axes, scales, rolls and tails."""
    original = build(rig)
    bpy.ops.object.select_all(action="DESELECT")
    original.select_set(True)
    path = str(Path(tempfile.mkdtemp()) / f"rig.{suffix}")
    if suffix == "fbx":
        bpy.ops.export_scene.fbx(filepath=path, use_selection=True, add_leaf_bones=True, bake_anim=False)
    else:
        bpy.ops.export_scene.gltf(filepath=path, use_selection=True, export_animations=False)
    bpy.data.objects.remove(original)
    there = set(bpy.data.objects)
    if suffix == "glb":
        bpy.ops.import_scene.gltf(filepath=path, bone_heuristic="BLENDER")
    elif hasattr(bpy.types, "WM_OT_fbx_import"):
        bpy.ops.wm.fbx_import(filepath=path)
    else:
        bpy.ops.import_scene.fbx(filepath=path)
    armature = next(thing for thing in bpy.data.objects if thing not in there and thing.type == "ARMATURE")
    armature.location.x = 3
    bpy.context.view_layer.update()
    # Upright and facing the front in the scene again, whatever the armature's own axes are
    facing = np.array(armature.matrix_world.to_3x3().normalized().inverted()) @ rig.facing
    return replace(rig, name=f"{rig.name} through {suffix}", facing=facing), armature


def made(which: str, folder: Path) -> list[tuple[TestRig, Any]]:
    if which == "files":
        rigs = {rig.name: rig for rig in real_rigs(folder)}
        return [
            through_file(rigs["mixamo, man"], "fbx"),
            through_file(rigs["game_engine, man"], "glb"),
            through_file(rigs["makehuman, man"], "glb"),
        ]
    return [(rig, build(rig)) for rig in (odd_rigs() if which == "odd" else real_rigs(folder, which))]


def main(which: str, folder: str, path: str = "") -> dict[str, Any]:
    scene = bpy.context.scene
    take = read_take(Path(path)) if path else talking_take()
    set_frame_rate(scene, take.fps)
    found: dict[str, Any] = {}
    descriptions = load_descriptions(RIGS)
    matched: Callable[..., RigMapping] = lambda rig: match_rig(rig, descriptions)[0]  # noqa: E731
    rigs = made(which, Path(folder))
    for rig, armature in rigs:
        read = read_rig(armature)
        motion = retarget(take, read, by_hand(rig) if which == "odd" else matched(read))
        for _ in key_in_slices(scene, armature, motion, f"Take on {rig.name}"):
            pass
        found[f"{rig.name}/rest"] = np.array([bone.head_local for bone in armature.data.bones])
        found[f"{rig.name}/bones"] = [bone.name for bone in armature.pose.bones]
        found[f"{rig.name}/modes"] = [bone.rotation_mode for bone in armature.pose.bones]
        found[f"{rig.name}/facing"] = rig.facing
    frames = range(0, len(take), EVERY)
    places: dict[str, list[Any]] = {rig.name: [] for rig, _ in rigs}
    for frame in frames:
        scene.frame_set(frame)
        for rig, armature in rigs:
            places[rig.name].append([bone.head[:] for bone in armature.pose.bones])
    for rig, _ in rigs:
        found[f"{rig.name}/places"] = np.array(places[rig.name])  # (frames, bones, 3) in the armature's space
    return {**found, "rigs": [rig.name for rig, _ in rigs], "frames": list(frames)}


if __name__ == "__main__":
    leave(main)
