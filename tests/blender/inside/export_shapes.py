"""A character that nobody would make on purpose, as FBX files: `export_shapes.py OUT.npz FOLDER`.

Mirrored, thickened and carried meshes with shape keys, drivers and two materials; names in other alphabets; an armature
that is small, turned and animated itself; weights of bones that aren't there.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import bpy
import numpy as np
from leave import leave

from blender_addon.scene.cast import cast_of
from blender_addon.scene.compat import animate, animation_of, put_on_track
from blender_addon.scene.fbx import PRESETS, Played, export_fbx

FPS, FIRST, LAST = 25, 5, 15
KEYS = ("Mund auf", "口", "über", "driven")


def character() -> Any:
    armature = bpy.data.objects.new("Jürgen 日本", bpy.data.armatures.new("Jürgen 日本"))
    bpy.context.scene.collection.objects.link(armature)
    bpy.context.view_layer.objects.active = armature
    bpy.ops.object.mode_set(mode="EDIT")
    for name, parent, head, tail in (
        ("Hüfte", "", (0, 0, 100), (0, 0, 130)),
        ("Kopf", "Hüfte", (0, 0, 160), (0, 0, 180)),
        ("hand.L", "Hüfte", (60, 0, 140), (80, 0, 140)),
        ("hand.R", "Hüfte", (-60, 0, 140), (-80, 0, 140)),
    ):
        bone = armature.data.edit_bones.new(name)
        bone.head, bone.tail = head, tail
        bone.parent = armature.data.edit_bones[parent] if parent else None
    bpy.ops.object.mode_set(mode="OBJECT")
    armature.scale, armature.rotation_euler = (0.01,) * 3, (0, 0, 0.4)
    return armature


def patch(armature: Any, name: str, place: tuple[float, float, float], groups: dict[str, float]) -> Any:
    """A bent sheet of 5 x 4 vertices beside the middle, with two materials and normals of its own."""
    x, y = np.meshgrid(np.arange(5), np.arange(4), indexing="ij")
    points = np.stack([4 * x, 0.3 * (x * y), 5 * y], axis=-1).reshape(-1, 3) + place
    faces = [(4 * i + j, 4 * i + j + 4, 4 * i + j + 5, 4 * i + j + 1) for i in range(4) for j in range(3)]
    data = bpy.data.meshes.new(name)
    data.from_pydata(points.tolist(), [], faces)
    data.materials.append(bpy.data.materials.new("Haut"))
    data.materials.append(bpy.data.materials.new("髪"))
    data.polygons.foreach_set("material_index", np.arange(len(faces), dtype=np.int32) % 2)
    data.uv_layers.new(name="UV")
    mesh = bpy.data.objects.new(name, data)
    bpy.context.scene.collection.objects.link(mesh)
    mesh.parent = armature
    for group, weight in groups.items():
        mesh.vertex_groups.new(name=group).add(range(20), weight, "REPLACE")
    mesh.shape_key_add(name="Basis")
    random = np.random.default_rng(len(name))
    for key in KEYS:
        moved = points + random.normal(0, 1, points.shape) * (x.reshape(-1, 1) > 0)  # the middle stays in the middle
        mesh.shape_key_add(name=key).data.foreach_set("co", moved.astype(np.float32).ravel())
    keys = mesh.data.shape_keys
    keys.key_blocks["über"].relative_key = keys.key_blocks["口"]
    keys.key_blocks["über"].slider_min, keys.key_blocks["über"].slider_max = -1, 2
    driver = keys.key_blocks["driven"].driver_add("value").driver
    driver.expression = "0.3"
    return mesh


def key(armature: Any, meshes: list[Any], seed: int) -> None:
    random = np.random.default_rng(seed)
    owners = [armature, *(mesh.data.shape_keys for mesh in meshes)]
    animate(f"Тест {seed}", owners)
    for frame in (FIRST, 9, LAST):
        for bone in armature.pose.bones:
            bone.rotation_quaternion = (1, *random.normal(0, 0.3, 3))
            bone.keyframe_insert("rotation_quaternion", frame=frame)
        armature.location = random.normal(0, 0.1, 3)
        armature.keyframe_insert("location", frame=frame)
        for mesh in meshes:
            for name in KEYS[:3]:
                mesh.data.shape_keys.key_blocks[name].value = random.uniform(0.1, 1)
                mesh.data.shape_keys.key_blocks[name].keyframe_insert("value", frame=frame)


def points(mesh: Any) -> np.ndarray:
    made = mesh.evaluated_get(bpy.context.evaluated_depsgraph_get())
    data = made.to_mesh()
    found = np.empty((len(data.vertices), 3), np.float32)
    data.vertices.foreach_get("co", found.ravel())
    made.to_mesh_clear()
    return found @ np.array(mesh.matrix_world)[:3, :3].T + np.array(mesh.matrix_world)[:3, 3]


def seen(meshes: list[Any], frames: range) -> dict[str, np.ndarray]:
    """Where the vertices are in the world, on every frame, by mesh."""
    found: dict[str, list[Any]] = {mesh.name: [] for mesh in meshes}
    for frame in frames:
        bpy.context.scene.frame_set(frame)
        for mesh in meshes:
            found[mesh.name].append(points(mesh))
    return {name: np.array(places) for name, places in found.items()}


def state(meshes: list[Any]) -> list[Any]:
    found: list[Any] = [sorted(data.name for data in bpy.data.meshes), len(bpy.data.shape_keys), len(bpy.data.actions)]
    for mesh in meshes:
        found += [mesh.data.name, mesh.active_shape_key_index, mesh.show_only_shape_key]
        found += [(item.name, item.show_viewport, item.show_render) for item in mesh.modifiers]
        found += [(slot.link, slot.material.name) for slot in mesh.material_slots]
        found += [material.name for material in mesh.data.materials]
        found += [(block.name, round(block.value, 5), block.mute) for block in mesh.data.shape_keys.key_blocks]
        found += [animation_of(mesh.data.shape_keys).action.name, len(mesh.data.shape_keys.animation_data.drivers)]
    return [str(thing) for thing in found]


def main(folder: str) -> dict[str, Any]:
    bpy.ops.wm.read_factory_settings(use_empty=True)
    scene = bpy.context.scene
    scene.render.fps, scene.frame_start, scene.frame_end = FPS, FIRST, LAST
    armature = character()
    face = patch(armature, "Gesicht ß", (0, -10, 150), {"Kopf": 1.0, "not there": 0.5})
    glove = patch(armature, "Glove", (60, 0, 135), {"hand.L": 1.0, "hand.R": 0.0})
    hat = patch(armature, "Hat", (0, 0, 190), {})
    for mesh in (face, glove):
        mesh.modifiers.new("Half", "MIRROR")
        mesh.modifiers.new("Rig", "ARMATURE").object = armature
    face.modifiers["Half"].use_clip = True
    copies = face.modifiers.new("Copies", "ARRAY")
    copies.use_relative_offset, copies.use_constant_offset = False, True
    copies.constant_offset_displace = (0, 0, 30)
    face.modifiers.move(2, 0)
    thick = hat.modifiers.new("Thick", "SOLIDIFY")
    thick.thickness = 0.5
    glove.modifiers.new("Finer", "SUBSURF")
    glove.data.normals_split_custom_set([(0.0, 0.6, 0.8)] * len(glove.data.loops))
    hat.parent_type, hat.parent_bone = "BONE", "Kopf"
    hat.matrix_parent_inverse = armature.data.bones["Kopf"].matrix_local.inverted()
    hat.material_slots[1].link = "OBJECT"
    hat.material_slots[1].material = bpy.data.materials.new("髪 of its own")
    meshes = [face, glove, hat]
    key(armature, meshes, 1)
    face.active_shape_key_index = 2
    glove.modifiers["Finer"].show_viewport = False  # it is left out of the file
    expected = seen(meshes, range(FIRST, LAST + 1))
    glove.modifiers["Finer"].show_viewport = True
    before = state(meshes)
    animations = {owner: animation_of(owner) for owner in (armature, *(mesh.data.shape_keys for mesh in meshes))}
    cast = cast_of(bpy.context, armature)
    for name, preset in PRESETS.items():
        export_fbx(bpy.context, Path(folder) / f"{name}.fbx", cast, Played("Прыжок 1", FIRST, LAST, animations), preset)
    export_fbx(bpy.context, Path(folder) / "assigned.fbx", cast, Played("Прыжок 1", FIRST, LAST), PRESETS["UNREAL"])
    found: dict[str, Any] = {f"expected/{name}": places for name, places in expected.items()}
    found["unchanged"] = state(meshes) == before
    found["notes"] = " ".join(cast.notes)

    for owner in animations:  # a take that is only on tracks
        put_on_track(owner, "track", FIRST, LAST)
        owner.animation_data.action = None
    export_fbx(bpy.context, Path(folder) / "tracks.fbx", cast, Played("Прыжок 1", FIRST, LAST), PRESETS["UNREAL"])
    return found


if __name__ == "__main__":
    leave(main)
