"""Read an FBX file with Blender's importer: `read_shapes.py OUT.npz FILE FPS FRAMES`.

Where the vertices of each mesh are in the world, on every frame.
"""

from __future__ import annotations

from typing import Any

import bpy
import numpy as np
from export_shapes import seen
from leave import leave
from read_file import curves, read


def main(path: str, fps: str, frames: str) -> dict[str, Any]:
    read(path, float(fps))
    meshes = [thing for thing in bpy.data.objects if thing.type == "MESH" and thing.data.shape_keys is not None]
    first = min(
        point.co[0] for action in bpy.data.actions for curve in curves(action) for point in curve.keyframe_points
    )
    found: dict[str, Any] = dict(seen(meshes, range(round(first), round(first) + int(frames))))
    for mesh in meshes:
        name = mesh.name
        found[f"materials of {name}"] = [slot.material.name for slot in mesh.material_slots]
        found[f"keys of {name}"] = [key.name for key in mesh.data.shape_keys.key_blocks]
        found[f"normals of {name}"] = np.array([normal.vector[:] for normal in mesh.data.corner_normals])
    found["bones"] = [bone.name for thing in bpy.data.armatures for bone in thing.bones]
    return found


if __name__ == "__main__":
    leave(main)
