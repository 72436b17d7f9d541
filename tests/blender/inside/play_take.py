"""Put takes on the box person in a scene of the user's, look at it, and export them one after the other.

`play_take.py OUT.npz FOLDER`
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import bpy
import numpy as np
from box_person import box_person, lively_take
from leave import leave
from read_file import curves, mesh_points

from blender_addon.scene.actions import apply_take, set_frame_rate
from blender_addon.scene.cast import Cast
from blender_addon.scene.character import build_character
from blender_addon.scene.fbx import Played, export_fbx

FRAMES, FPS = 12, 25.0


def main(folder: str) -> dict[str, Any]:
    context = bpy.context
    scene = context.scene  # with Blender's cube, lamp and camera
    scene.name = "My scene"
    set_frame_rate(scene, FPS)
    character = build_character(context, box_person())
    cast = Cast(character.armature, (character.mesh,))
    bpy.data.objects["Cube"].select_set(True)
    found: dict[str, Any] = {}
    for take in ("a", "b"):
        curve = lively_take(FRAMES, FPS, seed=ord(take))
        frames = apply_take(scene, character, curve, f"Take {take}", start=10)
        scene.frame_set(13)
        found[f"points_{take}"] = mesh_points(character.mesh)
        export_fbx(context, Path(folder) / f"{take}.fbx", cast, Played(f"Take {take}", 10, 10 + FRAMES - 1))
        found[f"frames_{take}"] = frames
    # A modifier would cost the face its shapes, were modifiers applied.
    character.mesh.modifiers.new("Smoother", "SUBSURF")
    export_fbx(context, Path(folder) / "smoothed.fbx", cast, Played("Take b", 10, 10 + FRAMES - 1))

    bones, keys = character.armature.data.bones, character.mesh.data.shape_keys
    actions = [thing.animation_data.action for thing in (character.armature, keys)]
    written = [curve for action in dict.fromkeys(actions) for curve in curves(action)]
    wide = lively_take(FRAMES, FPS)
    wide.face[:] = wide.face * 4 - 2  # as expression coefficients are
    apply_take(scene, character, wide, "Wide")
    scene.frame_set(3)
    set_frame_rate(scene, 24000 / 1001)
    return {
        **found,
        "modifiers": [modifier.show_viewport for modifier in character.mesh.modifiers],
        "pinned": character.mesh.show_only_shape_key,
        "scene": [scene.name, *sorted(thing.name for thing in context.selected_objects)],
        "rest": np.array([bone.matrix_local for bone in bones]),
        "tails": np.array([bone.tail_local for bone in bones]),
        "bones": [bone.name for bone in bones],
        "action_names": [action.name for action in actions],
        "action_range": [actions[0].frame_start, actions[0].frame_end],
        "paths": [f"{curve.data_path}[{curve.array_index}]" for curve in written],
        "key_counts": [len(curve.keyframe_points) for curve in written],
        "interpolation": sorted({point.interpolation for curve in written for point in curve.keyframe_points}),
        "groups": sorted({curve.group.name for curve in written}),
        "wide": [key.value for key in keys.key_blocks[1:]],
        "wide_expected": wide.face[3],
        "frames_at_another_rate": apply_take(scene, character, wide, "Rate"),
        "film_rate": [scene.render.fps, scene.render.fps_base],
    }


if __name__ == "__main__":
    leave(main)
