"""Retarget a take to rigs, key them, and tell where the bones are on some frames.

`pose_rigs.py OUT.npz TAKE.npz BODY EVERY`: BODY is one of MakeHuman's, or "" for the hand-made rigs.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import bpy
import numpy as np
from leave import leave
from makehuman import Person
from mathutils import Matrix
from odd_rigs import TestRig, odd_rigs, real_rigs

from blender_addon.core.retarget import retarget
from blender_addon.core.rig import Match, RigMapping
from blender_addon.core.take import read_take
from blender_addon.scene.actions import set_frame_rate
from blender_addon.scene.landing import key_in_slices
from blender_addon.scene.rigs import read_rig


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
    return armature


def add_skin(armature: Any, person: Person) -> Any:
    data = bpy.data.meshes.new(armature.name)
    data.from_pydata(person.vertices.tolist(), [], person.faces.tolist())
    mesh = bpy.data.objects.new(armature.name, data)
    bpy.context.collection.objects.link(mesh)
    for name, pairs in person.weights.items():
        group = mesh.vertex_groups.new(name=name)
        for vertex, weight in pairs.tolist():
            group.add((int(vertex),), weight, "REPLACE")
    mesh.parent = armature
    mesh.modifiers.new("Armature", "ARMATURE").object = armature
    return mesh


def by_hand(rig: TestRig) -> RigMapping:
    bones = {joint: Match(bone, 1.0, "by hand") for joint, bone in rig.bones.items()}
    return RigMapping(kind="", bones=bones, jaw=rig.jaw)


def main(path: str, body: str, every: str) -> dict[str, Any]:
    scene = bpy.context.scene
    take = read_take(Path(path))
    set_frame_rate(scene, take.fps)
    found: dict[str, Any] = {}
    rigs = real_rigs(body) if body else odd_rigs()
    armatures = []
    for rig in rigs:
        armature = build(rig)
        bpy.context.view_layer.update()
        motion = retarget(take, read_rig(armature), by_hand(rig))
        for _ in key_in_slices(scene, armature, motion, f"Take on {rig.name}"):
            pass
        armatures.append(armature)
        found[f"{rig.name}/notes"] = list(motion.notes)
        found[f"{rig.name}/rest"] = np.array([bone.head_local for bone in armature.data.bones])
    frames = range(0, len(take), int(every))
    places: dict[str, list[Any]] = {rig.name: [] for rig in rigs}
    for frame in frames:
        scene.frame_set(frame)
        for rig, armature in zip(rigs, armatures, strict=True):
            bones = armature.pose.bones
            places[rig.name].append([[bone.head[:], bone.tail[:]] for bone in bones])
    for rig, armature in zip(rigs, armatures, strict=True):
        found[f"{rig.name}/bones"] = [bone.name for bone in armature.pose.bones]
        found[f"{rig.name}/places"] = np.array(places[rig.name])  # frames, bones, head and tail, 3: armature's space
        found[f"{rig.name}/modes"] = [bone.rotation_mode for bone in armature.pose.bones]
    return {**found, "frames": list(frames)}


if __name__ == "__main__":
    leave(main)
