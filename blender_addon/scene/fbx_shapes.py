"""Shape keys of meshes whose shape modifiers make (Mirror, Solidify, …), for the duration of an export.

Blender's exporter applies modifiers or keeps shape keys, never both. So the mesh is evaluated without its Armature at
rest, and once for each shape key alone; what comes out is a mesh with shape keys and without modifiers, which stands in
for the object's own. That is as good as the modifiers treat a mixture of shapes like the mixture of what they make of
each: Mirror, Array and Subdivision do, Solidify nearly.
"""

from __future__ import annotations

from typing import Any

import bpy
import numpy as np
from numpy.typing import NDArray

from ..core.errors import AddonError
from .actions import key_path
from .as_it_was import AsItWas
from .cast import shaping


def stand_in(scene: AsItWas, context: Any, mesh: Any, armature: Any) -> tuple[Any, Any]:
    """Give a mesh object shape keys as its modifiers make them, and switch these off, until `scene` ends.

    Returns its own block of shape keys and the one that stands in, which nothing moves yet.

    Raises AddonError if a modifier makes other vertices or faces of one shape than of another.
    """
    keys = mesh.data.shape_keys
    with AsItWas() as now:
        now.change(armature.data, "pose_position", "REST")
        for modifier in mesh.modifiers:
            now.change(modifier, "show_viewport", modifier in shaping(mesh))
        now.callback(setattr, mesh, "active_shape_key_index", mesh.active_shape_key_index)
        now.change(mesh, "show_only_shape_key", True)
        for key in keys.key_blocks:
            now.change(key, "mute", False)
        shapes = [_shape(context, mesh, i) for i in range(len(keys.key_blocks))]
        for i, (_, faces) in enumerate(shapes):
            if not np.array_equal(faces, shapes[0][1]):
                raise AddonError(_other_faces(context, mesh, i))
        mesh.active_shape_key_index = 0
        graph = context.evaluated_depsgraph_get()
        made = bpy.data.meshes.new_from_object(
            mesh.evaluated_get(graph), preserve_all_data_layers=True, depsgraph=graph
        )
    scene.callback(bpy.data.meshes.remove, made)
    scene.callback(setattr, mesh, "active_shape_key_index", mesh.active_shape_key_index)
    scene.callback(setattr, mesh, "data", mesh.data)
    for modifier in shaping(mesh):
        scene.change(modifier, "show_viewport", False)
        scene.change(modifier, "show_render", False)
    mesh.data = made
    for key, (points, _) in zip(keys.key_blocks, shapes, strict=True):
        mesh.shape_key_add(name=key.name, from_mix=False).data.foreach_set("co", points)
    for key, copy in zip(keys.key_blocks, made.shape_keys.key_blocks, strict=True):
        copy.relative_key = made.shape_keys.key_blocks[key.relative_key.name]
        copy.slider_min, copy.slider_max = key.slider_min, key.slider_max
        copy.value, copy.mute = key.value, key.mute
    return keys, made.shape_keys


def _shape(context: Any, mesh: Any, index: int) -> tuple[NDArray[np.float32], NDArray[np.int32]]:
    """The places (3 V,) of the vertices of one shape, evaluated; and which of them the faces have, and edges."""
    mesh.active_shape_key_index = index
    made = mesh.evaluated_get(context.evaluated_depsgraph_get())
    data = made.to_mesh()
    points = np.empty(3 * len(data.vertices), np.float32)
    corners, sizes = np.empty(len(data.loops), np.int32), np.empty(len(data.polygons), np.int32)
    data.vertices.foreach_get("co", points)
    data.loops.foreach_get("vertex_index", corners)
    data.polygons.foreach_get("loop_total", sizes)
    made.to_mesh_clear()
    return points, np.concatenate([[len(points)], sizes, corners]).astype(np.int32)


def _other_faces(context: Any, mesh: Any, index: int) -> str:
    """Which modifier makes other vertices or faces of this shape than of the first, said to the user."""
    culprit = ""
    with AsItWas() as now:
        for modifier in reversed(shaping(mesh)):
            culprit = modifier.name
            now.change(modifier, "show_viewport", False)
            if np.array_equal(_shape(context, mesh, index)[1], _shape(context, mesh, 0)[1]):
                break
    key = mesh.data.shape_keys.key_blocks[index].name
    return (
        f"The modifier {culprit} of {mesh.name} makes other vertices of its shape key {key} than of the others, so the "
        "file would lose the face. Apply the modifier, let it merge nothing, or switch it off in viewport and render."
    )


def follow(copy: Any, keys: Any) -> None:
    """Let each shape key of a copy have the value of the one that it is made of, whatever moves that."""
    for key in keys.key_blocks[1:]:
        driver = copy.key_blocks[key.name].driver_add("value").driver
        driver.type = "SUM"
        target = driver.variables.new().targets[0]
        target.id_type, target.id, target.data_path = "KEY", keys, key_path(key.name)


def drive_alike(copy: Any, keys: Any) -> None:
    """Let what drives shape keys drive their copies too."""
    data = keys.animation_data
    for driver in data.drivers if data is not None else ():
        copy.animation_data_create().drivers.from_existing(src_driver=driver)
