"""Read an FBX or glTF file with Blender's own importer and tell what came of it.

`read_file.py OUT.npz FILE FPS [FRAME...]`: world matrices of the bones at rest and on every key, the face's curves,
and the mesh on the given keys, in metres and Blender's axes.
"""

from __future__ import annotations

from typing import Any

import bpy
import numpy as np
from leave import leave


def read(path: str, fps: float) -> None:
    bpy.ops.wm.read_factory_settings(use_empty=True)
    if path.endswith(".glb"):
        # glTF holds seconds; Blender puts them on the frames of the scene as it is.
        render = bpy.context.scene.render
        render.fps = round(fps)
        render.fps_base = render.fps / fps
        bpy.ops.import_scene.gltf(filepath=path)
    elif hasattr(bpy.types, "WM_OT_fbx_import"):
        bpy.ops.wm.fbx_import(filepath=path, anim_offset=0)  # the C++ importer, on ufbx
    else:
        bpy.ops.import_scene.fbx(filepath=path, anim_offset=0)


def curves(action: Any) -> list[Any]:
    if not hasattr(action, "layers"):
        return list(action.fcurves)
    strips = [strip for layer in action.layers for strip in layer.strips]
    return [curve for strip in strips for bag in strip.channelbags for curve in bag.fcurves]


def mesh_points(mesh: Any) -> np.ndarray:
    evaluated = mesh.evaluated_get(bpy.context.evaluated_depsgraph_get())
    data = evaluated.to_mesh()
    points = np.empty(len(data.vertices) * 3, np.float32)
    data.vertices.foreach_get("co", points)
    world = np.array(evaluated.matrix_world)
    evaluated.to_mesh_clear()
    return points.reshape(-1, 3) @ world[:3, :3].T + world[:3, 3]


def main(path: str, fps: str, *wanted: str) -> dict[str, Any]:
    read(path, float(fps))
    scene = bpy.context.scene
    armature = next(thing for thing in scene.objects if thing.type == "ARMATURE")
    mesh = next(thing for thing in scene.objects if thing.type == "MESH" and thing.data.shape_keys)
    bones = armature.pose.bones
    # Not the whole frames: Blender's FBX importer takes 29.97 for 30 when it places the keys.
    written = [curve for action in bpy.data.actions for curve in curves(action)]
    keyed = sorted({round(point.co[0], 3) for curve in written for point in curve.keyframe_points})
    poses = np.empty((len(keyed), len(bones), 4, 4), np.float32)
    keys = mesh.data.shape_keys.key_blocks[1:]
    face = np.empty((len(keyed), len(keys)), np.float32)
    points = {}
    for i, frame in enumerate(keyed):
        scene.frame_set(int(frame), subframe=frame % 1)
        poses[i] = [armature.matrix_world @ bone.matrix for bone in bones]
        face[i] = [key.value for key in keys]
        if str(i) in wanted:
            points[f"points_{i}"] = mesh_points(mesh)
    return {
        "fps": scene.render.fps / scene.render.fps_base,
        "keyed": keyed,
        "actions": [action.name for action in bpy.data.actions],
        "bones": [bone.name for bone in bones],
        "parents": [bone.parent.name if bone.parent else "" for bone in bones],
        "rest": np.array([armature.matrix_world @ bone.bone.matrix_local for bone in bones]),
        "poses": poses,
        "face": face,
        "face_names": [key.name for key in keys],
        "materials": [slot.material.name for slot in mesh.material_slots],
        "textures": [image.size[0] for image in bpy.data.images if image.size[0]],
        **points,
    }


if __name__ == "__main__":
    leave(main)
